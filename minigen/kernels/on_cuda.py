"""The kernels' versions for CuPy arrays: each checks what its source covers and launches it.

They give NotImplemented for the rest (other dtypes, odd layouts), which then runs as array code on the device.
"""

import functools
import math

import numpy as np

from ..arrays import array_module
from .cuda import contiguous, covered, launch, scalar
from .dispatch import registry

VERSIONS = {}


def version(name):
    """Decorator: the function is the device's version of the kernel `name`."""
    def define(function):
        VERSIONS[name] = registry[name].on_device(function) if name in registry else function
        return function
    return define


def _elementwise(file, name, entry=None, outputs=1):
    """The version for a kernel whose inputs and outputs have one shape and dtype; `entry` is its name in the source."""
    @version(name)
    def run(*inputs):
        x = inputs[0]
        if any(getattr(a, "shape", None) != x.shape for a in inputs) or not covered(*inputs):
            return NotImplemented
        inputs = contiguous(*inputs)
        found = tuple([array_module(x).empty(x.shape, x.dtype) for _ in range(outputs)])
        launch(file, entry or name, x.dtype, x.size, *inputs, *found, x.size)
        return found if outputs > 1 else found[0]


for _name in ("tanh_vjp", "sigmoid", "sigmoid_vjp", "softplus", "softplus_vjp", "gate"):
    _elementwise("activations", _name)
_elementwise("activations", "tanh", "tanh_forward")
_elementwise("activations", "gate_vjp", outputs=2)


def _shared_rows(x, logits):
    """Whether x has the logits' shape but for leading axes that it lacks: then row r of x is r modulo its rows."""
    return covered(logits, x) and logits.ndim > 0 and logits.size and (
        x.ndim > 0 and x.shape == logits.shape[logits.ndim - x.ndim :])


