"""Cuts the ONNX graph of a Piper voice in three, so that speech can leave before the clause is computed.

Strategy: a VITS voice (Kim et al. 2021, arXiv:2106.06103) is a text encoder with a duration predictor, which needs the whole
text, then a normalising flow and a HiFi-GAN decoder, which are plain convolutions over frames. A convolution looks at a fixed
number of neighbours, so any stretch of its output can be computed exactly from a slightly longer stretch of its input. The
cuts are found by structure, not by name (exporters name nodes differently): the decoder begins at the convolution before the
first transposed one; the flow begins where the prior's noise has been added. How many neighbours a part needs is read off its
convolutions. A graph in which the cuts are not found stays whole and is synthesised clause by clause.

The parts are kept beside the models, under the hash of the voice, and made again when they are missing.
"""

import hashlib
import json
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx.utils import Extractor

from voice.core.errors import ModelError

log = logging.getLogger(__name__)

_LAYOUT = 1  # of the cache; another number makes all parts again

Graph = Any  # onnx has no types


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the graph that can be computed stretch by stretch.

    Attributes:
        model: an ONNX file, or its bytes where the cache could not be written.
        context_frames: how many frames of input beyond each end of a stretch its output depends on.
    """

    model: Path | bytes
    context_frames: int


@dataclass(frozen=True, slots=True)
class Parts:
    """A voice, cut.

    Attributes:
        encoder: from phonemes to the input of the first streamed part (or to the audio when there is none).
        streamed: flow and decoder, or the decoder alone, or nothing.
        hop_samples: samples of audio in a frame.
        durations: the encoder's output with the frames of each phoneme; empty if there is none.
    """

    encoder: Path | bytes
    streamed: tuple[Part, ...]
    hop_samples: int
    durations: str


def split(voice: Path, cache: Path) -> Parts:
    """The parts of ``voice``, from ``cache`` or made now (about a second).

    Safe to call from several processes at once. A cache that cannot be written costs that second at every start.

    Raises:
        ModelError: the file is not a voice's ONNX graph.
    """
    with voice.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache / f"{voice.stem}-{digest[:16]}-{_LAYOUT}-onnx{onnx.__version__}"
    if (found := _load(folder)) is not None:
        return found
    log.info("cutting the voice %s for streaming", voice.stem)
    parts = cut(voice)
    if not parts.streamed:
        log.warning("the graph of %s is not laid out like a Piper voice: its clauses are synthesised whole", voice.name)
        return parts
    try:
        _save(parts, folder)
    except OSError as error:
        log.warning("cannot keep the cut voice in %s (%s): it is cut again at every start", folder, error.strerror)
        return parts
    return _load(folder) or parts


def cut(voice: Path) -> Parts:
    """Cut without a cache. See :func:`split`."""
    try:
        model = onnx.load(str(voice))
        extractor = Extractor(onnx.shape_inference.infer_shapes(model))
    except Exception as error:  # protobuf and onnx each raise their own kind
        raise ModelError(f"{voice} is not a readable ONNX model ({error}): fetch the voice again") from error
    graph = _Topology(model.graph)
    decoder_input, hop = graph.decoder_input()
    if not decoder_input:
        return Parts(voice, (), 256, "")
    durations = graph.durations()
    flow_input = graph.flow_input(decoder_input)
    borders = [graph.crossing(flow_input, decoder_input), [decoder_input]] if flow_input else [[decoder_input]]
    output = model.graph.output[0].name
    ends = [*borders[1:], [output]]
    try:
        streamed = tuple(_part(extractor, graph, begin, end) for begin, end in zip(borders, ends, strict=True))
        inputs = [value.name for value in model.graph.input]
        encoder = extractor.extract_model(inputs, [*borders[0], *([durations] if durations else [])])
    except Exception as error:  # whatever the extractor dislikes, the whole voice still works
        log.warning("cannot cut %s: %s", voice.name, error)
        return Parts(voice, (), hop, "")
    return Parts(encoder.SerializeToString(), streamed, hop, durations)


def _part(extractor: Extractor, graph: "_Topology", begin: list[str], end: list[str]) -> Part:
    speaker = [name for name in graph.model_inputs_reached(end, stop=begin) if name == "sid"]
    model = extractor.extract_model([*begin, *speaker], end)
    return Part(model.SerializeToString(), context_frames(model.graph))


def context_frames(graph: Graph) -> int:
    """How many input frames beyond each end of a stretch a chain of convolutions looks at."""
    rate: dict[str, float] = {}  # values per input frame
    reach: dict[str, float] = {}  # in input frames
    for node in graph.node:
        sources = [name for name in node.input if name in reach] or list(node.input[:1])
        before = max((reach.get(name, 0.0) for name in sources), default=0.0)
        scale = max((rate.get(name, 1.0) for name in sources), default=1.0)
        attributes = _attributes(node)
        if node.op_type == "Conv":
            kernel, dilation = attributes["kernel_shape"][-1], attributes.get("dilations", [1])[-1]
            before += (kernel - 1) * dilation / 2 / scale
        elif node.op_type == "ConvTranspose":
            kernel, stride = attributes["kernel_shape"][-1], attributes["strides"][-1]
            before += (kernel - 1) / stride / scale
            scale *= stride
        for name in node.output:
            reach[name], rate[name] = before, scale
    return math.ceil(max((reach.get(value.name, 0.0) for value in graph.output), default=0.0))


class _Topology:
    """Who makes and who uses each value of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._maker = {name: node for node in graph.node for name in node.output}
        self._users: dict[str, list[Graph]] = {}
        for node in graph.node:
            for name in node.input:
                self._users.setdefault(name, []).append(node)
        self._inputs = {value.name for value in graph.input} - {value.name for value in graph.initializer}

    def decoder_input(self) -> tuple[str, int]:
        """What goes into the decoder's first convolution, and the samples it makes of a frame; an empty name if not found."""
        upsamplers = [node for node in self._graph.node if node.op_type == "ConvTranspose"]
        if not upsamplers:
            return "", 256
        hop = math.prod(_attributes(node)["strides"][-1] for node in upsamplers)
        waiting = [upsamplers[0].input[0]]
        for _ in range(16):
            node = self._maker.get(waiting.pop(0)) if waiting else None
            if node is None:
                break
            if node.op_type == "Conv" and _attributes(node)["kernel_shape"][-1] > 1:
                return str(node.input[0]), hop
            if node.op_type != "Conv":  # a convolution of width 1 adds the speaker
                waiting += node.input
        return "", hop

    def flow_input(self, decoder_input: str) -> str:
        """The prior's sample: the sum behind the last noise before the decoder. Empty if not found."""
        above = self._ancestors([decoder_input])
        noises = [node for node in self._graph.node if node.op_type == "RandomNormalLike" and node.output[0] in above]
        if not noises:
            return ""
        value = str(noises[-1].output[0])
        for _ in range(4):
            users = self._users.get(value, [])
            if len(users) != 1 or users[0].op_type not in ("Mul", "Add"):
                return ""
            value = str(users[0].output[0])
            if users[0].op_type == "Add":
                return value
        return ""

    def crossing(self, begin: str, end: str) -> list[str]:
        """``begin``, then all other values that the graph between it and ``end`` takes from above ``begin``."""
        above = self._ancestors([begin])
        between = self._ancestors([end]) - above
        taken = {name for made in between for name in self._maker[made].input if name in above and self._depends_on_input(name)}
        return [begin, *sorted(taken - {begin})]

    def durations(self) -> str:
        """The rounded-up frames of each phoneme: the only ``Ceil`` of the graph. Empty if not found."""
        ceils = [node for node in self._graph.node if node.op_type == "Ceil"]
        return ceils[0].output[0] if len(ceils) == 1 else ""

    def model_inputs_reached(self, names: Iterable[str], *, stop: Iterable[str]) -> set[str]:
        """The model's own inputs that ``names`` depend on other than through ``stop``."""
        return self._walk(names, set(stop)) & self._inputs

    def _ancestors(self, names: Iterable[str]) -> set[str]:
        return {name for name in self._walk(names, set()) if name in self._maker}

    def _depends_on_input(self, name: str) -> bool:
        return bool(self._walk([name], set()) & self._inputs)

    def _walk(self, names: Iterable[str], stop: set[str]) -> set[str]:
        seen: set[str] = set()
        waiting = [name for name in names if name not in stop]
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if (node := self._maker.get(name)) is not None:
                waiting += [source for source in node.input if source not in stop]
        return seen


