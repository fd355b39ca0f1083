"""The kernels' versions for CuPy arrays: each checks what its source covers and launches it.

They give NotImplemented for the rest (other dtypes, odd layouts), which then runs as array code on the device.
"""

import functools
import math

import numpy as np

from ..arrays import array_module
from .cuda import contiguous, covered, launch, scalar
from .dispatch import registry
from .rectifiers import relu as rectified

VERSIONS = {}


def version(name):
    """Decorator: the function is the device's version of the kernel `name`."""
    def define(function):
        VERSIONS[name] = registry[name].on_device(function) if name in registry else function
        return function
    return define


def _elementwise(file, name, entry=None, constants=0, outputs=1):
    """The version for a kernel whose inputs and outputs have one shape and dtype, with `constants` numbers after them.

    `entry` is its name in the source.
    """
    @version(name)
    def run(*args):
        inputs, numbers = args[: len(args) - constants], args[len(args) - constants :]
        x = inputs[0]
        if any(getattr(a, "shape", None) != x.shape for a in inputs) or not covered(*inputs):
            return NotImplemented
        inputs = contiguous(*inputs)
        found = tuple([array_module(x).empty(x.shape, x.dtype) for _ in range(outputs)])
        launch(file, entry or name, x.dtype, x.size, *inputs, *map(float, numbers), *found, x.size)
        return found if outputs > 1 else found[0]


for _name in ("tanh_vjp", "sigmoid", "sigmoid_vjp", "softplus", "softplus_vjp", "gate"):
    _elementwise("activations", _name)
_elementwise("activations", "tanh", "tanh_forward")
_elementwise("activations", "gate_vjp", outputs=2)
for _name in ("gelu", "gelu_vjp", "silu", "silu_vjp"):
    _elementwise("gelu", _name)
for _name in ("relu", "relu_vjp"):
    _elementwise("rectifiers", _name)
for _name in ("leaky_relu", "leaky_relu_vjp", "elu", "elu_vjp"):
    _elementwise("rectifiers", _name, constants=1)