@version("bernoulli_log_prob")
def _(x, logits):
    if not hasattr(x, "dtype") or not _shared_rows(x, logits):
        return NotImplemented
    x, logits = contiguous(x, logits)
    n = logits.shape[-1]
    out = array_module(logits).empty(logits.shape[:-1], logits.dtype)
    launch("bernoulli", "bernoulli_log_prob", logits.dtype, logits.size // n, x, logits, out, n, x.size // n, rows=True)
    return out


@version("bernoulli_log_prob_vjp")
def _(g, x, logits):
    if not hasattr(x, "dtype") or not _shared_rows(x, logits) or not covered(g, logits) or (
            g.shape != logits.shape[:-1]):
        return NotImplemented
    g, x, logits = contiguous(g, x, logits)
    out = array_module(logits).empty_like(logits)
    launch("bernoulli", "bernoulli_log_prob_vjp", logits.dtype, logits.size, g, x, logits, out, logits.shape[-1],
           x.size, logits.size)
    return out


def _last(axis, ndim):
    """Whether `axis` is the last of `ndim` axes."""
    return isinstance(axis, int) and ndim > 0 and axis in (-1, ndim - 1) or axis is None and ndim == 1


@version("logsumexp")
def _(x, axis=None, keepdims=False):
    if not covered(x) or not _last(axis, x.ndim) or x.size == 0:
        return NotImplemented
    (x,) = contiguous(x)
    n = x.shape[-1]
    out = array_module(x).empty((*x.shape[:-1], 1) if keepdims else x.shape[:-1], x.dtype)
    launch("reductions", "logsumexp", x.dtype, x.size // n, x, out, n, rows=True)
    return out


@version("softmax")
def _(x, axis=-1):
    if not covered(x) or not _last(axis, x.ndim) or x.size == 0:
        return NotImplemented
    (x,) = contiguous(x)
    out = array_module(x).empty_like(x)
    launch("reductions", "softmax", x.dtype, x.size // x.shape[-1], x, out, x.shape[-1], rows=True)
    return out


@version("column_sum")
def _(x):
    if not covered(x) or x.ndim != 2:
        return NotImplemented
    (x,) = contiguous(x)
    out = array_module(x).empty(x.shape[1], x.dtype)
    launch("reductions", "column_sum", x.dtype, -(-x.shape[1] // 32), x, out, *x.shape, rows=True)
    return out


@version("layer_norm")
def _(x, gain, bias, eps):
    if not covered(x, gain, bias) or x.size == 0 or gain.shape != x.shape[-1:] or bias.shape != x.shape[-1:]:
        return NotImplemented
    x, gain, bias = contiguous(x, gain, bias)
    xp, n = array_module(x), x.shape[-1]
    out, normalised, scale = xp.empty_like(x), xp.empty_like(x), xp.empty((*x.shape[:-1], 1), x.dtype)
    launch("layer_norm", "layer_norm", x.dtype, x.size // n, x, gain, bias, float(eps), out, normalised, scale, n,
           rows=True)
    return out, normalised, scale


@version("layer_norm_vjp")
def _(g, gain, normalised, scale):
    if not covered(g, gain, normalised, scale) or g.size == 0 or gain.shape != g.shape[-1:] or (
            g.shape != normalised.shape):
        return NotImplemented
    g, gain, normalised, scale = contiguous(g, gain, normalised, scale)
    out, n = array_module(g).empty_like(g), g.shape[-1]
    launch("layer_norm", "layer_norm_vjp", g.dtype, g.size // n, g, gain, normalised, scale, out, n, rows=True)
    return out


SEARCH = 1 << 30  # up to so many comparisons each row of a table looks for its own values, in a fixed order


@version("scatter")
def _(values, index, shape):
    parts = index if isinstance(index, tuple) else (index,)
    first = parts[0] if parts else None
    rows = len(parts) == 1 and getattr(first, "dtype", None) is not None and first.dtype.kind in "iu"
    if not rows or not covered(values) or array_module(first) is np:
        return NotImplemented
    values, first = contiguous(values, first.astype(np.int64))
    m, n, count = first.size, math.prod(shape[1:]), shape[0]
    xp = array_module(values)
    if m * count <= SEARCH:
        out = xp.empty(shape, values.dtype)
        launch("scatter", "scatter_rows", values.dtype, count, values, first, out, m, n, count, rows=True)
    else:
        out = xp.zeros(shape, values.dtype)
        launch("scatter", "scatter_rows_atomic", values.dtype, m * n, values, first, out, m, n, count)
    return out


BLOCK_BYTES = 1 << 25  # what the taps read is gathered for as many positions at a time as fit in 32 MB


@functools.lru_cache(maxsize=256)
def _tap_table(xp, taps):
    """The taps on the device, on three axes of space."""
    return xp.asarray(np.array([(0,) * (3 - len(tap)) + tap for tap in taps], np.int32))


def _gathered(x, taps, stride, extents, adjoint):
    """For block after block of positions: the rows of the result that it is, and what the taps read there."""
    xp, channels = array_module(x), x.shape[-1]
    rows = x.shape[0] * math.prod(extents)
    width = len(taps) * channels
    step = max(1, BLOCK_BYTES // (width * x.dtype.itemsize))
    spaces = [(1,) * (3 - len(space)) + tuple(space) for space in (x.shape[1:-1], extents)]
    numbers = [np.int32(v) for v in (len(taps), channels, stride, adjoint, *spaces[0], *spaces[1])]
    for first in range(0, rows, step):
        count = min(step, rows - first)
        block = xp.empty((count, width), x.dtype)
        launch("convolution", "gather_taps", x.dtype, block.size, x, _tap_table(xp, taps), block, first, count,
               *numbers)
        yield slice(first, first + count), block


def _covers_conv(x, w, taps):
    return covered(x, w) and x.size and w.size and len(taps) and 3 <= x.ndim <= 5


@version("conv")
def _(x, w, taps, stride):
    if not _covers_conv(x, w, taps):
        return NotImplemented
    (x,) = contiguous(x)
    space = tuple(-(-extent // stride) for extent in x.shape[1:-1])
    y = array_module(x).empty((x.shape[0] * math.prod(space), w.shape[-1]), x.dtype)
    weights = w.reshape(-1, w.shape[-1])
    for part, block in _gathered(x, taps, stride, space, False):
        array_module(x).matmul(block, weights, out=y[part])
    return y.reshape(x.shape[0], *space, w.shape[-1])


@version("conv_transpose")
def _(y, w, taps, stride, extents):
    if not _covers_conv(y, w, taps):
        return NotImplemented
    (y,) = contiguous(y)
    x = array_module(y).empty((y.shape[0] * math.prod(extents), w.shape[1]), y.dtype)
    weights = w.transpose(0, 2, 1).reshape(-1, w.shape[1])
    for part, block in _gathered(y, taps, stride, tuple(extents), True):
        array_module(y).matmul(block, weights, out=x[part])
    return x.reshape(y.shape[0], *extents, w.shape[1])


@version("conv_weight")
def _(x, y, taps, stride):
    if not _covers_conv(x, y, taps):
        return NotImplemented
    x, y = contiguous(x, y)
    space, flat = y.shape[1:-1], y.reshape(-1, y.shape[-1])
    w = array_module(x).zeros((len(taps) * x.shape[-1], y.shape[-1]), x.dtype)
    for part, block in _gathered(x, taps, stride, space, False):
        w += block.T @ flat[part]
    return w.reshape(len(taps), x.shape[-1], y.shape[-1])


def _flat(*arrays):
    """Whether flat arrays, updated in place, are what the sources take; None is none."""
    given = [a for a in arrays if a is not None]
    return covered(*given) and all(a.flags.c_contiguous for a in given)


@version("sgd_update")
def _(parameter, gradient, velocity, learning_rate, momentum=0.0, nesterov=False, weight_decay=0.0, scale=1.0):
    if not _flat(parameter, gradient, velocity):
        return NotImplemented
    velocity = velocity if momentum else None
    launch("updates", "sgd_update", parameter.dtype, parameter.size, parameter, gradient, velocity, parameter.size,
           *scalar(learning_rate), *scalar(scale), float(momentum), nesterov, float(weight_decay))


@version("adam_update")
def _(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay=0.0, decoupled=True,
      scale=1.0):
    if not _flat(parameter, gradient, mean, square):
        return NotImplemented
    launch("updates", "adam_update", parameter.dtype, parameter.size, parameter, gradient, mean, square, parameter.size,
           *scalar(step), *scalar(learning_rate), *scalar(scale), np.float64(beta1), np.float64(beta2),
           np.float64(eps), np.float64(weight_decay), decoupled)


@version("rmsprop_update")
def _(parameter, gradient, square, learning_rate, decay, eps, weight_decay=0.0, scale=1.0):
    if not _flat(parameter, gradient, square):
        return NotImplemented
    launch("updates", "rmsprop_update", parameter.dtype, parameter.size, parameter, gradient, square, parameter.size,
           *scalar(learning_rate), *scalar(scale), float(decay), float(eps), float(weight_decay))


@version("average_update")
def _(average, values, weight):
    if not _flat(average, values):
        return NotImplemented
    launch("updates", "average_update", average.dtype, average.size, average, values, average.size, *scalar(weight))


def stream_arguments(stream, start):
    """What every source of random numbers takes: four words and a position or, of a stream on the device, its state."""
    on_device = hasattr(stream, "dtype")
    words = [np.uint32(word) for word in ((0, 0, 0, 0) if on_device else stream)]
    return *words, np.uint64((start >> 2) & 0xFFFFFFFFFFFFFFFF), np.uint32(start & 3), stream if on_device else None


@version("fill_random")
def _(out, kind, stream, start, n_words, *parameters):
    place = stream_arguments(stream, start)
    if kind == "integers":
        (span,) = parameters
        shift = np.int32(64 - (span - 1).bit_length())
        launch("philox", "integers", "float32", out.size, *place, out, out.size, np.uint64(span % 2**64), shift,
               exact=True)
    else:
        dtype = "float32" if kind == "words" else out.dtype
        launch("philox", {"words": "words", "uniform": "uniform", "normal": "normal"}[kind], dtype,
               -(-out.size * out.itemsize // 16), *place, out, out.size, exact=True)
