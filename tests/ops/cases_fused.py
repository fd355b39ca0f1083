"""Cases of the ops that one kernel computes whole."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from minigen import ops
from ops.cases import case
from ops.source import Example


@case("categorical_log_prob")
def _categorical_log_prob(source, name):
    levels = source.integer(1, 4)
    batch, own = source.broadcastable()
    logits = source.values((*own, levels), -3.0, 3.0)
    index = source.random().integers(0, levels, batch).astype(source.choice(["i8", "u1"]))

    def reference(logits):
        shape = np.broadcast_shapes(index.shape, logits.shape[:-1])
        out = np.empty(shape, logits.dtype)
        rows, picked = np.broadcast_to(logits, (*shape, levels)), np.broadcast_to(index, shape)
        for i in np.ndindex(shape):
            out[i] = rows[i][picked[i]] - math.log(math.fsum(math.exp(v) for v in rows[i].tolist()))
        return out

    return Example([logits], lambda logits: ops.categorical_log_prob(logits, index), reference)


def _row_shapes(source, count):
    """Shapes of at least one axis that broadcast with each other."""
    n = source.integer(1, 4)
    return [(*shape, source.choice([n, n, 1])) for shape in source.broadcastable(count)]


@case("normal_log_prob", broadcasts=True)
def _normal_log_prob(source, name):
    args = [source.values(shape) for shape in _row_shapes(source, 3)]
    args[2] = 0.4 * args[2]
    return Example(args, ops.normal_log_prob,
                   lambda x, loc, log_scale: stats.norm.logpdf(x, loc, np.exp(log_scale)).sum(axis=-1))


@case("normal_kl", broadcasts=True)
def _normal_kl(source, name):
    """KL = -entropy + cross-entropy, both of which scipy or a second moment gives."""
    loc, log_scale = (source.values(shape) for shape in _row_shapes(source, 2))

    def reference(loc, log_scale):
        scale = np.exp(log_scale)
        cross = 0.5 * (np.log(2 * np.pi) + loc**2 + scale**2)
        return (cross - stats.norm.entropy(loc, scale)).sum(axis=-1)

    return Example([loc, 0.5 * log_scale], ops.normal_kl, reference)


@case("reparameterize", broadcasts=True)
def _reparameterize(source, name):
    args = [source.values(shape) for shape in source.broadcastable(3)]
    return Example(args, ops.reparameterize, lambda loc, log_scale, noise: noise * math.e**log_scale + loc)


@case("group_norm")
def _group_norm(source, name):
    groups, eps = source.choice([1, 2, 3]), source.choice([1e-5, 0.1])
    # two positions or more: with a single value in a group the variance is 0, and differences have no digits left
    shape = (source.extent(), source.integer(2, 3), *source.shape(0, 1, smallest=1), groups * source.integer(1, 2))
    channels = shape[-1] // groups

    def reference(x, weight, bias):
        y, mean, variance = np.empty(x.shape, np.result_type(x, weight, bias)), *np.zeros((2, len(x), groups), x.dtype)
        for i in range(len(x)):
            for group in range(groups):
                inside = np.s_[..., group * channels : (group + 1) * channels]
                values = x[i][inside].ravel().astype(float).tolist()
                centre = math.fsum(values) / len(values)
                spread = math.fsum((v - centre) ** 2 for v in values) / len(values)
                mean[i, group], variance[i, group] = centre, spread
                y[i][inside] = (x[i][inside] - centre) / math.sqrt(spread + eps) * weight[inside] + bias[inside]
        return y, mean, variance

    args = [source.distinct(shape), source.values(shape[-1:]), source.values(shape[-1:])]
    return Example(args, lambda x, weight, bias: ops.group_norm(x, weight, bias, groups, eps), reference)
