"""Measurements: each prints a table and writes JSON; medians and tails, with a baseline in the same run."""
