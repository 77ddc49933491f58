"""A connection that also answers requests that are not for a WebSocket library.

The library closes without a word on what it cannot read (a request with a body, TLS, garbage), and who sent it sees an empty
reply. Here a sentence comes first.
"""

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidMessage

_SENTENCE = b"This is a WebSocket server with a web page: send GET or HEAD, without a body, and http:// not https://.\n"
UNREADABLE = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nCache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_SENTENCE), _SENTENCE)


class PlainSpokenConnection(ServerConnection):
    """Says 400 to a request that cannot be read; what still arrives of it is dropped until the client leaves."""

    _answered = False

    def send_data(self) -> None:
        """Send what the library has to send, behind the answer to what it could not read."""
        trouble = self.protocol.handshake_exc
        if isinstance(trouble, InvalidMessage) and not isinstance(trouble.__cause__, EOFError) and not self._answered:
            self._answered = True
            self.transport.write(UNREADABLE)
        super().send_data()