for _name in ("reparameterize", "reparameterize_vjp"):
    _elementwise("normal", _name)


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
    launch("bernoulli", "bernoulli_log_prob", logits.dtype, logits.size // n, x, logits, out, n, x.size // n, width=n)
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
    launch("reductions", "logsumexp", x.dtype, x.size // n, x, out, n, width=n)
    return out


def _row_by_row(name, inputs):
    """The version for a kernel of `inputs` arrays and a result of one shape, which works along an axis, the last."""
    @version(name)
    def run(*args):
        arrays, x, axis = args[:inputs], args[0], args[inputs] if len(args) > inputs else -1
        if not covered(*arrays) or any(a.shape != x.shape for a in arrays) or not _last(axis, x.ndim) or x.size == 0:
            return NotImplemented
        out = array_module(x).empty(x.shape, x.dtype)
        n = x.shape[-1]
        launch("reductions", name, x.dtype, x.size // n, *contiguous(*arrays), out, n, width=n)
        return out


for _name, _inputs in (("softmax", 1), ("log_softmax", 1), ("softmax_vjp", 2), ("log_softmax_vjp", 2)):
    _row_by_row(_name, _inputs)


def _repeats(small, large):
    """Whether `small` has the shape of `large` but for leading axes that it lacks."""
    return small.ndim > 0 and small.shape == large.shape[large.ndim - small.ndim :]


@version("normal_log_prob")
def _(x, loc, log_scale):
    if not covered(x, loc, log_scale) or not (_repeats(loc, x) and _repeats(log_scale, x)) or x.size == 0:
        return NotImplemented
    x, loc, log_scale = contiguous(x, loc, log_scale)
    n, out = x.shape[-1], array_module(x).empty(x.shape[:-1], x.dtype)
    launch("normal", "normal_log_prob", x.dtype, x.size // n, x, loc, log_scale, out, n, loc.size // n,
           log_scale.size // n, width=n)
    return out


@version("normal_log_prob_vjp")
def _(g, x, loc, log_scale):
    if not covered(x, g, loc, log_scale) or not (_repeats(loc, x) and _repeats(log_scale, x)) or x.size == 0 or (
            g.shape != x.shape[:-1]):
        return NotImplemented
    g, x, loc, log_scale = contiguous(g, x, loc, log_scale)
    outs = tuple([array_module(x).empty(x.shape, x.dtype) for _ in range(3)])
    launch("normal", "normal_log_prob_vjp", x.dtype, x.size, g, x, loc, log_scale, *outs, x.shape[-1], loc.size,
           log_scale.size, x.size)
    return outs


@version("normal_kl")
def _(loc, log_scale):
    if not covered(loc, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0 or loc.size == 0:
        return NotImplemented
    loc, log_scale = contiguous(loc, log_scale)
    n, out = loc.shape[-1], array_module(loc).empty(loc.shape[:-1], loc.dtype)
    launch("normal", "normal_kl", loc.dtype, loc.size // n, loc, log_scale, out, n, width=n)
    return out


@version("normal_kl_vjp")
def _(g, loc, log_scale):
    if not covered(loc, g, log_scale) or loc.shape != log_scale.shape or loc.ndim == 0 or g.shape != loc.shape[:-1]:
        return NotImplemented
    g, loc, log_scale = contiguous(g, loc, log_scale)
    outs = tuple([array_module(loc).empty(loc.shape, loc.dtype) for _ in range(2)])
    launch("normal", "normal_kl_vjp", loc.dtype, loc.size, g, loc, log_scale, *outs, loc.shape[-1], loc.size)
    return outs


def _fits(logits, index):
    """Whether each index has a row of logits, or several leading axes of indices share the rows."""
    extra = index.ndim - logits.ndim + 1
    return covered(logits) and logits.size and index.size and extra >= 0 and index.shape[extra:] == logits.shape[:-1]


@version("categorical_log_prob")
def _(logits, index):
    if not _fits(logits, index):
        return NotImplemented
    logits, index = contiguous(logits, index.astype(np.int64, copy=False))
    n, out = logits.shape[-1], array_module(logits).empty(index.shape, logits.dtype)
    launch("categorical", "categorical_log_prob", logits.dtype, index.size, logits, index, out, n, logits.size // n,
           width=n)
    return out


@version("categorical_log_prob_vjp")
def _(g, logits, index):
    if not _fits(logits, index) or not covered(logits, g) or g.shape != index.shape:
        return NotImplemented
    g, logits, index = contiguous(g, logits, index.astype(np.int64, copy=False))
    n = logits.shape[-1]
    out = array_module(logits).empty((*index.shape, n), logits.dtype)
    launch("categorical", "categorical_log_prob_vjp", logits.dtype, index.size, g, logits, index, out, n,
           logits.size // n, width=n)
    return out


@version("layer_norm")
def _(x, gain, bias, eps):
    if not covered(x, gain, bias) or x.size == 0 or gain.shape != x.shape[-1:] or bias.shape != x.shape[-1:]:
        return NotImplemented
    x, gain, bias = contiguous(x, gain, bias)
    xp, n = array_module(x), x.shape[-1]
    out, normalised, scale = xp.empty_like(x), xp.empty_like(x), xp.empty((*x.shape[:-1], 1), x.dtype)
    launch("layer_norm", "layer_norm", x.dtype, x.size // n, x, gain, bias, float(eps), out, normalised, scale, n,
           width=n)
    return out, normalised, scale


@version("layer_norm_vjp")
def _(g, gain, normalised, scale):
    if not covered(g, gain, normalised, scale) or g.size == 0 or gain.shape != g.shape[-1:] or (
            g.shape != normalised.shape):
        return NotImplemented
    g, gain, normalised, scale = contiguous(g, gain, normalised, scale)
    out, n = array_module(g).empty_like(g), g.shape[-1]
    launch("layer_norm", "layer_norm_vjp", g.dtype, g.size // n, g, gain, normalised, scale, out, n, width=n)
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
        launch("scatter", "scatter_rows", values.dtype, count, values, first, out, m, n, count, width=n)
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
def _(x, w, taps, stride, bias=None, relu=False):
    if not _covers_conv(x, w, taps):
        return NotImplemented
    (x,) = contiguous(rectified(x) if relu else x)
    space = tuple(-(-extent // stride) for extent in x.shape[1:-1])
    y = array_module(x).empty((x.shape[0] * math.prod(space), w.shape[-1]), x.dtype)
    weights = w.reshape(-1, w.shape[-1])
    for part, block in _gathered(x, taps, stride, space, False):
        array_module(x).matmul(block, weights, out=y[part])
    if bias is not None:
        y += bias
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
