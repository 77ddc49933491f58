"""The way to the cloud: opened before it is needed, its round trip measured, and not used where the settings forbid it.

Strategy: a ``HEAD`` request on the connection that the next question will use. It takes one round trip, whatever the answer
is, keeps the handshakes out of the turn, and finds out that nobody is there before anybody waits for it.
"""

import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voice.cloud.network import Network, look, refusal, restricted
from voice.core.budget import Quantiles
from voice.core.clock import Clock
from voice.core.config import CloudConfig
from voice.core.errors import CloudError, mapped

if TYPE_CHECKING:
    import httpx2

EVERY_S = 3.0
"""Not more often than this."""
KEPT_S = 60.0
"""So long an idle connection is kept; half a minute is what many servers keep it."""
WITHIN_S = 2.0
WINDOW = 8
"""A network changes from one place to the next: only the newest round trips count."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class CloudConnection:
    """The connection to one endpoint. Belongs to one event loop.

    Args:
        http: the client that the questions go through.
    """

    def __init__(self, config: CloudConfig, http: "httpx2.AsyncClient", clock: Clock) -> None:
        self._config = config
        self._http = http
        self._clock = clock
        self._round_trips_ms = Quantiles(WINDOW)
        self._last_s = float("-inf")
        self._restricted = restricted(config) and urlsplit(config.base_url).hostname not in _LOOPBACK
        self._network: Network | None = None

    @property
    def round_trip_ms(self) -> float | None:
        """The forecast of a round trip; ``None`` while none was measured."""
        return self._round_trips_ms.at(0.8, 0.0) if len(self._round_trips_ms) else None

    @property
    def why_not(self) -> str:
        """Why this way must not be gone, by the settings; empty when it may."""
        if not self._restricted:
            return ""
        return "the network is not known yet" if self._network is None else refusal(self._network, self._config)

    async def warm(self) -> bool:
        """Look at the network, and open the connection. False when there was nothing to do. Cancel-safe.

        Raises:
            CloudError: nobody is there.
        """
        now_s = self._clock.now_s()
        if now_s - self._last_s < EVERY_S or (self._config.warm == "off" and not self._restricted):
            return False
        self._last_s = now_s
        with mapped(partial(CloudError, code="cloud_unreachable"), f"{self._config.base_url} cannot be reached"):
            if self._restricted:
                self._network = await look()
            if self.why_not or self._config.warm == "off":
                return False
            await self._knock()
        return True

    async def _knock(self) -> None:
        watch = _Stopwatch()
        url = f"{self._config.base_url.rstrip('/')}/models"
        await self._http.head(url, timeout=WITHIN_S, extensions={"trace": watch})
        if watch.took_ms is not None:
            self._round_trips_ms.add(watch.took_ms)


class _Stopwatch:
    """From the request's leaving to the answer's arriving, without the handshakes before it (httpx's ``trace`` extension)."""

    def __init__(self) -> None:
        self.took_ms: float | None = None
        self._began_s = 0.0

    async def __call__(self, event: str, _info: dict[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._began_s = time.monotonic()
        elif event.endswith("receive_response_headers.complete"):
            self.took_ms = (time.monotonic() - self._began_s) * 1000
