"""Bars: where they come from, what is wrong with them, and the total returns they make."""
