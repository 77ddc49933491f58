"""For all tests: a busy machine is no failure, what is missing is one, and order does not matter."""

import random
import sys

import pytest
from hypothesis import settings

from tests import needs
from tests.fakes.processor_time import pytest_pyfunc_call
from tests.order import shuffled

__all__ = ["pytest_pyfunc_call"]

settings.register_profile("voice", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)

NOT_TESTED = needs.NotTested()
ALLOWED = needs.excused()
settings.load_profile("quick" if "packages" in ALLOWED else "voice")
if "packages" in ALLOWED:
    sys.meta_path.append(needs.PackageExcuse(NOT_TESTED))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--random-order", action="store_true", help="files, and the tests in each, in an order drawn by --seed")
    parser.addoption("--seed", type=int, help="draws the order; printed, so that an order can be had again")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--seed") is not None:
        config.option.random_order = True
    elif config.getoption("--random-order"):
        config.option.seed = random.randrange(10**6)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"random order: --seed={config.getoption('--seed')}"] if config.getoption("--random-order") else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--random-order"):
        items[:] = shuffled(items, config.getoption("--seed"), lambda item: item.path)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = [name for mark in item.iter_markers("needs") for name in mark.args]
    if item.get_closest_marker("real") is not None:
        wanted.insert(0, "models")
    for name in wanted:
        needs.require(name, NOT_TESTED, ALLOWED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if line := NOT_TESTED.line():
        terminalreporter.write_line(f"NOT TESTED: {line}", yellow=True)
