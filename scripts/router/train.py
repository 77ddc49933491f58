"""The steps: teacher, distilled, pruned. Each is a function from models and data to a model; the seed fixes every draw."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scripts.router.dataset import IGNORE, Row, batches, padded
from scripts.router.encoder import Encoder

WEIGHT = {"task": 1.0, "difficulty": 1.0, "length": 0.3, "tags": 1.5}


@dataclass(frozen=True, slots=True)
class Targets:
    """What the teacher says to each row: logits of the pooled heads, and the pooled vector."""

    task: Tensor
    difficulty: Tensor
    pooled: Tensor


def supervised(out: dict[str, Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """The loss against the labels, each head over the rows that have one."""
    _, task, difficulty, length, tags = batch
    loss = out["task"].sum() * 0.0
    if (task != IGNORE).any():
        loss = loss + WEIGHT["task"] * functional.cross_entropy(out["task"], task, ignore_index=IGNORE, label_smoothing=0.05)
    known = ~difficulty.isnan()
    if known.any():
        loss = loss + WEIGHT["difficulty"] * functional.binary_cross_entropy_with_logits(
            out["difficulty"][known], difficulty[known]
        )
    known = ~length.isnan()
    if known.any():
        off = length[known, None] - out["length"][known]
        quantile = torch.tensor([0.5, 0.9])
        loss = loss + WEIGHT["length"] * torch.maximum(quantile * off, (quantile - 1) * off).mean()
    if (tags != IGNORE).any():
        loss = loss + WEIGHT["tags"] * functional.cross_entropy(out["tags"].flatten(0, 1), tags.flatten(), ignore_index=IGNORE)
    return loss


def distilled(
    out: dict[str, Tensor], batch: tuple[Tensor, ...], says: Targets, indices: list[int], proj: Tensor | None
) -> Tensor:
    """Towards the teacher's logits (temperature 2) and its pooled vector, and towards the labels."""
    soft = functional.kl_div(
        functional.log_softmax(out["task"] / 2, -1), functional.softmax(says.task[indices] / 2, -1), reduction="batchmean"
    )
    hard = functional.binary_cross_entropy_with_logits(out["difficulty"], torch.sigmoid(says.difficulty[indices]))
    pooled = out["pooled"] if proj is None else out["pooled"] @ proj
    angle = 1 - functional.cosine_similarity(pooled, says.pooled[indices]).mean()
    return supervised(out, batch) + 3.0 * soft + 0.5 * hard + 2.0 * angle


@torch.no_grad()
def say(model: Encoder, rows: Sequence[Row]) -> Targets:
    """The teacher's word on every row."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    found: dict[str, list[Tensor]] = {"task": [], "difficulty": [], "pooled": []}
    for at in range(0, len(order), 64):
        out = model(padded(rows, order[at : at + 64])[0])
        for name, parts in found.items():
            parts.append(out[name])
    back = torch.tensor(np.argsort(order))
    return Targets(*(torch.cat(found[name])[back] for name in ("task", "difficulty", "pooled")))


def fit(
    model: Encoder,
    epochs: Sequence[Sequence[Row]],
    *,
    rate: float,
    seed: int,
    says: Sequence[Targets] | None = None,
    proj: torch.nn.Parameter | None = None,
    labels_of_difficulty: bool = True,
    save: Callable[[Encoder], None] = lambda _: None,
) -> None:
    """Train in place, one set of rows an epoch: AdamW, a warm-up of 5 %, then linear decay to zero.

    Without ``labels_of_difficulty`` only the teacher is believed: in many epochs a student learns the few labels by heart.
    """
    rng = random.Random(seed)
    torch.manual_seed(seed)
    plan = [(epoch, batch) for epoch, rows in enumerate(epochs) for batch in batches(rows, rng)]
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": parameters, "weight_decay": 0.01}], lr=rate)
    if proj is not None:
        optimizer.add_param_group({"params": [proj]})
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (0.05 * len(plan) + 1), max(0.0, 1 - step / len(plan)))
    )
    model.train()
    started, total = time.monotonic(), 0.0
    for step, (epoch, indices) in enumerate(plan):
        batch = padded(epochs[epoch], indices)
        if not labels_of_difficulty:
            batch = (*batch[:2], torch.full_like(batch[2], math.nan), *batch[3:])
        out = model(batch[0])
        loss = supervised(out, batch) if says is None else distilled(out, batch, says[epoch], indices, proj)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total = total * 0.98 + float(loss) * 0.02 if step else float(loss)
        if math.isnan(total):
            raise SystemExit(f"the loss is not a number at step {step}: lower the rate or look at the data")
        if step % 100 == 0 or step + 1 == len(plan):
            spent = time.monotonic() - started
            print(f"  step {step + 1}/{len(plan)} loss {total:.3f} {spent:.0f} s", flush=True)
        if step % 400 == 399:
            save(model)
    save(model)
    model.eval()
