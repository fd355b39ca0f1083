"""What the registry test knows of each op: how to draw an example of it, and what it should give.

A case is a function from a `Source` to an `Example`. The references are written in NumPy and scipy, or out in
loops, and share no code with minigen.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

import numpy as np
from scipy import special

from minigen import ops
from minigen.autograd import sweep
from ops.source import Example, Source

CASES: dict[str, list[Callable[[Source], Example]]] = {}
BROADCASTING: set[str] = set()  # ops whose cases broadcast one array against another


def case(*names: str, broadcasts: bool = False):
    """Register a function `(source, op name) -> Example` for the ops `names`."""

    def register(function):
        for name in names:
            CASES.setdefault(name, []).append(lambda source, name=name: function(source, name))
            if broadcasts:
                BROADCASTING.add(name)
        return function

    return register


def op(name: str) -> Callable:
    """The function under test."""
    return getattr(ops, name)


def logistic(x):
    """1 / (1 + exp(-x))."""
    return special.expit(x)


# name: (reference, how to draw values)
UNARY = {
    "negative": (lambda x: -x, Source.values),
    "exp": (np.exp, Source.values),
    "expm1": (np.expm1, Source.values),
    "log": (np.log, lambda s, shape: s.values(shape, 0.3, 3.0)),
    "log1p": (np.log1p, lambda s, shape: s.values(shape, -0.6, 3.0)),
    "sqrt": (np.sqrt, lambda s, shape: s.values(shape, 0.3, 3.0)),
    "square": (lambda x: np.power(x, 2), Source.values),
    "abs": (np.abs, Source.apart),
    "sin": (np.sin, Source.values),
    "cos": (np.cos, Source.values),
    "tanh": (np.tanh, Source.values),
    "sigmoid": (logistic, lambda s, shape: s.values(shape, -4.0, 4.0)),
    "log_sigmoid": (special.log_expit, lambda s, shape: s.values(shape, -4.0, 4.0)),
    "softplus": (lambda x: np.logaddexp(x, 0), lambda s, shape: s.values(shape, -4.0, 4.0)),
    "relu": (lambda x: np.where(x > 0, x, 0), Source.apart),
    "gelu": (lambda x: x * special.ndtr(x), Source.values),
    "silu": (lambda x: x / (1 + np.exp(-x)), Source.values),
    "erf": (lambda x: 1 - special.erfc(x), Source.values),
    "lgamma": (special.loggamma, lambda s, shape: s.values(shape, 0.4, 4.0)),
    "digamma": (special.psi, lambda s, shape: s.values(shape, 0.4, 4.0)),
}


@case(*UNARY)
def _unary(source, name):
    reference, draw = UNARY[name]
    return Example([draw(source, source.shape())], op(name), reference)


@case("identity")
def _identity(source, name):
    return Example([source.values(source.shape())], sweep.identity, np.array)


@case("polygamma")
def _polygamma(source, name):
    order = source.integer(0, 3)
    x = source.values(source.shape(), 0.6, 4.0)
    return Example([x], lambda x: ops.polygamma(x, order), lambda x: special.polygamma(order, x).astype(x.dtype))


@case("leaky_relu")
def _leaky_relu(source, name):
    slope = source.choice([0.01, 0.3, -0.5])
    return Example([source.apart(source.shape())], lambda x: ops.leaky_relu(x, slope),
                   lambda x: np.maximum(x, 0) + slope * np.minimum(x, 0))


@case("elu")
def _elu(source, name):
    alpha = source.choice([1.0, 0.4, 2.0])
    return Example([source.apart(source.shape())], lambda x: ops.elu(x, alpha=alpha),
                   lambda x: np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1)))


@case("concat_elu")
def _concat_elu(source, name):
    def expected(x):
        both = np.concatenate([x, -x], axis=-1)
        return np.where(both > 0, both, np.exp(np.minimum(both, 0)) - 1)

    return Example([source.apart(source.shape(least=1))], ops.concat_elu, expected)


@case("glu")
def _glu(source, name):
    def expected(x):
        a, b = np.split(x, 2, axis=-1)
        return a / (1 + np.exp(-b))

    shape = source.shape(least=1)
    return Example([source.values((*shape[:-1], 2 * shape[-1]))], ops.glu, expected)


@case("tanh_gate")
def _tanh_gate(source, name):
    def expected(x):
        a, b = np.split(x, 2, axis=-1)
        return np.tanh(a) / (1 + np.exp(-b))

    shape = source.shape(least=1)
    return Example([source.values((*shape[:-1], 2 * shape[-1]))], ops.tanh_gate, expected)


@case("astype")
def _astype(source, name):
    # To float32 and back again rounds the values, which differences would see: only float64 is exact here.
    return Example([source.values(source.shape())], lambda x: ops.astype(x, np.float64), lambda x: x.astype("f8"))


BINARY = {
    "add": (np.add, Source.values, Source.values),
    "subtract": (np.subtract, Source.values, Source.values),
    "multiply": (np.multiply, Source.values, Source.values),
    "divide": (np.divide, Source.values, Source.apart),
    "power": (np.power, lambda s, shape: s.values(shape, 0.4, 2.0), Source.values),
    "gate": (lambda a, b: np.tanh(a) * logistic(b), Source.values, Source.values),
}


@case(*BINARY, broadcasts=True)
def _binary(source, name):
    reference, draw_x, draw_y = BINARY[name]
    shape_x, shape_y = source.broadcastable()
    return Example([draw_x(source, shape_x), draw_y(source, shape_y)], op(name), reference)


@case("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
def _with_number(source, name):
    """One operand is a Python number, and the other arrives through the operators where there are such."""
    number = source.choice([2, 3.5, 0.25])
    x = source.values(source.shape(), 0.6, 1.8)
    first = source.boolean()
    function, reference = op(name), getattr(np, name)
    return Example([x], (lambda x: function(number, x)) if first else lambda x: function(x, number),
                   (lambda x: reference(number, x)) if first else lambda x: reference(x, number))


@case("power")
def _whole_powers(source, name):
    """Negative bases, to powers for which they have one."""
    exponent = source.choice([0, 1, 2, 3, -1, -2])
    given = np.full((), exponent, np.float32) if source.boolean() else exponent  # float32 leaves the dtype to x
    return Example([source.apart(source.shape())], lambda x: ops.power(x, given),
                   lambda x: np.power(x, np.asarray(exponent, x.dtype)))


@case("power")
def _power_of_zero_exponent(source, name):
    """x to the power 0 is 1, but how fast it changes with the exponent depends on x."""
    x = source.values(source.shape(), 0.4, 2.0)
    return Example([x, np.zeros(x.shape)], ops.power, np.power)


@case("maximum", "minimum", broadcasts=True)
def _larger(source, name):
    shape_x, shape_y = source.broadcastable()
    x = 0.4 * source.random().integers(-4, 5, shape_x) + source.values(shape_x, -0.04, 0.04)
    y = 0.4 * source.random().integers(-4, 5, shape_y) + 0.2 + source.values(shape_y, -0.04, 0.04)
    larger = name == "maximum"
    return Example([x, y], op(name), lambda x, y: np.where((x > y) == larger, x, y))


@case("clip")
def _clip(source, name):
    low, high = source.choice([(-0.5, 0.75), (None, 0.25), (-0.25, None), (-3, 3)])
    x = source.distinct(source.shape(), 0.5) + 0.013  # no value within 0.03 of a limit
    x = np.where(np.abs(np.abs(x) - 0.5) < 0.1, 0.4, x)
    for limit in (low, high):
        if limit is not None:
            x = np.where(np.abs(x - limit) < 0.05, limit + 0.07, x)

    def reference(x):
        x = x if low is None else np.where(x < low, np.asarray(low, x.dtype), x)
        return x if high is None else np.where(x > high, np.asarray(high, x.dtype), x)

    return Example([np.asarray(x)], lambda x: ops.clip(x, low, high), reference)


@case("where", broadcasts=True)
def _where(source, name):
    shape_c, shape_x, shape_y = source.broadcastable(3)
    condition = source.values(shape_c) > 0
    return Example([source.values(shape_x), source.values(shape_y)], lambda x, y: ops.where(condition, x, y),
                   lambda x, y: np.choose(condition.astype(int), [y, x]))


@case("where")
def _where_number(source, name):
    condition, x = source.values(source.shape()) > 0, None
    x = source.values(condition.shape)
    first = source.boolean()
    return Example([x], (lambda x: ops.where(condition, x, 1.5)) if first else lambda x: ops.where(condition, 1.5, x),
                   lambda x: np.where(condition == first, x, np.asarray(1.5, x.dtype)))


@case("layer_norm", broadcasts=True)
def _layer_norm(source, name):
    shape = source.shape(1, 3, smallest=1)[:-1] + (source.integer(2, 5),)
    eps = source.choice([1e-5, 0.1])
    gain_shape, bias_shape = (source.choice([shape[-1:], shape, (1,)]) for _ in range(2))

    def reference(x, gain, bias):
        out = np.empty(x.shape, np.result_type(x, gain, bias))
        for i in np.ndindex(x.shape[:-1]):
            mean = math.fsum(x[i]) / x.shape[-1]
            variance = math.fsum((float(v) - mean) ** 2 for v in x[i]) / x.shape[-1]
            out[i] = [(float(v) - mean) / math.sqrt(variance + eps) for v in x[i]]
        return (out * gain + bias).astype(out.dtype)

    # Values apart from each other: where the variance is next to 0 no difference has enough digits.
    args = [source.distinct(shape), source.values(gain_shape), source.values(bias_shape)]
    return Example(args, lambda x, gain, bias: ops.layer_norm(x, gain, bias, eps), reference)


@case("bernoulli_log_prob", broadcasts=True)
def _bernoulli_log_prob(source, name):
    shape = source.shape(1, 3)
    start = source.integer(0, len(shape) - 1)
    shapes = [shape, source.choice([shape, shape[start:], (1,) * len(shape), shape[:-1] + (1,)])]
    if source.boolean():
        shapes.reverse()

    def reference(x, logits):
        terms = x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)
        return terms.sum(axis=-1)

    return Example([source.values(shapes[0], 0.1, 0.9), source.values(shapes[1], -4.0, 4.0)],
                   ops.bernoulli_log_prob, reference)


@case("bernoulli_log_prob")
def _bernoulli_log_prob_of_bits(source, name):
    shape = source.shape(1, 3)
    x = source.random().integers(0, 2, shape).astype(source.choice(["u1", "?"]))
    return Example([source.values(shape, -4.0, 4.0)], lambda logits: ops.bernoulli_log_prob(x, logits),
                   lambda logits: special.log_expit(np.where(x, logits, -logits)).sum(axis=-1))


for _more in ("cases_arrays", "cases_convolution", "cases_fused", "cases_masked", "cases_nade", "cases_special"):
    importlib.import_module(f"ops.{_more}")
