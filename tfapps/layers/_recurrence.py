"""A loop over time whose kernel gets its gradient in one product, not in one a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

INTEGERS = {2: tf.int16, 4: tf.int32, 8: tf.int64}  # by their bytes
# (() -> kernel, products, [h, c]) -> h of all places (b, t, units), [h, c] behind the last
Loop = Callable[[Any, Any, list[Any]], tuple[Any, list[Any]]]


def recur(loop: Loop, kernel: Any, products: Any, states: list[Any]) -> tuple[Any, list[Any]]:
    """`loop(() -> kernel, products, states)`, cheaper to learn from.

    Whatever a step adds to `products` has the gradient that they have. So the kernel's is, over all
    steps, the product of the states before them and of the gradients of `products`: a large one in
    place of `t` small ones and their sum, each of the kernel's size.

    Args:
        loop: every step of it adds `h @ kernel` to its products (b, 4 * units); it has to ask for
            the kernel inside of the step.
        kernel: (units, 4 * units).
        products: (b, t, 4 * units).
        states: h and c, both (b, units).
    """

    @tf.custom_gradient
    def run(kernel: Any, products: Any, h: Any, c: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            tape.watch((products, h, c))
            # What is no float has no gradient: not even zeros of its size are carried along.
            hidden = tf.bitcast(kernel, INTEGERS[kernel.dtype.size])
            outputs, last = loop(lambda: tf.bitcast(hidden, kernel.dtype), products, [h, c])
            found = (outputs, *last)

        def gradient(*upstream: Any) -> tuple[Any, ...]:
            slope, *more = tape.gradient(found, (products, h, c), upstream)
            before = tf.concat([h[:, None], outputs[:, :-1]], axis=1)
            rows, columns = kernel.shape
            of_kernel = tf.matmul(
                tf.reshape(before, (-1, rows)), tf.reshape(slope, (-1, columns)), transpose_a=True
            )
            return (of_kernel, slope, *more)

        return found, gradient

    # As a tensor, of which alone a gradient is asked: a variable would be looked for inside.
    outputs, *last = run(tf.convert_to_tensor(kernel), products, *states)
    return outputs, last
