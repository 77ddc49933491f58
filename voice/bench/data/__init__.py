"""Recordings to measure with."""
