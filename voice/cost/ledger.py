"""The ledger: one row a turn, in SQLite or any database that SQLAlchemy reaches.

Strategy: rows are handed to one thread over a bounded queue, so that no turn waits for a disk; the thread commits whatever is
there in one transaction, and only then are the rows said to be written. A row is known by its session and turn, and writing it
again replaces it. With SQLite, write-ahead logging and a full sync make what was said to be written survive a kill and a power
cut. A database that cannot be written loses rows, which are counted, and never a conversation.
"""

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from voice.core.config import CostConfig
from voice.core.errors import ConfigError, first_line

_log = logging.getLogger(__name__)
_CAPACITY = 1024
_BATCH = 64
_BUSY_S = 5.0
OFF = "off"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one turn cost; amounts in millionths of the currency.

    Attributes:
        at_s: when it ended, seconds since 1970.
        tokens_in, tokens_out, tokens_cached: the cloud's. counted: whether the cloud itself counted them.
        tokens_edge, tokens_wasted: generated here; the latter are among the former and were thrown away.
        cost_all_cloud, cost_all_edge: about what the turn would have cost, had it been answered there.
    """

    session: str
    turn: int
    at_s: float
    tier: str
    user: str = ""
    feature: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    counted: bool = True
    tokens_edge: int = 0
    tokens_wasted: int = 0
    seconds: float = 0.0
    cost_cloud: float = 0.0
    cost_edge: float = 0.0
    cost_all_cloud: float = 0.0
    cost_all_edge: float = 0.0


_DEFAULTS = {field.name: field.default for field in fields(Entry) if field.default is not MISSING}
_TYPES: dict[Any, Any] = {str: sql.String(200), int: sql.BigInteger, float: sql.Double, bool: sql.Boolean}
TURNS = sql.Table(
    "voice_turns",
    sql.MetaData(),
    *(
        sql.Column(
            field.name,
            _TYPES[field.type],
            primary_key=field.name in {"session", "turn"},
            autoincrement=False,
            server_default=None if field.default is MISSING else sql.literal(field.default, _TYPES[field.type]),
        )
        for field in fields(Entry)
    ),
)


def url_of(config: CostConfig) -> str:
    """The database's address; :data:`OFF` for none."""
    if config.ledger:
        return config.ledger if "://" in config.ledger or config.ledger == OFF else f"sqlite:///{config.ledger}"
    from platformdirs import user_data_path

    return f"sqlite:///{user_data_path('voice') / 'ledger.sqlite'}"


def connect(url: str) -> sql.Engine:
    """An engine for ``url``; nothing is opened yet.

    Raises:
        ConfigError: there is no such kind of database, or its driver is not installed.
    """
    try:
        parsed = sql.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
            Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
        engine = sql.create_engine(parsed, **({"connect_args": {"timeout": _BUSY_S}} if "sqlite" in url else {}))
    except Exception as error:  # a driver raises kinds of its own
        raise ConfigError(
            f"cost.ledger {url!r} cannot be used: {error}; write a file, sqlite:///FILE or postgresql://…"
        ) from error
    if engine.dialect.name == "sqlite":
        sql.event.listen(engine, "connect", _careful)
    return engine


