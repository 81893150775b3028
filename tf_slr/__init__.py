"""Continuous sign language recognition that runs in real time on an ordinary CPU."""

__version__ = "0.1.0"
