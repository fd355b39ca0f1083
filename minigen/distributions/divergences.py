"""f-divergences between any two distributions: in closed form, by a sum, by quadrature, or from samples."""

import itertools
import math
from typing import NamedTuple

import numpy as np

from ..arrays import to_numpy
from ..autograd import no_grad, raw
from ..protocols import nearest
from .counts import reach
from .divergence_quadrature import by_quadrature
from .empirical import Empirical
from .f_divergence import FDivergence
from .f_divergences import f_divergence
from .finite import LEVELS
from .kl import kl_divergence
from .monte_carlo import balanced_monte_carlo, check_samples, common_batch, core, log_density
from .one_hot import OneHot
from .poisson import Poisson
from .power_integrals import log_power_integral

METHODS = ("auto", "closed", "sum", "quadrature", "monte_carlo")
MOST_VALUES = 1 << 16  # a sum has at most so many terms
MOST_NUMBERS = 1 << 22  # and at most so many numbers in memory
MOST_LINES = 4096  # at most so many integrals at once
LOST_MASS = 1e-7  # quadrature that misses this much mass is not trusted
# D as a factor times (∫ p^a q^(1-a) - 1)
POWERS = {"pearson_chi2": (1.0, 2.0), "neyman_chi2": (1.0, -1.0), "squared_hellinger": (-2.0, 0.5)}


class Estimate(NamedTuple):
    """A divergence in nats: float64 `value` of the batch's shape, and the `method` that computed it.

    `standard_error` is the standard error of sampling, for quadrature the difference between two rules, and else 0.
    """

    value: np.ndarray
    standard_error: np.ndarray
    method: str


def divergence(name, p, q, method: str = "auto", rng=None, n: int = 65536, **settings) -> Estimate:
    """D_f(p‖q) = E_q[f(p(x)/q(x))] of the distributions p and q, which have events of one shape.

    `name`: total_variation, kl, reverse_kl, pearson_chi2, neyman_chi2, squared_hellinger, jeffrey, jensen_shannon,
    weighted_jensen_shannon (`weight`, of p), gan, alpha (`alpha`), or an `FDivergence`; f_divergences.py has their
    formulas and factors. `method`: "closed" (by `kl_divergence` or `log_power_integral`; or where one of p and q is
    discrete and the other not), "sum" (over few enough values), "quadrature" (of densities of one real number), or
    "monte_carlo" (n samples by `rng`); "auto" takes the first of these that works. There is no gradient
    (`kl_divergence` has one). The result is inf if the divergence is infinite and the method sees it, which samples may
    not.

    Raises ValueError for an unknown name or method, for shapes that do not fit, and if sampling needs an rng and there
    is none; raises NotImplementedError if the method asked for does not work.
    """
    f = name if isinstance(name, FDivergence) else f_divergence(name, **settings)
    if method not in METHODS:
        raise ValueError(f"method: unknown name {method!r}{nearest(method, METHODS)}")
    batch, n = common_batch(p, q), check_samples(n)
    if not math.prod(batch):
        return Estimate(np.zeros(batch), np.zeros(batch), "closed")
    attempts = {"closed": _closed, "sum": _sum, "quadrature": _quadrature}
    for kind, attempt in attempts.items():
        if method in ("auto", kind):
            result = attempt(f, p, q, batch)
            if result is not None:
                value, error = (np.broadcast_to(np.asarray(a, np.float64), batch).copy()[()] for a in result)
                return Estimate(value, error, kind)
    if method in attempts:
        raise NotImplementedError(f"divergence: no {f.name} of ({type(p).__name__}, {type(q).__name__}) by method "
                                  f"{method!r}")
    if rng is None:
        raise ValueError(f"rng: expected a generator or a seed, as {f.name} of ({type(p).__name__}, "
                         f"{type(q).__name__}) has to be estimated from samples, got None")
    return Estimate(*balanced_monte_carlo(f, p, q, rng, n), "monte_carlo")


