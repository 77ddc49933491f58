"""Everything that can go wrong, in one tree.

Every error names the stage it comes from, a code that a program can match, and whether trying again can help.
Vendor exceptions are mapped to these at the adapter that meets them; failure is never ``None``.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar


class VoiceError(Exception):
    """The root. ``str(error)`` is a sentence for a person: the cause, then the cure."""

    stage: ClassVar[str] = "voice"
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class ConfigError(VoiceError):
    """A configuration value is missing, unknown, of the wrong type or out of range."""

    stage = "config"
    code = "bad_config"


class ModelError(VoiceError):
    """A model file is missing, damaged, or not what the manifest says."""

    stage = "models"
    code = "bad_model"


class ModelMissing(ModelError):
    """A model file is not on this machine."""

    code = "model_missing"


class ModelFetchError(ModelError):
    """No source gave the file that the manifest asks for."""

    code = "model_fetch_failed"
    retryable = True


class AudioError(VoiceError):
    """Audio that cannot be read or is not what it claims to be."""

    stage = "audio"
    code = "bad_audio"


class DetectorError(VoiceError):
    """Voice activity detection failed."""

    stage = "vad"
    code = "vad_failed"
    retryable = True


class AsrError(VoiceError):
    """Speech recognition failed."""

    stage = "asr"
    code = "asr_failed"
    retryable = True


class TurnDetectorError(VoiceError):
    """The end of a turn could not be told from its sound."""

    stage = "turn"
    code = "turn_failed"
    retryable = True


class RouteError(VoiceError):
    """The router's model failed."""

    stage = "route"
    code = "route_failed"
    retryable = True


class ChatError(VoiceError):
    """The language model failed."""

    stage = "llm"
    code = "llm_failed"
    retryable = True


class ChatBusy(ChatError):
    """Every conversation slot of the language model is taken."""

    code = "llm_busy"


class VerifierError(VoiceError):
    """The model that verifies drafts cannot be reached, failed, or answered what cannot be."""

    stage = "draft"
    code = "verifier_failed"
    retryable = True


class BadVerdict(VerifierError):
    """An answer that does not belong to its question: dropped, and nothing that follows from it is spoken."""

    code = "bad_verdict"


class CloudError(VoiceError):
    """The cloud model cannot be had, or broke off.

    Attributes:
        error_code: what happened: cloud_unreachable, cloud_refused, cloud_unknown, cloud_limited, cloud_failed, cloud_slow or
            cloud_garbled.
        retry_after_s: how long the cloud itself asked to be left alone.
        lasting: trying again soon is pointless (a wrong key, a model that does not exist).
    """

    stage = "cloud"
    code = "cloud_failed"
    retryable = True

    def __init__(self, message: str, *, code: str = "cloud_failed", retry_after_s: float = 0.0, lasting: bool = False) -> None:
        super().__init__(message)
        self.error_code = code
        self.retry_after_s = retry_after_s
        self.lasting = lasting


class SynthesisError(VoiceError):
    """Speech synthesis failed."""

    stage = "tts"
    code = "tts_failed"
    retryable = True


class Overloaded(VoiceError):
    """A bounded queue whose policy is to fail is full."""

    stage = "inference"
    code = "overloaded"
    retryable = True


class DeviceError(VoiceError):
    """A sound device, or the library that reaches it, is missing or busy."""

    stage = "mic"
    code = "device_unavailable"


class ProtocolError(VoiceError):
    """A client sent something that the protocol does not allow.

    ``close_code`` is set when the connection cannot go on: the WebSocket close code to use.
    """

    stage = "server"
    code = "bad_message"

    def __init__(self, message: str, *, code: str | None = None, close_code: int | None = None) -> None:
        super().__init__(message)
        self.error_code = code or self.code
        self.close_code = close_code


class ServerUnreachable(VoiceError):
    """No server answered at the address given."""

    stage = "client"
    code = "server_unreachable"
    retryable = True


@contextmanager
def mapped(kind: Callable[[str], VoiceError], what: str) -> Iterator[None]:
    """Whatever a library raises becomes ``kind``, with its first line behind ``what`` ("speech recognition failed").

    A :class:`VoiceError` passes as it is, and so does what is no ``Exception``: a cancellation, an interruption. A context
    manager, and a decorator of functions that are not coroutines.
    """
    try:
        yield
    except VoiceError:
        raise
    except Exception as error:
        raise kind(f"{what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
