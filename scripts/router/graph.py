"""The encoder and its heads as an ONNX graph, written node by node.

Strategy: a few fused nodes a layer (one int8 product for query, key and value; fused attention; fused residual and
normalisation), so that an utterance of a dozen words costs a few hundred microseconds and not the overhead of sixty nodes.
Weights are int8 with one scale a column, activations are quantised by the node on the fly (dynamic quantisation). Weights
keep to 7 bits: processors without VNNI add two products in 16 bits, and 8-bit weights would overflow there.

Inputs: ``ids`` int64 [tokens] (one utterance, no padding). Outputs: one logit vector a head, ``tags`` [tokens, tags], and
``pooled`` [hidden], the mean over the tokens, which what is learnt later (voice/route/difficulty.py) builds on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, npt.NDArray[np.float32]]
MS = "com.microsoft"
WEIGHT_LEVELS = 63


@dataclass
class Graph:
    """Nodes and constants as they are written."""

    quantised: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    names: int = 0

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Store an array under ``name``."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: object) -> str:
        """Write a node; returns the name of its first output (``name_0``, ``name_1`` … when there are several)."""
        self.names += 1
        name = f"{op}_{self.names}"
        made = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), made, name=name, domain=domain, **attributes))
        return name

    def linear(self, x: str, name: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> str:
        """``x @ weight.T + bias``; ``weight`` is [out, in] as torch keeps it."""
        columns = weight.T
        bias_name = self.constant(f"{name}.bias", bias)
        if not self.quantised:
            product = self.node("MatMul", x, self.constant(f"{name}.weight", columns))
            return self.node("Add", product, bias_name)
        scale = np.maximum(np.abs(columns).max(axis=0), 1e-8) / WEIGHT_LEVELS
        whole = np.clip(np.rint(columns / scale), -WEIGHT_LEVELS, WEIGHT_LEVELS).astype(np.int8)
        return self.node(
            "DynamicQuantizeMatMul",
            x,
            self.constant(f"{name}.weight", whole),
            self.constant(f"{name}.scale", scale.astype(np.float32)),
            "",
            bias_name,
            domain=MS,
        )

    def table(self, ids: str, name: str, weight: npt.NDArray[np.float32]) -> str:
        """Rows of an embedding table; int8 with one scale a row."""
        if not self.quantised:
            return self.node("Gather", self.constant(name, weight), ids)
        scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), 1e-8) / 127
        whole = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
        rows = self.node("Cast", self.node("Gather", self.constant(name, whole), ids), to=TensorProto.FLOAT)
        return self.node("Mul", rows, self.node("Gather", self.constant(f"{name}.scale", scale.astype(np.float32)), ids))


def _layer(g: Graph, w: Weights, x: str, index: int, heads: int) -> str:
    p = f"layers.{index}."
    qkv_weight = np.concatenate([w[f"{p}{part}.weight"] for part in ("query", "key", "value")])
    qkv_bias = np.concatenate([w[f"{p}{part}.bias"] for part in ("query", "key", "value")])
    qkv = g.linear(x, f"{p}qkv", qkv_weight, qkv_bias)
    parts = g.node("Split", qkv, outputs=3, axis=-1, num_outputs=3)
    mixed = g.node("MultiHeadAttention", *(f"{parts}_{i}" for i in range(3)), domain=MS, num_heads=heads)
    mixed = g.linear(mixed, f"{p}mix", w[f"{p}mix.weight"], w[f"{p}mix.bias"])
    x = _residual(g, w, x, mixed, f"{p}mix_norm")
    wide = g.node("Gelu", g.linear(x, f"{p}wide", w[f"{p}wide.weight"], w[f"{p}wide.bias"]), domain=MS)
    narrow = g.linear(wide, f"{p}narrow", w[f"{p}narrow.weight"], w[f"{p}narrow.bias"])
    return _residual(g, w, x, narrow, f"{p}narrow_norm")


def _residual(g: Graph, w: Weights, x: str, y: str, norm: str) -> str:
    weight, bias = g.constant(f"{norm}.weight", w[f"{norm}.weight"]), g.constant(f"{norm}.bias", w[f"{norm}.bias"])
    return g.node("SkipLayerNormalization", x, y, weight, bias, domain=MS, epsilon=1e-12)


def build(w: Weights, *, layers: int, attention_heads: int, heads: Mapping[str, int], quantised: bool) -> onnx.ModelProto:
    """The graph of ``w``. ``heads`` maps each pooled head to its width; the head ``tags`` is per token."""
    g = Graph(quantised)
    words = g.table("ids", "words", w["words.weight"])
    count = g.node("Shape", "ids")
    places = g.node("Slice", g.constant("places", w["places.weight"]), g.constant("zero", np.array([0], np.int64)), count)
    first = g.constant("first_axis", np.array([0], np.int64))
    x = g.node("Unsqueeze", g.node("Add", words, places), first)
    x = g.node("LayerNormalization", x, g.constant("n.w", w["norm.weight"]), g.constant("n.b", w["norm.bias"]), epsilon=1e-12)
    for index in range(layers):
        x = _layer(g, w, x, index, attention_heads)
    pooled = g.node("ReduceMean", x, g.constant("token_axis", np.array([1], np.int64)), keepdims=0)
    g.nodes.append(helper.make_node("Squeeze", [pooled, first], ["pooled"], name="out_pooled"))
    outputs = [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [w["norm.weight"].shape[0]])]
    for name, width in heads.items():
        source = x if name == "tags" else pooled
        product = g.node("MatMul", source, g.constant(f"{name}.weight", w[f"heads.{name}.weight"].T))
        logits = g.node("Add", product, g.constant(f"{name}.bias", w[f"heads.{name}.bias"]))
        g.nodes.append(helper.make_node("Squeeze", [logits, first], [name], name=f"out_{name}"))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["tokens", width] if name == "tags" else [width]))
    graph = helper.make_graph(
        g.nodes, "router", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["tokens"])], outputs, g.constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid(MS, 1)])
    model.ir_version = 9
    return model
