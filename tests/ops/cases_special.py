"""Cases of special functions, whose references are scipy's, or sums of thin slices; see `cases`."""

from __future__ import annotations

import functools

import numpy as np
from scipy import special

from minigen import kernels, ops
from minigen.autograd.tensor import raw
from minigen.ops import incomplete, normal_tails, von_mises
from ops.cases import case
from ops.source import Example


@case("ndtr")
def _ndtr(source, name):
    return Example([source.values(source.shape())], ops.ndtr, lambda x: 0.5 * special.erfc(-x / np.sqrt(2)))


@case("ndtri")
def _ndtri(source, name):
    return Example([source.values(source.shape(), 0.1, 0.9)], ops.ndtri,
                   lambda p: np.sqrt(2) * special.erfinv(2 * p - 1))


def _drawn(source, count, low, high):
    return [source.values(shape, low, high) for shape in source.broadcastable(count)]


def _narrow(function):
    """The function in float64, its values in the dtype that NumPy gives its arguments."""
    return lambda *args: np.asarray(function(*[np.asarray(a, np.float64) for a in args]), np.result_type(*args))


@case("lbeta", broadcasts=True)
def _lbeta(source, name):
    high = source.choice([4.0, 30.0])
    return Example(_drawn(source, 2, 0.4, high), ops.lbeta, _narrow(special.betaln))


@case("gamma_cdf", broadcasts=True)
def _gamma_cdf(source, name):
    a, log_x = _drawn(source, 2, -1.5, 1.5)
    return Example([np.exp(a), log_x], ops.gamma_cdf, _narrow(lambda a, s: special.gammainc(a, np.exp(s))))


@case("gamma_quantile", broadcasts=True)
def _gamma_quantile(source, name):
    a, p = _drawn(source, 2, 0.1, 0.9)
    return Example([4 * a, p], ops.gamma_quantile, _narrow(lambda a, p: np.log(special.gammaincinv(a, p))))


@case("implicit_gamma")
def _implicit_gamma(source, name):
    """As a function of the concentration: the draw is the p-quantile."""
    a = source.values(source.shape(), 0.4, 4.0)
    p = source.values(a.shape, 0.1, 0.9)
    return Example([a], lambda a: incomplete.implicit_gamma(a, kernels.gamma_quantile(raw(a), p.astype(a.dtype))),
                   _narrow(lambda a: np.log(special.gammaincinv(a, p))))


@case("beta_cdf", broadcasts=True)
def _beta_cdf(source, name):
    a, b, logit = _drawn(source, 3, -1.2, 1.2)
    return Example([np.exp(a), np.exp(b), logit], ops.beta_cdf,
                   _narrow(lambda a, b, s: special.betainc(a, b, special.expit(s))))


@case("beta_quantile", broadcasts=True)
def _beta_quantile(source, name):
    a, b, p = _drawn(source, 3, 0.1, 0.9)
    return Example([4 * a, 3 * b, p], ops.beta_quantile,
                   _narrow(lambda a, b, p: special.logit(special.betaincinv(a, b, p))))


@case("implicit_beta", broadcasts=True)
def _implicit_beta(source, name):
    a, b = _drawn(source, 2, 0.4, 4.0)
    p = source.values(np.broadcast_shapes(a.shape, b.shape), 0.1, 0.9)

    def draw(a, b):
        dtype = np.result_type(a.dtype, b.dtype)
        return incomplete.implicit_beta(a, b, kernels.beta_quantile(raw(a), raw(b), p.astype(dtype)))

    return Example([a, b], draw, _narrow(lambda a, b: special.logit(special.betaincinv(a, b, p))))


