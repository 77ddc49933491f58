import json
from pathlib import Path

import pytest

from voice.bench.models.tts import bench_tts


@pytest.mark.real
def test_the_streamed_voice_is_sooner_and_sounds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "tts.json"
    bench_tts(path, repeats=2, limit=2)
    found = json.loads(path.read_text())
    assert found["first_audio_ms"]["n"] == 4
    assert found["sentences"]["first_audio_ms"]["p50"] < found["sentences"]["whole_ms"]["p50"]
    assert found["sentences"]["ratio"] > 1.5
    assert found["max_abs_difference"] <= 1e-4
    assert found["seams"]["greatest_step_ratio"] <= 1
    assert 0 < found["rtf"] < 1
    assert "machine" in found
