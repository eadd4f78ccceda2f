"""Measurements: what takes how long, side by side in one run. Their times are never tests."""