def _over_slices(integrand, start, end, pieces=60, order=8):
    """∫ integrand(t) dt from start to end, arrays of one shape, by Gauss-Legendre rules on many equal slices."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    ends = np.linspace(start, end, pieces + 1)
    total = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        total = total + (0.5 * np.diff(ends, axis=0) * weight * integrand(
            0.5 * (ends[:-1] + ends[1:]) + 0.5 * node * np.diff(ends, axis=0))).sum(axis=0)
    return total


@case("gamma_score", broadcasts=True)
def _gamma_score(source, name):
    order = source.integer(1, 2)

    def reference(a, s):
        a, s = np.broadcast_arrays(a, s)

        def integrand(t):
            first = t - special.psi(a)
            score = first if order == 1 else first**2 - special.polygamma(1, a)
            return np.exp(a * (t - s) - np.exp(t) + np.exp(s)) * score

        return _over_slices(integrand, s - 40 / a - 2, s)

    a, log_x = _drawn(source, 2, -1.0, 1.0)
    return Example([np.exp(a), log_x], lambda a, s: incomplete.gamma_score(a, s, order), _narrow(reference))


@case("beta_score", broadcasts=True)
def _beta_score(source, name):
    m, n = source.choice([(1, 0), (0, 1), (1, 1)])

    def reference(a, b, s):
        a, b, s = np.broadcast_arrays(a, b, s)

        def integrand(t):
            of_a = special.log_expit(t) - special.psi(a) + special.psi(a + b)
            of_b = special.log_expit(-t) - special.psi(b) + special.psi(a + b)
            score = of_a**m * of_b**n + (special.polygamma(1, a + b) if m == n else 0)
            rise = a * special.log_expit(t) + b * special.log_expit(-t)
            return np.exp(rise - a * special.log_expit(s) - b * special.log_expit(-s)) * score

        return _over_slices(integrand, s - 40 / a - 2, s)

    a, b, logit = _drawn(source, 3, -0.8, 0.8)
    return Example([np.exp(a), np.exp(b), logit], lambda a, b, s: incomplete.beta_score(a, b, s, m, n),
                   _narrow(reference))


@case("normal_piece", broadcasts=True)
def _normal_piece(source, name):
    order, sign = source.integer(0, 2), source.choice([1, -1])

    def reference(c, w):
        c, w = np.broadcast_arrays(c, w)
        return _over_slices(lambda t: np.exp(-c * t - 0.5 * t * t) * t**order, 0 * w, w, pieces=6)

    args = [sign * values for values in _drawn(source, 2, 0.1, 2.0)]
    return Example(args, lambda c, w: normal_tails.normal_piece(c, w, order), _narrow(reference))


@case("truncated_normal_quantile", broadcasts=True)
def _truncated_normal_quantile(source, name):
    """On one side of the mode, by the sign of c, or on both."""
    c, left, right, p = _drawn(source, 4, 0.1, 0.9)
    kind = source.integer(-1, 1)
    c = kind * c

    def reference(c, left, right, p):
        low, high = special.ndtr(c - left), special.ndtr(c + right)
        return special.ndtri(low + p * (high - low)) - c

    # What is 0 stays so: on the other side there is no interval to differentiate by. In float32, so as not to widen.
    zero = np.zeros(np.broadcast_shapes(c.shape, left.shape, right.shape), np.float32)
    if kind == 0:
        return Example([left, right, p], lambda *args: normal_tails.truncated_normal_quantile(zero, *args),
                       _narrow(lambda *args: reference(zero, *args)))
    if kind > 0:
        return Example([c, right, p], lambda c, *args: normal_tails.truncated_normal_quantile(c, zero, *args),
                       _narrow(lambda c, *args: reference(c, zero, *args)))
    return Example([c, left, p], lambda c, left, p: normal_tails.truncated_normal_quantile(c, left, zero, p),
                   _narrow(lambda c, left, p: reference(c, left, zero, p)))


@case("cosine_tail", broadcasts=True)
def _cosine_tail(source, name):
    order = source.integer(0, 2)

    def reference(k, s):
        k, s = np.broadcast_arrays(k, s)
        return _over_slices(lambda t: np.exp(k * (np.cos(t) - np.cos(s))) * (np.cos(t) - 1) ** order, s,
                            np.full(s.shape, np.pi), pieces=6)

    return Example(_drawn(source, 2, 0.2, 2.5), lambda k, s: von_mises.cosine_tail(k, s, order), _narrow(reference))


def _von_mises_quantile(sign, p, k):
    """sign·x with a fraction p of the density from 0 to π before x, by its Fourier series (Mardia and Jupp, 2000)."""
    j = np.arange(1, 30).reshape(-1, *(1,) * k.ndim)
    ratio = special.ive(j, k) / special.ive(0, k)

    def excess(x):
        return x / np.pi + 2 / np.pi * (ratio * np.sin(j * x) / j).sum(axis=0) - p

    low, high = np.zeros(k.shape), np.full(k.shape, np.pi)
    for _ in range(5):
        middle = 0.5 * (low + high)
        low, high = np.where(excess(middle) < 0, middle, low), np.where(excess(middle) < 0, high, middle)
    x = 0.5 * (low + high)
    for _ in range(4):
        x = x - excess(x) * np.pi * special.ive(0, k) / np.exp(k * (np.cos(x) - 1))
    return sign * x


@case("implicit_von_mises")
def _implicit_von_mises(source, name):
    k = source.values(source.shape(), 0.3, 3.0)
    quantile = functools.partial(_von_mises_quantile, source.choice([1.0, -1.0]), source.values(k.shape, 0.1, 0.9))

    def draw(k):
        values = raw(k)
        on_host = isinstance(values, np.ndarray | np.generic)
        x = quantile(np.asarray(values if on_host else values.get(), np.float64)).astype(values.dtype)
        return von_mises.implicit_von_mises(k, x if on_host else type(values)(x))

    return Example([k], draw, _narrow(quantile))
