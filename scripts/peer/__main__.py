"""The command line of ``scripts/bench_peer``."""

from scripts.peer.cli import main

main()
