from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from voice import models
from voice.core.errors import ModelError
from voice.tts.split import context_frames, cut, split


def convolutions(*layers: tuple[str, int, int, int]) -> onnx.GraphProto:
    """A chain of (operator, kernel, dilation, stride) over one channel."""
    nodes, weights, value = [], [], "x"
    for index, (operator, kernel, dilation, stride) in enumerate(layers):
        weights.append(numpy_helper.from_array(np.ones((1, 1, kernel), np.float32), f"w{index}"))
        pad = (kernel - stride) // 2 if operator == "ConvTranspose" else (kernel - 1) * dilation // 2
        nodes.append(
            helper.make_node(
                operator,
                [value, f"w{index}"],
                [f"y{index}"],
                kernel_shape=[kernel],
                dilations=[dilation],
                strides=[stride],
                pads=[pad, pad],
            )
        )
        value = f"y{index}"
    shape = helper.make_tensor_value_info
    return helper.make_graph(
        nodes, "g", [shape("x", TensorProto.FLOAT, [1, 1, "t"])], [shape(value, TensorProto.FLOAT, [1, 1, "u"])], weights
    )


def test_the_context_is_read_off_the_convolutions() -> None:
    assert context_frames(convolutions(("Conv", 7, 1, 1))) == 3
    assert context_frames(convolutions(("Conv", 7, 12, 1), ("Conv", 3, 1, 1))) == 37
    assert context_frames(convolutions(("ConvTranspose", 16, 1, 8), ("Conv", 7, 12, 1))) == 7  # 15/8 + 36/8


def test_a_graph_without_a_decoder_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(convolutions(("Conv", 7, 1, 1))), str(path))
    parts = split(path, tmp_path / "cache")
    assert parts.streamed == ()
    assert parts.encoder == path


def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx"
    path.write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="fetch the voice again"):
        cut(path)


@pytest.fixture(scope="module")
def joe() -> Path:
    return models.locate("tts-joe-medium")


@pytest.mark.real
def test_a_voice_is_cut_at_flow_and_decoder(joe: Path) -> None:
    parts = cut(joe)
    assert [part.context_frames for part in parts.streamed] == [32, 12]
    assert parts.hop_samples == 256
    assert parts.durations


@pytest.mark.real
def test_the_parts_are_kept_and_made_again_when_damaged(joe: Path, tmp_path: Path) -> None:
    made = split(joe, tmp_path)
    assert isinstance(made.encoder, Path)
    written = made.encoder.stat().st_mtime_ns
    assert split(joe, tmp_path) == made
    assert made.encoder.stat().st_mtime_ns == written
    made.encoder.write_bytes(b"damaged")
    assert split(joe, tmp_path) == made
    assert made.encoder.stat().st_size > 1_000_000
    assert len(list(tmp_path.iterdir())) == 1  # nothing half-made is left


@pytest.mark.real
def test_a_cache_that_cannot_be_written_costs_only_time(joe: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    parts = split(joe, blocked / "derived")
    assert len(parts.streamed) == 2
    assert isinstance(parts.encoder, bytes)
