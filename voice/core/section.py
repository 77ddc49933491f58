"""What every section of the settings is: a frozen struct that refuses what it does not know."""

import msgspec


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of settings."""


def require(ok: bool, message: str) -> None:
    """Refuse a value: ``message`` says what would be right.

    Raises:
        ValueError: not ``ok``.
    """
    if not ok:
        raise ValueError(message)
