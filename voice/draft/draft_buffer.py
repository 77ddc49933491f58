"""What the edge has drafted behind what is approved: written by one task, sent in part, thrown away at the first mistake."""

import asyncio
from collections import deque

from voice.draft.acceptance import Proposal
from voice.draft.confidence import DraftCalibration
from voice.draft.reply_options import Drafter
from voice.draft.tasks import forget


class DraftBuffer:
    """The draft of one reply.

    Args:
        drafter: writes it.
        tokens: the prompt and what is approved; whoever approves a token appends it there.
        calibration: how often tokens of a confidence stand.
    """

    def __init__(self, drafter: Drafter, tokens: list[int], calibration: DraftCalibration) -> None:
        self._drafter = drafter
        self._tokens = tokens
        self._calibration = calibration
        self._written_to = 0
        self.proposals: deque[Proposal] = deque()
        self.writing: asyncio.Task[Proposal | None] | None = None
        self.written_out = False
        """Nothing follows the draft."""
        self.sent_to = len(tokens)
        """Tokens of the prompt, the reply and the draft that the verifier has or will have."""

    def __len__(self) -> int:
        return len(self.proposals)

    @property
    def end(self) -> int:
        """Tokens of the prompt, the reply and the draft."""
        return len(self._tokens) + len(self.proposals)

    @property
    def chance(self) -> float:
        """The probability that the whole draft stands."""
        found = 1.0
        for proposal in self.proposals:
            found *= self._calibration.stands(proposal.confidence)
        return found

    @property
    def sure(self) -> int:
        """Draft tokens before the first that had better not be sent."""
        least = self._calibration.send_from
        return next((i for i, proposal in enumerate(self.proposals) if proposal.confidence < least), len(self.proposals))

    def restart(self) -> None:
        """Forget the draft and draft what follows the approved tokens."""
        self.proposals.clear()
        self.sent_to = self._written_to = len(self._tokens)
        self.written_out = False
        self._drafter.begin(self._tokens)
        if self.writing is not None:
            self.writing.cancel()
            self.writing.add_done_callback(forget)
            self.writing = None

    def write(self) -> None:
        """Have the next token written, if none is."""
        if self.writing is None and not self.written_out:
            self.writing = asyncio.create_task(self._drafter.next())

    def take(self) -> tuple[int, Proposal] | None:
        """What was written, and its place; None if nothing was, or nothing follows (:attr:`written_out`). Raises ChatError."""
        if self.writing is None or not self.writing.done():
            return None
        task, self.writing = self.writing, None
        proposal = task.result()
        if proposal is None:
            self.written_out = True
            return None
        self._written_to += 1
        return self._written_to - 1, proposal

    def unsent(self) -> int:
        """Draft tokens that may be sent and were not."""
        return max(0, len(self._tokens) + self.sure - max(self.sent_to, len(self._tokens)))

    def send(self, count: int) -> tuple[int, list[Proposal]]:
        """Take note that ``count`` more are sent; their place, and those that lie before them, sent earlier, and they."""
        place = max(self.sent_to, len(self._tokens))
        behind = place - len(self._tokens)
        self.sent_to = place + count
        return place, list(self.proposals)[: behind + count]
