"""BatchNormalization behind a convolution or a Dense layer, which an integer file merges."""

from __future__ import annotations

import keras

from tfapps.compress.stock.twins import base


class BatchNormalization(base.Merge):
    """The normalization of a product, whose output is rounded.

    The kernel in front of it is rounded before it is scaled. With a range for each channel of the
    output the grid is that of the scaled kernel, so the file, which holds the scaled one, has the
    integers of the training.
    """

    of = (keras.layers.BatchNormalization,)
