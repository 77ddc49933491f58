"""Benchmarks of whole conversations: latency, end of turn, barge-in."""
