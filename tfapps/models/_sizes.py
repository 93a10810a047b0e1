"""Numbers of weights of layers that several models have."""

from __future__ import annotations


def linear(width: int, units: int) -> int:
    """Return the number of weights of a dense layer with a bias."""
    return (width + 1) * units


def lstm(width: int, units: int) -> int:
    """Return the number of weights of an LSTM."""
    return (width + units + 1) * 4 * units


def bidirectional(width: int, units: int, layers: int) -> int:
    """Return the number of weights of bidirectional LSTMs, one on top of the other."""
    return 2 * (lstm(width, units) + (layers - 1) * lstm(2 * units, units))
