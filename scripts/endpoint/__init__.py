"""Fitting the end-of-turn model."""
