"""How far apart equal float32 sums may be: bounds from the arithmetic, not from one processor."""

import numpy as np

UNIT = 2.0**-24  # the largest relative error of one float32 operation


def longest_sum(model):
    """Terms of the longest sum of a model: the most rows that a kernel of it has."""
    return max(w.shape[-2] for w in model.weights if w.path.endswith("kernel"))


def assert_same_sums(actual, expected, terms, err_msg=""):
    """Equal but for the order in which sums of so many float32 terms are made.

    Processors add in different orders: with 4, 8 or 16 lanes, with or without fused products. A
    sum of n terms is then off by at most n units of the last place, relative to the sum of the
    sizes of its terms (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 4.2).
    The largest value stands for that size.
    """
    expected = np.asarray(expected)
    bound = terms * UNIT * max(float(np.abs(expected).max()), 1.0)
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=bound, err_msg=err_msg)
