"""For all tests: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("voice", deadline=None)
settings.load_profile("voice")
