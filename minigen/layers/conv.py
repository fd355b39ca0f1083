"""Convolutions by taps, and the layers that only choose the taps; see `ops.conv`."""

import math

import numpy as np

from .. import ops
from ..arrays import Constant, array_module, as_generator
from ..arrays.checks import positive_integer
from ..autograd import Parameter, raw
from . import taps as offsets
from .arguments import features
from .initializers import glorot_uniform, zeros
from .module import Module


class Conv(Module):
    """y[p] = Σₜ x[stride·p + tapₜ] @ weight[t] + bias: (batch, *space, inputs) to (batch, *⌈space / stride⌉, outputs).

    x is zero outside its extent, so that the size is kept at stride 1. `weight` of shape (taps, inputs, outputs)
    starts as `init(shape, rng, dtype)`, `bias` at zero. A boolean `mask`, which broadcasts to the weight's shape, is
    false for weights that are not used. An output with a share s of its inputs left starts with weights 1/√s times as
    large. Raises ValueError or TypeError for taps, masks and sizes that do not fit.
    """

    def __init__(self, inputs: int, outputs: int, taps, rng, *, stride: int = 1, bias: bool = True, mask=None,
                 init=glorot_uniform, dtype="float32"):
        self.inputs, self.outputs = positive_integer("Conv inputs", inputs), positive_integer("Conv outputs", outputs)
        self.taps, self.stride = tuple(map(tuple, taps)), positive_integer("Conv stride", stride)
        shape = (len(self.taps), self.inputs, self.outputs)
        self.mask = None if mask is None else _checked_mask(mask, shape)
        self._mask = Constant(self.mask)
        self.weight = Parameter(live_init(init, shape, self.mask, as_generator(rng), dtype))
        self.bias = Parameter(zeros((outputs,), dtype=dtype)) if bias else None

    def __call__(self, x, *, rectify=False, train=False, rng=None):
        """The convolution of x, or with `rectify` of relu(x)."""
        w = self.weight
        if self.mask is not None:
            w = ops.where(self._mask.on(array_module(raw(w))), w, 0.0)
        return ops.conv(features(type(self).__name__, x, self.inputs, w.dtype), w, self.taps, self.stride, self.bias,
                        rectify)


class Conv1d(Conv):
    """Convolution of sequences (batch, time, inputs) with `size` taps around each step, `dilation` apart.

    Other arguments and errors as for Conv.
    """

    def __init__(self, inputs: int, outputs: int, size: int, rng, *, dilation: int = 1, **keywords):
        super().__init__(inputs, outputs, offsets.box(size, 1, dilation), rng, **keywords)


class Conv2d(Conv):
    """Convolution of images (batch, height, width, inputs) with a square, or a box (rows, columns), of taps.

    Other arguments and errors as for Conv.
    """

    def __init__(self, inputs: int, outputs: int, size, rng, *, dilation: int = 1, **keywords):
        super().__init__(inputs, outputs, offsets.box(size, 2, dilation), rng, **keywords)


class CausalConv1d(Conv):
    """Convolution of sequences with `size` taps in the past, `dilation` apart, the last at the present sample.

    With `present=False` all taps are one step further back, so that the present sample is not used (van den Oord et
    al., 2016: WaveNet). Other arguments and errors as for Conv.
    """

    def __init__(self, inputs: int, outputs: int, size: int, rng, *, dilation: int = 1, present: bool = True,
                 **keywords):
        super().__init__(inputs, outputs, offsets.causal(size, dilation, present), rng, **keywords)


def live_init(init, shape, mask, rng, dtype):
    """A weight from `init`: 0 where the mask is false, elsewhere scaled to the number of inputs that an output has."""
    weight = init(shape, rng, dtype)
    if mask is not None:
        inputs_left = mask.reshape(-1, shape[-1]).sum(axis=0)
        scale = np.sqrt(math.prod(shape[:-1]) / np.maximum(inputs_left, 1))
        weight *= np.where(mask, scale, 0).astype(weight.dtype)
    return weight


def _checked_mask(mask, shape):
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"Conv mask: expected booleans, got {mask.dtype}")
    try:
        return np.broadcast_to(mask, shape).copy()
    except ValueError:
        raise ValueError(f"Conv mask: expected a shape that broadcasts to {shape}, got {mask.shape}") from None
