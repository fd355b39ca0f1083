"""Convolution by taps, its adjoint and its weight gradient: three ops closed under differentiation.

Data are `(batch, *space, channels)`, weights `(taps, channels_in, channels_out)`, and `taps` is a tuple of integer
offset tuples. Causal, masked and dilated kernels are fewer or further taps.
"""

from .. import kernels
from ..arrays.checks import positive_integer
from ..autograd import Tensor, raw
from ..autograd.primitive import example, primitive
from ..kernels.machinery.examples import Example
from .activations import relu


@primitive(residuals=("x", "w", "taps", "stride"), name="conv")
def _conv(x, w, /, taps, stride):
    return kernels.conv(x, w, taps, stride)


@_conv.defvjp
def _conv_vjp(g, residuals, needed):
    x, w, taps, stride = residuals
    if all(needed) and not isinstance(g, Tensor) and not isinstance(x, Tensor):
        return kernels.conv_vjp(g, x, w, taps, stride)
    return (_conv_transpose(g, w, taps, stride, x.shape[1:-1]) if needed[0] else None,
            _conv_weight(x, g, taps, stride) if needed[1] else None)


@primitive(residuals=("x", "w", "taps", "stride", "rectify"), name="affine_conv")
def _affine_conv(x, w, bias, /, taps, stride, rectify):
    return kernels.conv(x, w, taps, stride, bias, rectify)


@_affine_conv.defvjp
def _(g, residuals, needed):
    x, w, taps, stride, rectify = residuals
    total = None
    if needed[2]:
        total = g.sum(axis=tuple(range(g.ndim - 1))) if isinstance(g, Tensor) else kernels.sum_rows(g)
    if all(needed) and not isinstance(g, Tensor) and not isinstance(x, Tensor):
        return *kernels.conv_vjp(g, x, w, taps, stride, rectify), total
    gx, gw = _conv_vjp(g, (relu(x) if rectify else x, w, taps, stride), needed[:2])
    return gx * (raw(x) > 0) if rectify and needed[0] else gx, gw, total


@primitive(residuals=("y", "w", "taps", "stride"), name="conv_transpose")
def _conv_transpose(y, w, /, taps, stride, extents):
    return kernels.conv_transpose(y, w, taps, stride, extents)


@_conv_transpose.defvjp
def _(g, residuals, needed):
    y, w, taps, stride = residuals
    return (_conv(g, w, taps, stride) if needed[0] else None,
            _conv_weight(g, y, taps, stride) if needed[1] else None)


@primitive(residuals=("x", "y", "taps", "stride"), name="conv_weight")
def _conv_weight(x, y, /, taps, stride):
    return kernels.conv_weight(x, y, taps, stride)


@_conv_weight.defvjp
def _(g, residuals, needed):
    x, y, taps, stride = residuals
    return (_conv_transpose(y, g, taps, stride, x.shape[1:-1]) if needed[0] else None,
            _conv(x, g, taps, stride) if needed[1] else None)


def conv(x, w, taps, stride=1, bias=None, rectify=False):
    """y[p] = bias + Σₜ x[stride·p + tapₜ] @ w[t], with x zero outside its extent.

    x is `(batch, *space, channels_in)`, w `(taps, channels_in, channels_out)`, `bias` `(channels_out,)` or None; y has
    extents ⌈extent / stride⌉. With `rectify` it is the convolution of relu(x), which is not kept in memory.
    Raises ValueError or TypeError for taps, strides or shapes that do not fit.
    """
    taps = _check_weights("x", x, 1, w, _check_taps("x", x, taps, stride))
    if bias is None:
        return _conv(relu(x) if rectify else x, w, taps, stride)
    if raw(bias).shape != w.shape[-1:]:
        raise ValueError(f"conv bias: expected shape {w.shape[-1:]} for w of shape {w.shape}, got {raw(bias).shape}")
    return _affine_conv(x, w, bias, taps, stride, rectify)


@example(conv)(scalars=False)
def _(make):
    x, _, w, taps, stride = _example(make)
    return Example(x, w, taps=taps, stride=stride)


@_affine_conv.example(scalars=False)
def _(make):
    """With a bias, of x or of max(x, 0), for x apart from 0."""
    x, _, w, taps, stride = _example(make)
    return Example(make.apart(x.shape), w, make.values(w.shape[-1:]), taps=taps, stride=stride, rectify=make.boolean(),
                   call=lambda x, w, bias, taps, stride, rectify: conv(x, w, taps, stride, bias, rectify))


