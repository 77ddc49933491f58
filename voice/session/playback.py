"""What has been said aloud: paces a reply's audio to the client and knows which words were heard.

Pure bookkeeping; time is an argument. The client plays at real-time speed from the first piece on, so what it has played can
be reckoned from what was sent and when; a client that reports its own position (:meth:`Playback.report`) is believed instead.

A client throws away at a hold what it has not played, so what it reports while the reply is held is where the reply goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from voice.core.interfaces import Samples


@dataclass(slots=True)
class _Clause:
    text: str
    own: bool
    start: int
    length: int


class Playback:
    """One reply on its way to the user's listener.

    Args:
        rate_hz: of the reply's audio.
        lead_ms: how far ahead of playback audio is handed out.
        piece_ms: the longest piece handed out at once.
    """

    def __init__(self, rate_hz: int, *, lead_ms: float, piece_ms: float = 40.0) -> None:
        self.rate_hz = rate_hz
        self._lead = int(rate_hz * lead_ms / 1000)
        self._piece = max(1, int(rate_hz * piece_ms / 1000))
        self._chunks: list[Samples] = []
        self._chunk_starts: list[int] = []
        self._clauses: list[_Clause] = []
        self._cursor_chunk = 0
        self._queued = 0
        self._sent = 0
        self._played = 0.0
        self._played_at_s: float | None = None
        self._reported = 0.0
        self._sent_before_hold = 0
        self._finished = False
        self.held = False

    # --- what comes in -------------------------------------------------------------------------------------------------------

    def begin_clause(self, text: str, *, own: bool = True) -> None:
        """The audio added from now on speaks ``text``, which is the answer's ``own`` or a filler or a bridge."""
        self._clauses.append(_Clause(text, own, self._queued, 0))

    def add(self, samples: Samples, clause_samples: int) -> None:
        """Add audio of the clause begun last, which will be ``clause_samples`` long in all."""
        if not samples.size:
            return
        self._chunks.append(samples)
        self._chunk_starts.append(self._queued)
        self._queued += samples.size
        if self._clauses:
            clause = self._clauses[-1]
            clause.length = max(clause_samples, self._queued - clause.start)

    def finish(self) -> None:
        """Nothing more comes."""
        self._finished = True

    # --- what goes out -------------------------------------------------------------------------------------------------------

    def due(self, now_s: float) -> Samples | None:
        """The next piece to send, or ``None`` when enough is on its way, the audio is held, or there is none."""
        self._advance(now_s)
        if self.held or self._sent >= self._queued or self._sent - self._played >= self._lead:
            return None
        while self._chunk_starts[self._cursor_chunk] + self._chunks[self._cursor_chunk].size <= self._sent:
            self._cursor_chunk += 1
        chunk = self._chunks[self._cursor_chunk]
        offset = self._sent - self._chunk_starts[self._cursor_chunk]
        piece = chunk[offset : offset + self._piece]
        if self._played_at_s is None:
            self._played_at_s = now_s
        self._sent += piece.size
        return piece

    def wait_s(self, now_s: float) -> float | None:
        """Seconds until :meth:`due` may give something or :meth:`done` may turn true; ``None`` when only new audio can."""
        self._advance(now_s)
        if self.held:
            return None
        ahead = self._sent - self._played
        if self._sent < self._queued:
            return max(0.0, (ahead - self._lead + 1) / self.rate_hz)
        if self._finished:
            return max(0.0, ahead / self.rate_hz)
        return None

    def clauses_begun(self) -> Iterator[tuple[str, bool]]:
        """The clauses of which some audio has been handed out, oldest first, and whether each is the answer's own."""
        return ((clause.text, clause.own) for clause in self._clauses if clause.start < self._sent)

    # --- where it stands -----------------------------------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """Whether anything was sent."""
        return self._played_at_s is not None

    @property
    def buffered_s(self) -> float:
        """Seconds of audio that wait to be sent."""
        return (self._queued - self._sent) / self.rate_hz

    def done(self, now_s: float) -> bool:
        """Whether everything was sent and played."""
        self._advance(now_s)
        return self._finished and not self.held and self._sent >= self._queued and self._sent - self._played < 1

    def report(self, played_ms: float, now_s: float) -> None:
        """The client says that it has played this much: never less than it said before, nor more than was sent.

        While the reply is held this is also where it goes on.
        """
        self._advance(now_s)
        sent = self._sent_before_hold if self.held else self._sent
        self._reported = self._played = min(max(played_ms / 1000 * self.rate_hz, self._reported), float(sent))
        if self.held:
            self._sent = round(self._played)

    def hold(self, now_s: float) -> None:
        """Stop: what was sent but not played is taken to be thrown away by the client and will be sent again."""
        self._advance(now_s)
        if not self.held:
            self._sent_before_hold = self._sent
        self.held = True
        self._sent = int(self._played)
        self._cursor_chunk = 0

    @property
    def played_ms(self) -> float:
        """How much was played when it was last looked at."""
        return self._played * 1000 / self.rate_hz

    def resume(self, now_s: float) -> None:
        """Go on from the last sample that was played."""
        self.held = False
        self._reported = min(self._reported, float(self._sent))
        if self._played_at_s is not None:
            self._played_at_s = now_s

    def heard(self, now_s: float, *, own: bool = False) -> str:
        """The clauses (with ``own`` the answer's own), or the words of them, that were played: a word once half was heard.

        Words are placed in their clause by their share of its letters: within a word or two of the truth, without the phoneme
        times that few voices give.
        """
        self._advance(now_s)
        clauses = [clause for clause in self._clauses if clause.own or not own]
        return " ".join(words for clause in clauses if (words := _words_heard(clause, self._played)))

    def _advance(self, now_s: float) -> None:
        if self._played_at_s is None or self.held:
            return
        elapsed_s = max(0.0, now_s - self._played_at_s)
        self._played = min(float(self._sent), self._played + elapsed_s * self.rate_hz)
        self._played_at_s = now_s


def _words_heard(clause: _Clause, played: float) -> str:
    if not clause.length or played <= clause.start:
        return ""
    share = (played - clause.start) / clause.length
    if share >= 1:
        return clause.text
    words = clause.text.split(" ")
    letters = [len(word) + 1 for word in words]
    total = sum(letters)
    spoken, kept = 0.0, 0
    for count in letters:
        if (spoken + count / 2) / total > share:
            break
        spoken += count
        kept += 1
    return " ".join(words[:kept])
