"""The encoder in torch: BERT's layers as MiniLM has them, mean pooling, and the heads.

Sizes are the only difference between teacher and students. The names of the weights are those that ``graph.py`` reads.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from voice.route.labels import TAGS, TASKS

HEADS = {"task": len(TASKS), "difficulty": 2, "length": 2, "tags": len(TAGS)}
"""Head → width. ``difficulty``: logits that the weak and that the strong model is right. ``length``: log tokens, median and
p90."""


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of an encoder; attention heads are 32 wide."""

    layers: int
    hidden: int
    wide: int
    vocabulary: int
    places: int = 96


class Layer(nn.Module):
    """Self-attention and a two-layer network, normalised after each residual."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        h = size.hidden
        self.query, self.key, self.value, self.mix = (nn.Linear(h, h) for _ in range(4))
        self.wide, self.narrow = nn.Linear(h, size.wide), nn.Linear(size.wide, h)
        self.mix_norm, self.narrow_norm = nn.LayerNorm(h, eps=1e-12), nn.LayerNorm(h, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """One layer over x [batch, tokens, hidden]."""
        batch, tokens, hidden = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(batch, tokens, hidden // 32, 32).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(split(self.query(x)), split(self.key(x)), split(self.value(x)), mask)
        mixed = self.mix(mixed.transpose(1, 2).reshape(batch, tokens, hidden))
        x = self.mix_norm(x + functional.dropout(mixed, 0.1, self.training))
        return self.narrow_norm(x + functional.dropout(self.narrow(functional.gelu(self.wide(x))), 0.1, self.training))


class Encoder(nn.Module):
    """ids [batch, tokens] (0 pads) → the pooled vector and one output a head."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.words = nn.Embedding(size.vocabulary, size.hidden)
        self.places = nn.Embedding(size.places, size.hidden)
        self.norm = nn.LayerNorm(size.hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))
        self.heads = nn.ModuleDict({name: nn.Linear(size.hidden, width) for name, width in HEADS.items()})

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        """Every head's output, and "pooled"."""
        here = ids != 0
        x = self.norm(self.words(ids) + self.places.weight[: ids.shape[1]])
        x = functional.dropout(x, 0.1, self.training)
        mask = here[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        pooled = (x * here[..., None]).sum(1) / here.sum(1, keepdim=True)
        out = {name: head(x if name == "tags" else pooled) for name, head in self.heads.items()}
        return {"pooled": pooled, **out}


def from_minilm(path: Path, places: int = 96) -> Encoder:
    """The sentence encoder all-MiniLM-L6-v2 with fresh heads."""
    found = {key.removeprefix("bert."): value for key, value in load_file(path).items()}
    size = Size(layers=6, hidden=384, wide=1536, vocabulary=found["embeddings.word_embeddings.weight"].shape[0], places=places)
    model = Encoder(size)
    state = model.state_dict()
    state["words.weight"] = found["embeddings.word_embeddings.weight"]
    # every token is of the first type, so its vector is part of the place
    state["places.weight"] = (
        found["embeddings.position_embeddings.weight"][:places] + found["embeddings.token_type_embeddings.weight"][0]
    )
    names = {
        "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
        "mix": "attention.output.dense", "mix_norm": "attention.output.LayerNorm",
        "wide": "intermediate.dense", "narrow": "output.dense", "narrow_norm": "output.LayerNorm",
    }  # fmt: skip
    for part in ("weight", "bias"):
        state[f"norm.{part}"] = found[f"embeddings.LayerNorm.{part}"]
        for index in range(6):
            for ours, theirs in names.items():
                state[f"layers.{index}.{ours}.{part}"] = found[f"encoder.layer.{index}.{theirs}.{part}"]
    model.load_state_dict(state)
    return model


def fewer_layers(model: Encoder, keep: tuple[int, ...]) -> Encoder:
    """A copy with only the layers ``keep``."""
    s = model.size
    small = Encoder(Size(len(keep), s.hidden, s.wide, s.vocabulary, s.places))
    state = {key: value for key, value in model.state_dict().items() if not key.startswith("layers.")}
    for new, old in enumerate(keep):
        prefix = f"layers.{old}."
        state |= {
            f"layers.{new}.{key.removeprefix(prefix)}": value
            for key, value in model.state_dict().items()
            if key.startswith(prefix)
        }
    small.load_state_dict(state)
    return small


@torch.no_grad()
def narrower(model: Encoder, keep_tokens: list[int], keep_layers: tuple[int, ...], hidden: int, wide: int) -> Encoder:
    """A copy with fewer tokens, layers, dimensions and inner neurons.

    The hidden space is turned to its principal axes (of the kept word vectors, the only weights that see no layer) and cut;
    of the attention heads and of the inner neurons those with the largest weights stay. What this breaks, distillation mends.
    """
    model = fewer_layers(model, keep_layers)
    small = Encoder(Size(len(keep_layers), hidden, wide, len(keep_tokens), model.size.places))
    old = model.state_dict()
    words = old["words.weight"][keep_tokens]
    axes = torch.linalg.svd(words - words.mean(0), full_matrices=False).Vh[:hidden].T  # [384, hidden]
    new = small.state_dict()
    new["words.weight"] = words @ axes
    new["places.weight"] = old["places.weight"] @ axes
    for index in range(len(keep_layers)):
        p = f"layers.{index}."
        strength = old[f"{p}mix.weight"].norm(dim=0).view(-1, 32).norm(dim=1) * old[f"{p}value.weight"].norm(dim=1).view(
            -1, 32
        ).norm(dim=1)
        heads = strength.topk(hidden // 32).indices.sort().values
        rows = (heads[:, None] * 32 + torch.arange(32)).flatten()
        for part in ("query", "key", "value"):
            new[f"{p}{part}.weight"] = old[f"{p}{part}.weight"][rows] @ axes
            new[f"{p}{part}.bias"] = old[f"{p}{part}.bias"][rows]
        new[f"{p}mix.weight"] = axes.T @ old[f"{p}mix.weight"][:, rows]
        new[f"{p}mix.bias"] = axes.T @ old[f"{p}mix.bias"]
        inner = (old[f"{p}wide.weight"].norm(dim=1) * old[f"{p}narrow.weight"].norm(dim=0)).topk(wide).indices.sort().values
        new[f"{p}wide.weight"], new[f"{p}wide.bias"] = old[f"{p}wide.weight"][inner] @ axes, old[f"{p}wide.bias"][inner]
        new[f"{p}narrow.weight"] = axes.T @ old[f"{p}narrow.weight"][:, inner]
        new[f"{p}narrow.bias"] = axes.T @ old[f"{p}narrow.bias"]
    for name in HEADS:
        new[f"heads.{name}.weight"] = old[f"heads.{name}.weight"] @ axes
        new[f"heads.{name}.bias"] = old[f"heads.{name}.bias"]
    small.load_state_dict(new)
    return small