def conv_transpose(y, w, taps, stride=1, extents=None):
    """The adjoint of `conv`: x[stride·p + tapₜ] = Σ y[p] @ w[t]ᵀ, of `extents` (by default stride times y's).

    y is `(batch, *space, channels_out)`, the result `(batch, *extents, channels_in)`; errors as for `conv`.
    """
    taps = _check_weights("y", y, 2, w, _check_taps("y", y, taps, stride))
    extents = tuple(stride * n for n in y.shape[1:-1]) if extents is None else tuple(extents)
    _check_extents("conv_transpose extents", extents, y, stride)
    return _conv_transpose(y, w, taps, stride, extents)


@example(conv_transpose)(scalars=False)
def _(make):
    x, y, w, taps, stride = _example(make)
    return Example(y, w, taps=taps, stride=stride, extents=None if make.boolean() else x.shape[1:-1])


def conv_weight(x, y, taps, stride=1):
    """The gradient of `conv` by its weight: w[t] = Σₚ x[stride·p + tapₜ]ᵀ y[p], over the batch too.

    x is `(batch, *space, channels_in)`, y `(batch, *space, channels_out)`; errors as for `conv`.
    """
    taps = _check_taps("x", x, taps, stride)
    _check_taps("y", y, taps, stride)
    _check_extents("conv_weight x", x.shape[1:-1], y, stride)
    if x.shape[0] != y.shape[0]:
        raise ValueError(f"conv_weight y: expected the batch of x, {x.shape[0]}, got {y.shape[0]}")
    return _conv_weight(x, y, taps, stride)


@example(conv_weight)(scalars=False)
def _(make):
    x, y, _, taps, stride = _example(make)
    return Example(x, y, taps=taps, stride=stride)


def _example(make):
    """x, y, w, taps and stride, of one or two axes of space."""
    rank = make.integer(1, 2)
    taps = [tuple(make.integer(-3, 3) for _ in range(rank)) for _ in range(make.integer(0, 3))]
    stride, extents = make.integer(1, 3), tuple(make.extent() for _ in range(rank))
    space = tuple(-(-extent // stride) for extent in extents)
    batch, channels_in, channels_out = (make.extent() for _ in range(3))
    return (make.values((batch, *extents, channels_in)), make.values((batch, *space, channels_out)),
            make.values((len(taps), channels_in, channels_out)), taps, stride)


def _check_taps(name, x, taps, stride):
    """The taps as a tuple of tuples, after checks that they and the stride fit the data."""
    x = raw(x)
    if x.ndim < 3:
        raise ValueError(f"conv {name}: expected (batch, *space, channels), got shape {x.shape}")
    if x.dtype.kind not in "biu" and x.dtype.char not in "fd":
        raise TypeError(f"conv {name}: expected float32 or float64, got {x.dtype}")
    positive_integer("conv stride", stride)
    rank = x.ndim - 2
    try:
        taps = tuple(tuple(tap) for tap in taps)
    except TypeError:
        raise TypeError(f"conv taps: expected tuples of {rank} integers, got {taps!r}") from None
    offsets = [offset for tap in taps for offset in tap]
    if not ({len(tap) for tap in taps} <= {rank} and {type(offset) for offset in offsets} <= {int}):
        wrong = next(tap for tap in taps if len(tap) != rank or not {type(offset) for offset in tap} <= {int})
        raise TypeError(f"conv taps: expected tuples of {rank} integers, got {wrong!r}")
    if offsets and max(max(offsets), -min(offsets)) > 1 << 20:
        wrong = next(tap for tap in taps if max(map(abs, tap)) > 1 << 20)
        raise ValueError(f"conv taps: expected offsets of at most {1 << 20} either way, got {wrong!r}")
    return taps


def _check_weights(name, x, channel_axis, w, taps):
    """The taps, after checks that w fits them and the data."""
    x, w = raw(x), raw(w)
    if w.ndim != 3 or len(taps) != w.shape[0]:
        raise ValueError(f"conv w: expected shape ({len(taps)}, channels_in, channels_out), {len(taps)} being the "
                         f"number of taps, got {w.shape}")
    if w.dtype.char not in "fd":
        raise TypeError(f"conv w: expected float32 or float64, got {w.dtype}")
    if x.shape[-1] != w.shape[channel_axis]:
        raise ValueError(f"conv {name}: w of shape {w.shape} needs {w.shape[channel_axis]} channels, got {x.shape[-1]}")
    return taps


def _check_extents(name, extents, y, stride):
    """Raise ValueError unless a convolution with this stride makes y's extents of `extents`."""
    reached = tuple(-(-n // stride) for n in extents)
    if reached != y.shape[1:-1]:
        raise ValueError(f"{name}: stride {stride} leads from {extents} to {reached}, but y has {y.shape[1:-1]}")