def _careful(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    with contextlib.suppress(sqlite3.OperationalError):  # locked: another process is just switching the same file
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def prepare(engine: sql.Engine) -> None:
    """Make the table, or give one of an older version the columns that it lacks; what is in it stays.

    Raises:
        SQLAlchemyError: the database cannot be written, or a column is missing that has no default.
    """
    TURNS.metadata.create_all(engine)
    for column in _missing(engine):
        added = sql.schema.CreateColumn(column).compile(dialect=engine.dialect)
        table = engine.dialect.identifier_preparer.format_table(TURNS)
        try:
            with engine.begin() as connection:
                connection.execute(sql.text(f"ALTER TABLE {table} ADD COLUMN {added}"))
        except SQLAlchemyError:
            if column.name in {other.name for other in _missing(engine)}:
                raise  # it was not another process that has just added it


def _missing(engine: sql.Engine) -> "list[sql.Column[Any]]":
    there = {column["name"] for column in sql.inspect(engine).get_columns(TURNS.name)}
    return [column for column in TURNS.columns if column.name not in there]


class Ledger:
    """Takes one entry a turn. Thread-safe; owns one thread, which ends with :meth:`close`.

    Raises:
        ConfigError: the address cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.lost = 0
        self._engine = connect(url)
        self._queue: queue.Queue[tuple[Entry, Future[bool]] | None] = queue.Queue(_CAPACITY)
        self._ready = False
        self._thread = threading.Thread(target=self._serve, name="voice-ledger", daemon=True)
        self._thread.start()

    def record(self, entry: Entry) -> "Future[bool]":
        """Hand an entry over without waiting. The future says whether it is written, for good."""
        written: Future[bool] = Future()
        try:
            self._queue.put_nowait((entry, written))
        except queue.Full:
            self._lose([(entry, written)], "the database is too slow")
        return written

    def close(self) -> None:
        """Write what waits and end the thread. May be called again."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        self._engine.dispose()

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, ending = [first], False
            while len(batch) < _BATCH and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    ending = True
                    break
                batch.append(more)
            self._write(batch)
            if ending:
                return

    def _write(self, batch: "list[tuple[Entry, Future[bool]]]") -> None:
        newest = {(entry.session, entry.turn): entry for entry, _ in batch}
        try:
            if not self._ready:
                prepare(self._engine)
                self._ready = True
            with self._engine.begin() as connection:
                for session, turn in newest:
                    connection.execute(sql.delete(TURNS).where(TURNS.c.session == session, TURNS.c.turn == turn))
                connection.execute(sql.insert(TURNS), [asdict(entry) for entry in newest.values()])
        except BaseException as error:  # a driver raises kinds of its own, and the thread goes on
            self._lose(batch, first_line(error))
            return
        for _, written in batch:
            written.set_result(True)

    def _lose(self, batch: "list[tuple[Entry, Future[bool]]]", why: str) -> None:
        if self.lost == 0:
            _log.warning("the cost ledger cannot be written (%s); conversations go on without it", why)
        self.lost += len(batch)
        for _, written in batch:
            written.set_result(False)


GROUPS = ("day", "session", "user", "feature", "tier", "turn")


def report(url: str, *, by: str, since_s: float = 0.0) -> list[dict[str, Any]]:
    """Sums over the turns since ``since_s``, grouped; the groups in order of their names (turns as they were), then all.

    Raises:
        ConfigError: the database cannot be read.
    """
    engine = connect(url)
    try:
        missing = {column.name for column in _missing(engine)}
        known = [sql.literal(_DEFAULTS[one.name]).label(one.name) if one.name in missing else one for one in TURNS.columns]
        with engine.connect() as connection:
            turns = sql.select(*known).where(TURNS.c.at_s >= since_s).order_by(TURNS.c.at_s)
            rows = connection.execute(turns).mappings().all()
    except Exception as error:
        raise ConfigError(f"the ledger {url} cannot be read: {first_line(error)}; has any turn been written?") from error
    finally:
        engine.dispose()
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(_group(row, by), []).append(row)
    names = groups if by == "turn" else sorted(groups)
    return [_sums(name, groups[name]) for name in names] + ([_sums("all", list(rows))] if rows else [])


def _group(row: Any, by: str) -> str:
    if by == "day":
        return time.strftime("%Y-%m-%d", time.localtime(row["at_s"]))
    return f"{row['session']} {row['turn']}" if by == "turn" else str(row[by] or "-")


def _sums(name: str, rows: "list[Any]") -> dict[str, Any]:
    summed = ("tokens_in", "tokens_out", "tokens_cached", "tokens_edge", "tokens_wasted", "seconds")
    money = ("cost_cloud", "cost_edge", "cost_all_cloud", "cost_all_edge")
    found: dict[str, Any] = {"group": name, "turns": len(rows), "cloud_turns": sum(row["tier"] == "cloud" for row in rows)}
    found |= {key: sum(row[key] for row in rows) for key in summed}
    found |= {key: sum(row[key] for row in rows) / 1e6 for key in money}
    found["estimated"] = any(not row["counted"] for row in rows)
    found["saved_against_all_cloud"] = found["cost_all_cloud"] - found["cost_cloud"] - found["cost_edge"]
    found["spent_beyond_all_edge"] = found["cost_cloud"] + found["cost_edge"] - found["cost_all_edge"]
    return found
