"""Reductions over axes, and the normalisations that go with them. `axis` is None, an integer or a tuple of these."""

import operator

import numpy as np

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import exp
from .recordable import recordable
from .selection import where
from .shape import broadcast_to, flip


def _axes(axis, ndim):
    """The reduced axes, from 0 up."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))) if ndim else ()


def _count(shape, axis):
    """How many elements are reduced to one."""
    count = 1
    for a in _axes(axis, len(shape)):
        count *= shape[a]
    return count


def _kept(value, shape, axis):
    """A reduced value with its axes kept, of extent 1, whether or not they were."""
    axes = _axes(axis, len(shape))
    return value.reshape(tuple(1 if a in axes else n for a, n in enumerate(shape)))


@primitive(residuals=("x.shape", "axis"))
def sum(x, /, axis=None, keepdims=False):
    """Sum of the elements."""
    return x.sum(axis=axis, keepdims=keepdims)


@sum.defvjp
def _(g, residuals, needed):
    shape, axis = residuals
    return (broadcast_to(_kept(g, shape, axis), shape),)


@sum.example
def _(make):
    x = make.values(make.shape())
    return Example(x, axis=make.axes(x.ndim), keepdims=make.boolean())


@primitive(residuals=("x.shape", "axis"))
def mean(x, /, axis=None, keepdims=False):
    """Arithmetic mean of the elements."""
    return x.mean(axis=axis, keepdims=keepdims)


@mean.defvjp
def _(g, residuals, needed):
    shape, axis = residuals
    return (broadcast_to(_kept(g / (_count(shape, axis) or 1), shape, axis), shape),)


@mean.example(empty=False)
def _(make):
    x = make.values(make.shape(smallest=1))
    return Example(x, axis=make.axes(x.ndim), keepdims=make.boolean())


@primitive(residuals=("x", "axis", "ddof"))
def var(x, /, axis=None, ddof=0, keepdims=False):
    """Variance, Σ (x - mean)² / (n - ddof)."""
    return x.var(axis=axis, ddof=ddof, keepdims=keepdims)


@var.defvjp
def _(g, residuals, needed):
    x, axis, ddof = residuals
    centred = x - mean(x, axis, True)
    freedom = _count(x.shape, axis) - ddof
    return (_kept(g * (2 / freedom if freedom > 0 else float("nan")), x.shape, axis) * centred,)


@var.example(empty=False)
def _(make):
    x = make.values(make.shape(smallest=1))
    axis, ddof = make.axes(x.ndim), make.integer(0, 1)
    return Example(x, axis=axis, ddof=ddof if _count(x.shape, axis) > ddof else 0, keepdims=make.boolean())


@primitive(residuals=("x", "output", "axis"))
def max(x, /, axis=None, keepdims=False):
    """Largest element; equal largest elements share the gradient."""
    return x.max(axis=axis, keepdims=keepdims)


@primitive(residuals=("x", "output", "axis"))
def min(x, /, axis=None, keepdims=False):
    """Smallest element; equal smallest elements share the gradient."""
    return x.min(axis=axis, keepdims=keepdims)


@max.defvjp
@min.defvjp
def _(g, residuals, needed):
    x, y, axis = residuals
    x, y = raw(x), raw(y)
    hit = (x == _kept(y, x.shape, axis)).astype(x.dtype)
    return (_kept(g, x.shape, axis) * (hit / hit.sum(axis=axis, keepdims=True)),)


@max.example(empty=False)
@min.example(empty=False)
def _(make):
    x = make.distinct(make.shape(smallest=1))
    return Example(x, axis=make.axes(x.ndim), keepdims=make.boolean())


@primitive(residuals=("x", "output", "axis"))
def logsumexp(x, /, axis=None, keepdims=False):
    """log Σ exp(x), shifted by the largest element so that it cannot overflow; -inf where every x is."""
    return kernels.logsumexp(x, axis, keepdims)


@logsumexp.defvjp
def _(g, residuals, needed):
    x, y, axis = residuals
    empty = raw(y) == -float("inf")
    # Where all x are -inf the weights are 0, not NaN. On a GPU the host does not ask whether there are any.
    if array_module(raw(y)) is not np or empty.any():
        empty = _kept(empty, x.shape, axis)
        return (_kept(g, x.shape, axis) * (softmax(where(empty, 0, x), axis) * ~empty),)
    return (_kept(g, x.shape, axis) * softmax(x, axis),)  # exp(x - y) would lose the digits that x and y share


@logsumexp.example(empty=False)
def _(make):
    x = make.values(make.shape(smallest=1))
    return Example(x, axis=make.axes(x.ndim), keepdims=make.boolean())


@primitive(residuals=("output", "axis"))
def softmax(x, /, axis=-1):
    """exp(x) / Σ exp(x) along `axis`."""
    return kernels.softmax(x, axis)


_softmax_vjp = recordable(kernels.softmax_vjp)


@softmax.defvjp
def _(g, residuals, needed):
    return (_softmax_vjp(g, *residuals),)


@softmax.example(scalars=False)
def _(make):
    x = make.values(make.shape(1, 3))
    return Example(x, axis=make.axis(x.ndim))


@primitive(residuals=("output", "axis"))
def log_softmax(x, /, axis=-1):
    """x - logsumexp(x) along `axis`."""
    return kernels.log_softmax(x, axis)


_log_softmax_vjp = recordable(
    kernels.log_softmax_vjp, lambda g, y, axis: g - exp(y) * g.sum(axis=axis, keepdims=True))


@log_softmax.defvjp
def _(g, residuals, needed):
    return (_log_softmax_vjp(g, *residuals),)


@log_softmax.example(scalars=False)
def _(make):
    x = make.values(make.shape(1, 3))
    return Example(x, axis=make.axis(x.ndim))


@primitive(residuals=("axis",))
def cumsum(x, /, axis):
    """Running sum along `axis`."""
    return x.cumsum(axis=operator.index(axis))


@cumsum.defvjp
def _(g, residuals, needed):
    (axis,) = residuals
    return (flip(cumsum(flip(g, axis), axis), axis),)


@cumsum.example(scalars=False)
def _(make):
    x = make.values(make.shape(1, 3))
    return Example(x, axis=make.axis(x.ndim))


@primitive(residuals=("x", "output", "axis"))
def norm(x, /, axis=None, keepdims=False):
    """Euclidean norm, √Σ x²; its gradient at the zero vector is 0."""
    return array_module(x).sqrt((x * x).sum(axis=axis, keepdims=keepdims))


@norm.defvjp
def _(g, residuals, needed):
    x, y, axis = residuals
    y = where(raw(y) == 0, float("inf"), y)  # x / inf is 0, and so are all its derivatives
    return (_kept(g, x.shape, axis) * (x / _kept(y, x.shape, axis)),)


@norm.example(empty=False)
def _(make):
    x = make.apart(make.shape(smallest=1), 0.4)
    return Example(x, axis=make.axes(x.ndim), keepdims=make.boolean())
