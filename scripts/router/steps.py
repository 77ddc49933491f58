"""The whole training, in order. A step whose file is in ``--work`` is loaded from it."""

import argparse
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer

from scripts.router.compress import Step, measure, plot, ship, table
from scripts.router.dataset import Row, as_row, corpus, first_names, roughen
from scripts.router.encoder import Encoder, Size, fewer_layers, from_minilm, narrower
from scripts.router.train import Targets, fit, say
from scripts.router.vocabulary import prune
from voice.privacy.people import given_names

PLACES = 96
FROZEN_LAYERS = 2
"""Of the teacher: the embeddings and the first layers keep what they learnt from a billion sentence pairs."""
DISTILLED_LAYERS = (0, 4)
UNTAGGED = frozenset({"weak_strong", "titles"})
"""What the last student learns no tags from: a small model that sees invented names untagged forgets what a name looks like."""
HIDDEN, WIDE, WORDS = 256, 512, 20_000


def run(given: argparse.Namespace) -> None:
    """Teacher, distilled, pruned, int8: train what is not kept, measure, ship."""
    if given.threads:
        torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    given.work.mkdir(parents=True, exist_ok=True)
    folder = given.encoder or _from_store()
    texts = corpus(given.data, given.seed)
    print(f"{len(texts.train)} texts to train on; tests: { ({name: len(t) for name, t in texts.tests.items()}) }", flush=True)
    rng = random.Random(given.seed)
    # the teacher sees the first two passes; the last student also what another draw of the texts and grammars gives
    more = corpus(given.data, given.seed + 1).train
    passes = [[roughen(example, rng) for example in examples] for examples in (texts.train, texts.train, more, more)]
    names = first_names() | given_names()
    full = Tokenizer.from_file(str(folder / "tokenizer.json"))
    full.no_truncation()
    full.no_padding()
    rows = [[as_row(e, full, names, PLACES, rng) for e in part] for part in passes]
    teacher = _kept(given.work / "teacher.pt", lambda: _teacher(folder, rows[:2], given.seed))
    steps = [Step("teacher", teacher, full)]
    # asked only when a step is to be trained: it takes as long as a pass of training
    says = cache(lambda: _says(given.work / "says.pt", teacher, rows))
    distilled = _kept(given.work / "distilled.pt", lambda: _distilled(teacher, rows[:2], says()[:2], given.seed))
    steps.append(Step("distilled", distilled, full))
    small_json, keep = prune(folder / "tokenizer.json", (e.text for part in passes for e in part), WORDS)
    small = Tokenizer.from_str(small_json)
    small_rows = [[as_row(e, small, names, PLACES, rng, untagged=UNTAGGED) for e in part] for part in passes]
    pruned = _kept(given.work / "pruned.pt", lambda: _pruned(distilled, keep, small_rows, says(), given.seed))
    steps += [Step("pruned", pruned, small), Step("int8", pruned, small, quantised=True)]
    measured = []
    for step in steps:
        measured.append(measure(step, texts))
        print(json.dumps(measured[-1]), flush=True)
    ship(steps[-1], small_json, measured, given.out, given.seed)
    (given.out / "steps.md").write_text(table(measured), encoding="utf-8")
    plot(measured, given.out / "steps.png")
    print(table(measured))


def _from_store() -> Path:
    from voice.models import locate

    return locate("encoder-minilm-l6-v2").parent


def _kept(path: Path, make: Callable[[], Encoder]) -> Encoder:
    """The model in ``path``, or the one that is made and put there."""
    if path.is_file():
        found = torch.load(path, weights_only=True)
        model = Encoder(Size(**found["size"]))
        model.load_state_dict(found["state"])
        print(f"{path.stem}: as kept", flush=True)
    else:
        print(f"{path.stem}:", flush=True)
        model = make()
        s = model.size
        size = {"layers": s.layers, "hidden": s.hidden, "wide": s.wide, "vocabulary": s.vocabulary, "places": s.places}
        torch.save({"size": size, "state": model.state_dict()}, path)
    return model.eval()


def _teacher(folder: Path, rows: list[list[Row]], seed: int) -> Encoder:
    model = from_minilm(folder / "model.safetensors", PLACES)
    for part in (model.words, model.places, model.norm, *model.layers[:FROZEN_LAYERS]):
        part.requires_grad_(False)
    fit(model, rows, rate=1.5e-4, seed=seed)
    return model


def _says(path: Path, teacher: Encoder, rows: list[list[Row]]) -> list[Targets]:
    if path.is_file():
        return [Targets(**part) for part in torch.load(path, weights_only=True)]
    print("what the teacher says:", flush=True)
    says = [say(teacher, part) for part in rows]
    torch.save([{"task": s.task, "difficulty": s.difficulty, "pooled": s.pooled} for s in says], path)
    return says


def _distilled(teacher: Encoder, rows: list[list[Row]], says: list[Targets], seed: int) -> Encoder:
    model = fewer_layers(teacher, DISTILLED_LAYERS)
    model.words.requires_grad_(False)
    fit(model, rows, rate=4e-4, seed=seed, says=says)
    return model


def _pruned(distilled: Encoder, keep: list[int], rows: list[list[Row]], says: list[Targets], seed: int) -> Encoder:
    model = narrower(distilled, keep, (0, 1), HIDDEN, WIDE)
    torch.manual_seed(seed)
    proj = torch.nn.Parameter(torch.nn.init.orthogonal_(torch.empty(HIDDEN, distilled.size.hidden)))
    order = [0, 2, 1, 3, 0]
    epochs, targets = [rows[i] for i in order], [says[i] for i in order]
    fit(model, epochs, rate=1e-3, seed=seed, says=targets, proj=proj, labels_of_difficulty=False)
    return model
