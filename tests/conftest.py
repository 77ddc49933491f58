"""For all tests: a busy machine is no failure."""

from hypothesis import settings

from tests.fakes.processor_time import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

settings.register_profile("voice", deadline=None)
settings.load_profile("voice")
