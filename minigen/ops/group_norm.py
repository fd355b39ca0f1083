"""Normalisation of groups of channels, which batch, group and instance normalisation are made of."""

import math

from .. import kernels
from ..arrays import array_module
from ..arrays.checks import positive_integer
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .elementwise import sqrt


@primitive(residuals=("x", "weight", "centre", "scale"), byproducts=("centre", "scale"), several=True)
def group_norm(x, weight, bias, /, groups, eps=1e-5):
    """y = (x - mean) / √(variance + eps)·weight + bias, and the mean and the variance (Wu and He, 2018, equation 1).

    x of shape (batch, *space, channels) has its channels in `groups` equal groups, one after the other. Mean and
    variance, both (batch, groups), are those of all positions and channels of a group in one example; the variance is
    divided by their number. `weight` and `bias` have shape (channels,). Gives the tuple (y, mean, variance), all three
    differentiable. Raises ValueError for shapes that do not fit.
    """
    positive_integer("group_norm groups", groups)
    if x.ndim < 2 or x.shape[-1] % groups or math.prod(x.shape[1:]) == 0:
        raise ValueError(f"group_norm x: expected shape (batch, *space, channels) with at least one position and a "
                         f"multiple of {groups} channels, got {x.shape}")
    for name, array in (("weight", weight), ("bias", bias)):
        if array.shape != x.shape[-1:]:
            raise ValueError(f"group_norm {name}: expected shape {x.shape[-1:]}, got {array.shape}")
    y, *statistics = kernels.group_norm(x, weight, bias, groups, eps)
    mean, variance = (statistic.astype(y.dtype, copy=False) for statistic in statistics)
    return y, mean, variance, mean, 1 / array_module(x).sqrt(variance + eps)


@group_norm.defvjp
def _(g, residuals, needed):
    of_y, of_mean, of_variance = g
    x, weight, centre, scale = residuals
    of_x = of_weight = of_bias = None
    if of_y is not None:
        total, along = kernels.group_norm_sums(of_y, x, centre, scale)
        of_weight, of_bias = along.sum(axis=0), total.sum(axis=0)
        if needed[0]:
            of_x = kernels.group_norm_vjp(of_y, x, weight, centre, scale, total, along)
    if needed[0] and (of_mean is not None or of_variance is not None):
        # d mean / dx = 1 / n and d variance / dx = 2·(x - mean) / n
        groups, spread = _grouped(x, centre.shape[1]), array_module(x).zeros_like
        of_statistics = spread(groups)
        count = groups.shape[1] * groups.shape[3]
        if of_mean is not None:
            of_statistics += of_mean[:, None, :, None] / count
        if of_variance is not None:
            of_statistics += (groups - centre[:, None, :, None]) * (of_variance[:, None, :, None] * (2 / count))
        of_statistics = of_statistics.reshape(x.shape)
        of_x = of_statistics if of_x is None else of_x + of_statistics
    return of_x, of_weight, of_bias


@group_norm.defcomposite
def _(x, weight, bias, groups, eps):
    grouped = _grouped(x, groups)
    mean = grouped.mean(axis=(1, 3), keepdims=True)
    centred = grouped - mean
    variance = (centred * centred).mean(axis=(1, 3), keepdims=True)
    y = (centred / sqrt(variance + eps)).reshape(x.shape) * weight + bias
    shape = (x.shape[0], groups)
    return y, mean.reshape(shape), variance.reshape(shape)


@group_norm.example(scalars=False)
def _(make):
    """Two positions or more: with one value in a group the variance is 0, and differences have no digits left."""
    groups = make.choice([1, 2, 3])
    shape = (make.extent(), make.integer(2, 3), *make.shape(0, 1, smallest=1), groups * make.integer(1, 2))
    return Example(make.distinct(shape), make.values(shape[-1:]), make.values(shape[-1:]), groups=groups,
                   eps=make.choice([1e-5, 0.1]))


def _grouped(x, groups):
    """x as (batch, positions, groups, channels of a group)."""
    return x.reshape((x.shape[0], math.prod(x.shape[1:-1]), groups, x.shape[-1] // groups))
