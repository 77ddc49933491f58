"""What the server answers over plain HTTP: the web page's files and short texts. Pure: a request in, a response out.

Strategy: the files of ``voice/web`` are read once into a table from path to contents, and only what stands in the table is ever
served, so no path of a request reaches the file system. The page runs nothing that does not come from here: the policy below
allows neither inline scripts nor other hosts, and nothing is kept in a cache.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from websockets.datastructures import Headers
from websockets.http11 import Response

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

_PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HEADERS = {
    "Connection": "close",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    content_type: str


@cache
def _table() -> Mapping[str, _File]:
    table = {
        f"/web/{path.name}": _File(path.read_bytes(), _TYPES[suffix])
        for path in files("voice").joinpath("web").iterdir()
        if (suffix := path.name[path.name.rfind(".") :]) in _TYPES
    }
    return {"/": table.pop("/web/index.html"), **table}


def load() -> None:
    """Read the page's files now, so that no request waits for the disk."""
    _table()


def page(path: str) -> Response | None:
    """The file of the web page at ``path``, or ``None`` when there is none."""
    file = _table().get(path)
    return None if file is None else _response(HTTPStatus.OK, file.body, file.content_type, _PAGE_HEADERS)


def text(status: HTTPStatus, sentence: str, more: Mapping[str, str] | None = None) -> Response:
    """A sentence for a person."""
    headers = dict(more or {})
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "3"
    return _response(status, f"{sentence}\n".encode(), "text/plain; charset=utf-8", headers)


def data(value: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """An object as JSON."""
    return _response(status, f"{json.dumps(value)}\n".encode(), "application/json", {})


def without_body(response: Response) -> Response:
    """The answer to HEAD: all headers, ``Content-Length`` among them, and nothing behind them."""
    return Response(response.status_code, response.reason_phrase, response.headers, b"")


def _response(status: HTTPStatus, body: bytes, content_type: str, more: Mapping[str, str]) -> Response:
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), **_HEADERS, **more})
    return Response(status.value, status.phrase, headers, body)
