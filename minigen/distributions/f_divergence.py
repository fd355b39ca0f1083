"""The base class of f-divergences: generator, conjugate and critic, and the gap that is integrated."""

import math

import numpy as np

from .. import ops
from ..autograd import raw


class FDivergence:
    """One f-divergence: functions of arrays or Tensors of any shape, elementwise and differentiable.

    `generator(u)` is f, `conjugate(t)` is f* (inf outside its domain), `critic(log_ratio)` the best critic f'(p/q) from
    log p - log q, and `activation(v)` an increasing map from the real numbers into the domain, the output of a network
    that plays the critic. A subclass also defines `_gap`.
    """

    name = ""
    at_zero = math.inf  # f(0)
    upper = math.inf  # the upper end of the domain of f*, and the limit of f(u)/u
    at_one = 0.0  # f(1) = D_f(p‖p)
    slope = 0.0  # f'(1), whose tangent every divergence ignores: E_q[p/q - 1] = 0

    def generator(self, u):
        """f(u), u ≥ 0."""
        raise NotImplementedError(f"{type(self).__name__} defines no generator")

    def conjugate(self, t):
        """f*(t) = sup over u ≥ 0 of u t - f(u)."""
        raise NotImplementedError(f"{type(self).__name__} defines no conjugate")

    def activation(self, v):
        """A value of the domain of f* for any real v."""
        return v

    def critic(self, log_ratio):
        """f'(p/q) from log p - log q."""
        raise NotImplementedError(f"{type(self).__name__} defines no critic")

    def gap(self, log_p, log_q):
        """q f(p/q) less its tangent at p = q, f(1) q + f'(1) (p - q): what D_f - f(1) integrates, never below 0.

        Takes and gives float64 arrays. Computed from logarithms without overflow. If p and q are multiplied by c, so is
        it.
        """
        log_p, log_q = np.broadcast_arrays(np.asarray(log_p, np.float64), np.asarray(log_q, np.float64))
        no_p, no_q = log_p == -np.inf, log_q == -np.inf
        both = ~(no_p | no_q)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            p, q = np.exp(log_p), np.exp(log_q)
            inside = self._gap(np.where(both, log_p, 0), np.where(both, log_q, 0))
            alone = np.where(no_p, _times(q, self.at_zero - self.at_one + self.slope),
                             _times(p, self.upper - self.slope))
        return np.where(both, inside, np.where(no_p & no_q, 0.0, alone))

    def __repr__(self):
        settings = ", ".join(f"{name}={value}" for name, value in vars(self).items() if name in ("weight", "alpha"))
        return f"{type(self).__name__}({settings})"

    def _gap(self, log_p, log_q):
        raise NotImplementedError(f"{type(self).__name__} defines no _gap")


def _times(mass, unit):
    """mass·unit, but `unit` where it is infinite: a mass above 0 may have been rounded to 0."""
    return mass * unit if math.isfinite(unit) else unit


def halves(log_p, log_q):
    """(p + q, p/(p + q), q/(p + q), log p/q)."""
    r = log_p - log_q
    return np.exp(np.logaddexp(log_p, log_q)), 1 / (1 + np.exp(-r)), 1 / (1 + np.exp(r)), r


def log(u):
    """log u, -inf at 0 without a warning."""
    zero = raw(u) == 0
    return ops.where(zero, -math.inf, ops.log(ops.where(zero, 1, u)))


def x_log_x(u):
    """u log u, 0 at 0."""
    return u * ops.log(ops.where(raw(u) == 0, 1, u))


def below(f, t):
    """t where it is inside the domain of f*, else some value that is."""
    return ops.where(raw(t) < f.upper, t, f.upper - 1)


def within(f, t, value, end=None):
    """`value` inside the domain of f*, `end` (or again `value`) at its upper end, inf above."""
    value = value if end is None else ops.where(raw(t) == f.upper, end, value)
    return ops.where(raw(t) > f.upper, math.inf, value)