def _attributes(node: Graph) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


# --- the cache ---------------------------------------------------------------------------------------------------------------


def _save(parts: Parts, folder: Path) -> None:
    """Write into a folder of its own, then move it into place: another process sees all of it or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        sizes = {}
        for name, model in [
            ("encoder.onnx", parts.encoder),
            *((f"part{i}.onnx", part.model) for i, part in enumerate(parts.streamed)),
        ]:
            data = model if isinstance(model, bytes) else model.read_bytes()
            (made / name).write_bytes(data)
            sizes[name] = len(data)
        facts = {"sizes": sizes, "hop_samples": parts.hop_samples, "durations": parts.durations}
        contexts = [part.context_frames for part in parts.streamed]
        (made / "parts.json").write_text(json.dumps({**facts, "context_frames": contexts}), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        os.replace(made, folder)  # noqa: PTH105 - the same, and says what it does
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        if not (folder / "parts.json").is_file():  # otherwise another process was first
            raise


def _load(folder: Path) -> Parts | None:
    """What :func:`_save` wrote, or None if it is missing or incomplete."""
    try:
        facts = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
        if any((folder / name).stat().st_size != size for name, size in facts["sizes"].items()):
            return None
        streamed = tuple(Part(folder / f"part{i}.onnx", context) for i, context in enumerate(facts["context_frames"]))
        return Parts(folder / "encoder.onnx", streamed, facts["hop_samples"], facts["durations"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
