"""What the ops should give: written with NumPy and scipy, or out in loops, sharing no code with minigen.

A reference takes the arguments of the op's examples, arrays as float64 or float32.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import numpy as np
from scipy import special, stats

REFERENCES: dict[str, Callable] = {}


def reference(*names: str):
    """Register a function as the reference of these ops."""
    def register(function):
        for name in names:
            assert name not in REFERENCES, name
            REFERENCES[name] = function
        return function

    return register


def elu(x, alpha):
    """x above 0, alpha·(exp(x) - 1) below."""
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


REFERENCES.update({
    "identity": np.array,
    "negative": lambda x: 0 - x,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": lambda x: np.power(x, 2),
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "log_sigmoid": special.log_expit,
    "softplus": lambda x: np.logaddexp(x, 0),
    "relu": lambda x: np.where(x > 0, x, 0),
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "leaky_relu": lambda x, slope: np.maximum(x, 0) + slope * np.minimum(x, 0),
    "elu": elu,
    "concat_elu": lambda x: elu(np.concatenate([x, -x], axis=-1), 1),
    "astype": lambda x, dtype: x.astype(dtype),
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": lambda x, y: np.power(x, np.asarray(y, x.dtype) if np.ndim(y) == 0 and hasattr(x, "dtype") else y),
    "gate": lambda a, b: np.tanh(a) * special.expit(b),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "erf": lambda x: 1 - special.erfc(x),
    "lgamma": special.loggamma,
    "digamma": special.psi,
    "polygamma": lambda x, order: special.polygamma(order, x).astype(x.dtype),
    "where": lambda condition, x, y: np.choose(condition.astype(int), [
        np.asarray(y, getattr(x, "dtype", None)), np.asarray(x, getattr(y, "dtype", None))]),
})


@reference("clip")
def _(x, low, high):
    x = x if low is None else np.where(x < low, np.asarray(low, x.dtype), x)
    return x if high is None else np.where(x > high, np.asarray(high, x.dtype), x)


@reference("glu")
def _(x):
    a, b = np.split(x, 2, axis=-1)
    return a / (1 + np.exp(-b))


@reference("tanh_gate")
def _(x):
    a, b = np.split(x, 2, axis=-1)
    return np.tanh(a) / (1 + np.exp(-b))


@reference("layer_norm")
def _(x, gain, bias, eps):
    out = np.empty(x.shape, np.result_type(x, gain, bias))
    for i in np.ndindex(x.shape[:-1]):
        mean = math.fsum(x[i]) / x.shape[-1]
        variance = math.fsum((float(v) - mean) ** 2 for v in x[i]) / x.shape[-1]
        out[i] = [(float(v) - mean) / math.sqrt(variance + eps) for v in x[i]]
    return (out * gain + bias).astype(out.dtype)


@reference("group_norm")
def _(x, weight, bias, groups, eps):
    y, mean, variance = np.empty(x.shape, np.result_type(x, weight, bias)), *np.zeros((2, len(x), groups), x.dtype)
    channels = x.shape[-1] // groups
    for i in range(len(x)):
        for group in range(groups):
            inside = np.s_[..., group * channels : (group + 1) * channels]
            values = x[i][inside].ravel().astype(float).tolist()
            centre = math.fsum(values) / len(values)
            spread = math.fsum((v - centre) ** 2 for v in values) / len(values)
            mean[i, group], variance[i, group] = centre, spread
            y[i][inside] = (x[i][inside] - centre) / math.sqrt(spread + eps) * weight[inside] + bias[inside]
    return y, mean, variance


@reference("bernoulli_log_prob")
def _(x, logits):
    x = x if x.dtype.kind == "f" else x.astype(logits.dtype)
    return (x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum(axis=-1)


@reference("categorical_log_prob")
def _(logits, index):
    shape, levels = np.broadcast_shapes(index.shape, logits.shape[:-1]), logits.shape[-1]
    out = np.empty(shape, logits.dtype)
    rows, picked = np.broadcast_to(logits, (*shape, levels)), np.broadcast_to(index, shape)
    for i in np.ndindex(shape):
        out[i] = rows[i][picked[i]] - math.log(math.fsum(math.exp(v) for v in rows[i].tolist()))
    return out


@reference("normal_log_prob")
def _(x, loc, log_scale):
    return stats.norm.logpdf(x, loc, np.exp(log_scale)).sum(axis=-1)


@reference("normal_kl")
def _(loc, log_scale):
    """KL = -entropy + cross-entropy, both of which scipy or a second moment gives."""
    scale = np.exp(log_scale)
    cross = 0.5 * (np.log(2 * np.pi) + loc**2 + scale**2)
    return (cross - stats.norm.entropy(loc, scale)).sum(axis=-1)


@reference("reparameterize")
def _(loc, log_scale, noise):
    return noise * math.e**log_scale + loc


@reference("nade_logits")
def _(table, c, v, b, x, levels):
    """By the definition, from the first variable on for each of them."""
    logits = np.zeros((len(x), *b.shape), c.dtype)
    for n in range(len(x)):
        for d in range(len(table)):
            a = (c[n] if c.ndim == 2 else c).astype(np.float64)
            for i in range(d):
                row = x[n, i] - (levels - table.shape[1])
                a = a + (table[i, row] if row >= 0 else 0)
            logits[n, d] = v[d] @ special.expit(a) + b[d]
    return logits


for _module in ("references_arrays", "references_products", "references_special"):
    importlib.import_module(f"ops.{_module}")
