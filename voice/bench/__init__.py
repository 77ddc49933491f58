"""Measurements: each prints a table and writes JSON; medians and tails, with a baseline in the same run."""

from voice.core.openmp import spin_briefly

spin_briefly()  # some benchmarks load a library without the stage that wraps it
