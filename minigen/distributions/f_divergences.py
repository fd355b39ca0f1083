"""The generators of f-divergences, their Fenchel conjugates, and the critics that estimate them.

    D_f(p‖q) = E_q[f(p(x)/q(x))] = sup_T  E_p[T(x)] - E_q[f*(T(x))],      f*(t) = sup_u u t - f(u)

f is convex on u ≥ 0. The supremum over functions T into the domain of f* is reached at T = f'(p/q). A mass of p where q
is 0 counts the limit of f(u)/u for u → ∞, which is also the upper end of the domain of f*; a mass of q where p is 0
counts f(0). (Csiszár, 1967; Nguyen, Wainwright and Jordan, 2010; Nowozin, Cseke and Tomioka, f-GAN, 2016, tables 1, 2
and 5, where some integrals differ from their generators by a factor or by the order of p and q: here the generators
decide, but for that of the Jensen-Shannon divergence, which is theirs halved.)
"""

import math

import numpy as np

from .. import ops
from ..arrays.checks import number, number_between
from ..autograd import raw
from ..protocols import nearest
from .f_divergence import FDivergence, below, halves, log, within, x_log_x

LOG_2 = math.log(2)


class TotalVariation(FDivergence):
    """½ ∫ |p - q|, from 0 to 1: f(u) = ½ |u - 1|."""

    name, at_zero, upper = "total_variation", 0.5, 0.5

    def generator(self, u):
        """½ |u - 1|."""
        return 0.5 * ops.abs(u - 1)

    def conjugate(self, t):
        """t for |t| ≤ ½, -½ below."""
        return within(self, t, ops.maximum(t, -0.5))

    def activation(self, v):
        """½ tanh v."""
        return 0.5 * ops.tanh(v)

    def critic(self, log_ratio):
        """½ sign(p - q)."""
        return 0.5 * np.sign(raw(log_ratio))

    def _gap(self, log_p, log_q):
        total, _, _, r = halves(log_p, log_q)
        return 0.5 * total * np.tanh(0.5 * np.abs(r))


class KL(FDivergence):
    """∫ p log p/q: f(u) = u log u."""

    name, at_zero, slope = "kl", 0.0, 1.0

    def generator(self, u):
        """u log u."""
        return x_log_x(u)

    def conjugate(self, t):
        """exp(t - 1)."""
        return ops.exp(t - 1)

    def critic(self, log_ratio):
        """1 + log p/q."""
        return 1 + log_ratio

    def _gap(self, log_p, log_q):
        r, p = log_p - log_q, np.exp(log_p)
        return np.where(np.abs(r) < 1, p * (r + np.expm1(-r)), p * (r - 1) + np.exp(log_q))


class ReverseKL(FDivergence):
    """∫ q log q/p: f(u) = -log u."""

    name, upper, slope = "reverse_kl", 0.0, -1.0

    def generator(self, u):
        """-log u, inf at 0."""
        return -log(u)

    def conjugate(self, t):
        """-1 - log(-t) for t < 0."""
        return within(self, t, -1 - ops.log(-below(self, t)), end=math.inf)

    def activation(self, v):
        """-exp(-v)."""
        return -ops.exp(-v)

    def critic(self, log_ratio):
        """-q/p."""
        return -ops.exp(-log_ratio)

    def _gap(self, log_p, log_q):
        return KL()._gap(log_q, log_p)


class PearsonChi2(FDivergence):
    """∫ (p - q)²/q: f(u) = (u - 1)²."""

    name, at_zero = "pearson_chi2", 1.0

    def generator(self, u):
        """(u - 1)²."""
        return ops.square(u - 1)

    def conjugate(self, t):
        """¼ t² + t for t ≥ -2, -1 below."""
        t = ops.maximum(t, -2.0)
        return 0.25 * ops.square(t) + t

    def critic(self, log_ratio):
        """2 (p/q - 1)."""
        return 2 * ops.expm1(log_ratio)

    def _gap(self, log_p, log_q):
        distance = -np.expm1(-np.abs(log_p - log_q))  # |p - q| over the larger of them
        return np.exp(2 * np.maximum(log_p, log_q) - log_q) * distance**2


class NeymanChi2(FDivergence):
    """∫ (p - q)²/p: f(u) = (u - 1)²/u."""

    name, upper = "neyman_chi2", 1.0

    def generator(self, u):
        """(u - 1)²/u, inf at 0."""
        zero = raw(u) == 0
        return ops.where(zero, math.inf, ops.square(u - 1) / ops.where(zero, 1, u))

    def conjugate(self, t):
        """2 - 2 √(1 - t) for t ≤ 1."""
        return within(self, t, 2 - 2 * ops.sqrt(1 - below(self, t)), end=2)

    def activation(self, v):
        """1 - exp(-v)."""
        return -ops.expm1(-v)

    def critic(self, log_ratio):
        """1 - (q/p)²."""
        return -ops.expm1(-2 * log_ratio)

    def _gap(self, log_p, log_q):
        return PearsonChi2()._gap(log_q, log_p)


