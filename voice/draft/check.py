"""Whether the verifier of the settings can be drafted for: for ``voice doctor``."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from voice import models
from voice.cloud.check import CheckResult
from voice.core.config import Config
from voice.core.errors import VoiceError
from voice.draft.connect import connector, plain
from voice.draft.edge import fingerprints
from voice.draft.target_tokenizers import TargetTokenizers
from voice.draft.verifier import Identity, Verifier
from voice.draft.vocabulary import compare
from voice.llm.prompts import Prompts
from voice.llm.vocabulary import Vocabulary


async def check(config: Config) -> Sequence[CheckResult]:
    """Connect, and compare the two models."""
    draft = config.draft
    if draft.engine == "predicted":
        return [CheckResult("drafting", "ok", f"{config.cloud.base_url} is told what the edge expects (predicted outputs)")]
    try:
        verifier = await connector(draft)()
    except VoiceError as error:
        return [CheckResult("drafting", "error", str(error), "draft.engine = off does without")]
    try:
        who = verifier.identity
        found = [CheckResult("drafting", "ok", f"{who.model} verifies at {draft.url}, round trip {who.rtt_ms:.0f} ms")]
        return [*found, await _match(config, verifier)]
    except VoiceError as error:
        return [CheckResult("drafting", "error", str(error), "voice models verify")]
    finally:
        if (closing := getattr(verifier, "aclose", None)) is not None:
            await closing()


async def _match(config: Config, verifier: Verifier) -> CheckResult:
    """What the two models can do together."""
    edge = await asyncio.to_thread(_edge, config)
    tongues, problem, tongue = TargetTokenizers(config.llm, config.draft.tokenizer), "", None
    trusted = config.draft.same_vocabulary
    if compare(edge, verifier.identity, trusted=trusted).match != "token":
        try:
            tongue = await tongues.of(verifier)
        except VoiceError as error:
            problem = f" ({error})"
    found = compare(edge, verifier.identity, trusted=trusted, tokenizer=tongue is not None)
    tongues.close()
    if found.match != "plain":
        return CheckResult("drafting", "ok", found.why)
    if plain(config) is not None:
        return CheckResult("drafting", "warning", f"{found.why}{problem}; replies are streamed", "set draft.tokenizer")
    cure = "set draft.tokenizer to a GGUF of the verifier's model, or enable [cloud] for its plain answers"
    return CheckResult("drafting", "error", f"{found.why}{problem}, so that the edge answers everything", cure)


def _edge(config: Config) -> Identity:
    """The edge model, without its weights."""
    path = Path(models.locate(config.llm.model))
    vocabulary = Vocabulary(path, text_only=True)
    try:
        tokens, template = fingerprints(vocabulary, Prompts(vocabulary, config.llm))
        return Identity(path.name, vocabulary=tokens, template=template, vocabulary_size=vocabulary.vocabulary)
    finally:
        vocabulary.close()
