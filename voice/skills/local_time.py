"""The time zone of this machine, with its rules."""

from datetime import UTC, datetime, timedelta, tzinfo


class SystemZone(tzinfo):
    """The zone that the C library knows, whatever names it (``TZ``, ``/etc/localtime``, the registry).

    Unlike the fixed offset of ``datetime.astimezone()`` it is right for moments on the other side of a clock change.
    """

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """See :class:`datetime.tzinfo`."""
        return None if at is None else at.replace(tzinfo=None).astimezone().utcoffset()

    def tzname(self, at: datetime | None) -> str | None:
        """See :class:`datetime.tzinfo`."""
        return None if at is None else at.replace(tzinfo=None).astimezone().tzname()

    def dst(self, at: datetime | None) -> timedelta | None:
        """Not known apart from the offset."""
        del at
        return None

    def fromutc(self, at: datetime) -> datetime:
        """See :class:`datetime.tzinfo`."""
        fixed = at.replace(tzinfo=UTC).astimezone()
        local = fixed.replace(tzinfo=self, fold=0)
        return local if local.utcoffset() == fixed.utcoffset() else local.replace(fold=1)


def local_now() -> datetime:
    """The time here and now."""
    return datetime.now(SystemZone())


def later(now: datetime, seconds: float) -> datetime:
    """So many seconds after ``now``, in its zone: over a clock change the hands move by more, or by less."""
    return (now.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(now.tzinfo)