class SquaredHellinger(FDivergence):
    """∫ (√p - √q)², from 0 to 2: f(u) = (√u - 1)²."""

    name, at_zero, upper = "squared_hellinger", 1.0, 1.0

    def generator(self, u):
        """(√u - 1)²."""
        return ops.square(ops.sqrt(u) - 1)

    def conjugate(self, t):
        """t/(1 - t) for t < 1."""
        safe = below(self, t)
        return within(self, t, safe / (1 - safe), end=math.inf)

    def activation(self, v):
        """1 - exp(-v)."""
        return -ops.expm1(-v)

    def critic(self, log_ratio):
        """1 - √(q/p)."""
        return -ops.expm1(-0.5 * log_ratio)

    def _gap(self, log_p, log_q):
        total, _, _, r = halves(log_p, log_q)
        return total * np.tanh(0.5 * r) * np.tanh(0.25 * r)  # 1 - 1/cosh(r/2)


class Jeffrey(FDivergence):
    """∫ (p - q) log p/q, the sum of both KL divergences: f(u) = (u - 1) log u."""

    name = "jeffrey"

    def generator(self, u):
        """(u - 1) log u, inf at 0."""
        return x_log_x(u) - log(u)

    def conjugate(self, t):
        """w + 1/w + t - 2 with w + log w = 1 - t, so that w = W(exp(1 - t)) of Lambert's function W.

        y = log w by Newton's method for exp(y) + y = 1 - t, which from a start above the root falls to it; its steps
        are differentiable, and its derivatives converge with it.
        """
        z = 1 - t
        y = np.where(raw(z) < 1, raw(z), np.log(np.maximum(raw(z), 1)))
        for _ in range(7):
            w = ops.exp(y)
            y = y - (w + y - z) / (1 + w)
        return ops.exp(y) + ops.exp(-y) + t - 2

    def critic(self, log_ratio):
        """1 + log p/q - q/p."""
        return log_ratio - ops.expm1(-log_ratio)

    def _gap(self, log_p, log_q):
        total, _, _, r = halves(log_p, log_q)
        return total * np.tanh(0.5 * r) * r


class WeightedJensenShannon(FDivergence):
    """π KL(p‖m) + (1 - π) KL(q‖m) with m = π p + (1 - π) q, weight π in (0, 1).

    f(u) = π u log u - (1 - π + π u) log(1 - π + π u). It is the mutual information between x and the choice of p, with
    probability π, or q to draw x from, and cannot exceed the entropy of that choice.
    """

    name = "weighted_jensen_shannon"

    def __init__(self, weight: float = 0.5):
        self.weight = number_between("weight", weight, 0, 1)
        self.at_zero, self.upper = -(1 - weight) * math.log1p(-weight), -weight * math.log(weight)

    def generator(self, u):
        """π u log u - (1 - π + π u) log(1 - π + π u)."""
        mixed = 1 - self.weight + self.weight * u
        return self.weight * x_log_x(u) - mixed * ops.log(mixed)

    def conjugate(self, t):
        """(1 - π) (log(1 - π) - log(1 - π exp(t/π))) for t < -π log π."""
        inner = ops.expm1((below(self, t) - self.upper) / self.weight)  # π exp(t/π) - 1
        rest = 1 - self.weight
        return within(self, t, rest * (math.log(rest) - ops.log(-inner)), end=math.inf)

    def activation(self, v):
        """-π log π - π log(1 + exp(-v))."""
        return self.upper + self.weight * ops.log_sigmoid(v)

    def critic(self, log_ratio):
        """π log(p/m)."""
        return self.upper + self.weight * ops.log_sigmoid(log_ratio + math.log(self.weight / (1 - self.weight)))

    def _gap(self, log_p, log_q):
        w = self.weight
        total, p, q, r = halves(log_p, log_q)
        r = r + math.log(w / (1 - w))
        to_p, to_q = -np.logaddexp(0, -r) - math.log(w), -np.logaddexp(0, r) - math.log1p(-w)  # log p/m, log q/m
        return np.maximum(total * (w * p * to_p + (1 - w) * q * to_q), 0)  # near p = q rounding may go below 0


class JensenShannon(WeightedJensenShannon):
    """½ KL(p‖m) + ½ KL(q‖m) with m = ½ (p + q), from 0 to log 2."""

    name = "jensen_shannon"

    def __init__(self):
        super().__init__(0.5)

    def _gap(self, log_p, log_q):
        # with t = tanh(r/2) the shares are ½ (1 ± t), and ½ Σ (1 ± t) log(1 ± t) in a form in which nothing cancels
        total, _, _, r = halves(log_p, log_q)
        t = np.tanh(0.5 * r)
        near = np.clip(t, -0.5, 0.5)
        close = 0.25 * total * (np.log1p(-near * near) + 2 * near * np.arctanh(near))
        return np.where(near == t, close, super()._gap(log_p, log_q))


