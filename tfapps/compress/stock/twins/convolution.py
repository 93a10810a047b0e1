"""Convolutions: plain, depthwise, separable and transposed."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tfapps.compress.stock.rounded import Rounded, calling
from tfapps.compress.stock.twins import base


class Conv(base.Product):
    """A convolution with a range for each filter."""

    of = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
    kernel = Rounded(-1)


class DepthwiseConv(base.Product):
    """A convolution of each channel by itself, with a range for each channel of the output."""

    of = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
    kernel = Rounded(-2, -1)


class ConvTranspose(base.Product):
    """A transposed convolution with a range for each filter."""

    of = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
    kernel = Rounded(-2)


class SeparableConv(base.Product):
    """A depthwise and a pointwise convolution, with a range for what goes from one to the other."""

    of = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
    depthwise_kernel = Rounded(-2, -1)
    pointwise_kernel = Rounded(-1)

    def add_quantizers(self) -> None:
        super().add_quantizers()
        self.middle_range = self.value_quantizer("middle_range")

    def call(self, inputs: Any) -> Any:
        x = self.rounded_inputs(inputs)
        with calling(self):
            x = ops.depthwise_conv(
                x,
                self.depthwise_kernel,
                self.strides,
                self.padding,
                self.data_format,
                self.dilation_rate,
            )
            x = x if self.middle_range is None else self.middle_range(x)
            x = ops.conv(x, self.pointwise_kernel, data_format=self.data_format)
            if self.use_bias:
                first = self.data_format == "channels_first"
                channels = (-1, *[1] * self.rank) if first else (-1,)
                x = ops.add(x, ops.reshape(self.bias, channels))
            x = x if self.activation is None else self.activation(x)
        return x if self.output_range is None else self.output_range(x)
