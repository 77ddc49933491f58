"""The command line of ``scripts/bench_peer``."""

from scripts.peer import given  # noqa: F401 - it must look at the environment before voice is imported
from scripts.peer.cli import main

main()