class GAN(FDivergence):
    """2 JSD(p, q) - log 4, what a generator minimises against the best discriminator (Goodfellow et al., 2014).

    f(u) = u log u - (u + 1) log(u + 1).
    """

    name, at_zero, upper, at_one, slope = "gan", 0.0, 0.0, -2 * LOG_2, -LOG_2

    def generator(self, u):
        """u log u - (u + 1) log(u + 1)."""
        return x_log_x(u) - (u + 1) * ops.log(u + 1)

    def conjugate(self, t):
        """-log(1 - exp(t)) for t < 0."""
        return within(self, t, -ops.log(-ops.expm1(below(self, t))), end=math.inf)

    def activation(self, v):
        """log σ(v), the logarithm of a discriminator's probability."""
        return ops.log_sigmoid(v)

    def critic(self, log_ratio):
        """log p/(p + q)."""
        return ops.log_sigmoid(log_ratio)

    def _gap(self, log_p, log_q):
        return 2 * JensenShannon()._gap(log_p, log_q)


class Alpha(FDivergence):
    """∫ (p^α q^(1-α) - α p - (1-α) q)/(α (α - 1)): f(u) = (u^α - 1 - α (u - 1))/(α (α - 1)), α not 0 or 1.

    The KL divergence for α → 1, the reverse one for α → 0, half of Pearson's for 2 and of Neyman's for -1, twice the
    squared Hellinger distance for ½ (Cichocki and Amari, 2010).
    """

    name = "alpha"

    def __init__(self, alpha: float = 0.5):
        self.alpha = number("alpha", alpha)
        if self.alpha in (0, 1):
            raise ValueError(f"alpha: expected a number other than 0 (reverse_kl) and 1 (kl), got {alpha}")
        self.at_zero = 1 / self.alpha if alpha > 0 else math.inf
        self.upper = 1 / (1 - self.alpha) if alpha < 1 else math.inf

    def generator(self, u):
        """(u^α - 1 - α (u - 1))/(α (α - 1)), for α < 0 inf at 0."""
        a, zero = self.alpha, raw(u) == 0
        safe = ops.where(zero, 1, u)
        inside = (ops.exp(a * ops.log(safe)) - 1 - a * (safe - 1)) / (a * (a - 1))
        return ops.where(zero, self.at_zero, inside)

    def conjugate(self, t):
        """((1 + (α - 1) t)^(α/(α - 1)) - 1)/α; where the base is below 0 constant for α > 1, inf for α < 1."""
        a = self.alpha
        base = 1 + (a - 1) * (t if a > 1 else below(self, t))
        zero = raw(base) <= 0
        power = ops.where(zero, 0, ops.exp(a / (a - 1) * ops.log(ops.where(zero, 1, base))))
        end = math.inf if 0 < a < 1 else -1 / a
        return within(self, t, (power - 1) / a, end=end)

    def activation(self, v):
        """v for α > 1, 1/(1 - α) - log(1 + exp(-v)) for α < 1."""
        return v if self.alpha > 1 else self.upper + ops.log_sigmoid(v)

    def critic(self, log_ratio):
        """((p/q)^(α - 1) - 1)/(α - 1)."""
        return ops.expm1((self.alpha - 1) * log_ratio) / (self.alpha - 1)

    def _gap(self, log_p, log_q):
        a, r = self.alpha, log_p - log_q
        near, p, q = np.clip(r, -1, 1), np.exp(log_p), np.exp(log_q)
        far = np.exp(a * log_p + (1 - a) * log_q) - a * p - (1 - a) * q
        return np.where(near == r, q * (np.expm1(a * near) - a * np.expm1(near)), far) / (a * (a - 1))


F_DIVERGENCES = {kind.name: kind for kind in (
    TotalVariation, KL, ReverseKL, PearsonChi2, NeymanChi2, SquaredHellinger, Jeffrey, JensenShannon,
    WeightedJensenShannon, GAN, Alpha)}


def f_divergence(name: str, **settings) -> FDivergence:
    """The f-divergence of that name; settings: `weight` of weighted_jensen_shannon, `alpha` of alpha.

    Raises ValueError for an unknown name, with the nearest valid one, and TypeError for other settings.
    """
    if name not in F_DIVERGENCES:
        raise ValueError(f"f-divergence: unknown name {name!r}{nearest(name, F_DIVERGENCES)}")
    takes = {"weighted_jensen_shannon": {"weight"}, "alpha": {"alpha"}}.get(name, set())
    if set(settings) - takes:
        raise TypeError(f"{name}: expected {' and '.join(takes) or 'no settings'}, got {', '.join(sorted(settings))}")
    return F_DIVERGENCES[name](**settings)