def _closed(f, p, q, batch):
    if p.discrete != q.discrete:  # neither has mass where the other has
        return f.at_zero + f.upper, 0.0
    try:
        with no_grad():
            if f.name in ("kl", "reverse_kl", "jeffrey"):
                pairs = {"kl": [(p, q)], "reverse_kl": [(q, p)], "jeffrey": [(p, q), (q, p)]}[f.name]
                return sum(to_numpy(raw(kl_divergence(*pair))).astype(np.float64) for pair in pairs), 0.0
            if f.name in POWERS:
                factor, a = POWERS[f.name]
            elif f.name == "alpha":
                factor, a = 1 / (f.alpha * (f.alpha - 1)), f.alpha
            else:
                return None
            with np.errstate(over="ignore"):
                return factor * np.expm1(log_power_integral(p, q, a)), 0.0
    except NotImplementedError:
        return None


def _sum(f, p, q, batch):
    """f(1) + Σ of f's gap over all values, or None if the values cannot be listed or are too many."""
    if not (p.discrete and q.discrete):
        return None
    listed, endless = [_values(d) for d in (p, q)], [isinstance(core(d), Poisson) for d in (p, q)]
    data = [isinstance(d, Empirical) for d in (p, q)]
    if any(data) and any(endless):
        listed = [None if tail else values for values, tail in zip(listed, endless, strict=True)]
    lists = [values for values in listed if values is not None]
    if len(lists) < 2 and not any(data):
        return None
    values = np.unique(np.concatenate(lists), axis=0)
    while values.size * max(1, math.prod(batch)) <= MOST_NUMBERS:
        x = values.reshape((len(values), *(1,) * len(batch), *p.event_shape))
        logs = [np.broadcast_to(log_density(d, x), (len(values), *batch)) for d in (p, q)]
        terms = f.gap(*logs)
        total = f.at_one + terms.sum(axis=0)
        if len(lists) == 1:  # the distribution that is not data has mass at other values too
            with np.errstate(divide="ignore"):
                rest = [np.log(np.maximum(1 - np.exp(log_d).sum(axis=0), 1e-300)) for log_d in logs]
            ends = (np.full(batch, -np.inf) if is_data else r for is_data, r in zip(data, rest, strict=True))
            return total + f.gap(*ends), 0
        # beyond these values there may be terms that matter
        last = np.abs(terms[-len(terms) // 8 :]).sum(axis=0)
        if not any(endless) or not (last > 1e-13 * np.abs(terms).sum(axis=0)).any():
            return total, 0
        values = np.arange(2 * len(values))
    return None


def _quadrature(f, p, q, batch):
    """`by_quadrature` for densities of one number, or None if it does not find their mass."""
    if p.discrete or q.discrete or math.prod(p.event_shape) != 1 or math.prod(batch) > MOST_LINES:
        return None
    value, error, mass = by_quadrature(f, p, q, batch)
    return None if (np.abs(mass - 1) >= LOST_MASS).any() else (value, error)  # NaN parameters have NaN mass


def _values(d):
    """All possible events of d on the first axis; of Poisson variables, those that are not too improbable to matter."""
    inner, size = core(d), math.prod(d.event_shape)
    if isinstance(inner, Empirical):
        return inner.values
    if isinstance(inner, OneHot) and d.event_shape == inner.event_shape[-1:]:
        return np.eye(size)
    if isinstance(inner, Poisson):
        rate = np.asarray(to_numpy(raw(inner.rate)), np.float64)
        return np.arange(int(np.max(rate + reach(rate), initial=0)) + 1) if d.event_shape == () else None
    count = next((levels(inner) for kind, levels in LEVELS.items() if isinstance(inner, kind)), None)
    if count is None or size * math.log(max(count, 1)) > math.log(MOST_VALUES):
        return None
    rows = np.array(list(itertools.product(range(count), repeat=size)), np.int64)
    return rows.reshape((count**size, *d.event_shape))
