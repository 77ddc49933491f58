"""Give a graph that was written without it the output ``pooled``; nothing else of it changes, and nothing is trained.

.venv/bin/python -m scripts.router.pooled models/router
"""

import argparse
import hashlib
import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def add_pooled(model: onnx.ModelProto) -> None:
    """Hand out the mean over the tokens, as :func:`scripts.router.graph.build` does."""
    means = [node for node in model.graph.node if node.op_type == "ReduceMean"]
    if len(means) != 1 or any(output.name == "pooled" for output in model.graph.output):
        raise SystemExit("this is not a router's graph without a pooled output")
    width = next(c.dims[0] for c in model.graph.initializer if c.name == "n.w")
    model.graph.node.append(helper.make_node("Squeeze", [means[0].output[0], "first_axis"], ["pooled"], name="out_pooled"))
    model.graph.output.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [width]))


def main() -> None:
    """Rewrite the graph, and its SHA-256 in router.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    model = onnx.load(folder / "router.onnx")
    add_pooled(model)
    content = model.SerializeToString()
    (folder / "router.onnx").write_bytes(content)
    card = json.loads((folder / "router.json").read_text(encoding="utf-8"))
    card["files"]["router.onnx"] = hashlib.sha256(content).hexdigest()
    (folder / "router.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
