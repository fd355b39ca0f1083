"""Circular arcs with Gaussian noise: two moons, and spirals made of half circles.

A point uniform on the arc of radius R from angle α to β about c, plus noise N(0, σ² I), has at distance r and direction
φ from c the density

    p(x) = exp(-(r - R)² / 2σ²) / (2πσ² (β - α)) · ∫_α^β exp(-κ (1 - cos(t - φ))) dt,    κ = r R / σ².

The integral is an incomplete Bessel function. Split where the cosine turns, it is a sum of two integrals of falling
functions; each is cut where its integrand has fallen to e⁻⁴⁰ of its first value, so that a Gauss-Legendre rule gives it
to about 1e-13 relative wherever x is.
"""

import math

import numpy as np

from ..arrays.categories import categories
from ..arrays.checks import positive_integer, positive_number
from ..arrays.logsumexp import logsumexp
from .common import check_array
from .planar import PlanarMixture, entropy_on_grid

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1), 0.5 * _WEIGHTS
_FALL = 40.0
_ROWS = 2**13  # examples at a time, so that what is computed for them stays in the cache


class Arcs(PlanarMixture):
    """Points uniform by length on arcs, with Gaussian noise of standard deviation `noise`.

    `arcs` has a row (centre x, centre y, radius, start angle, end angle) for each arc, and `labels` a class 0, 1, ...
    for each. Points are uniform over the length of all arcs together. Raises TypeError or ValueError unless noise > 0,
    radii are above 0 and each arc turns by more than 0 and at most π.
    """

    def __init__(self, arcs, labels, noise: float = 0.1):
        self.arcs, self.noise = check_array("arcs", arcs, 2), positive_number("noise", noise)
        self.arc_labels = check_array("labels", labels, 1).astype(int)
        if self.arcs.shape[1] != 5 or len(self.arc_labels) != len(self.arcs):
            raise ValueError(f"arcs: expected shape (K, 5) and K labels, got {self.arcs.shape} and {len(labels)}")
        turns = self.arcs[:, 4] - self.arcs[:, 3]
        if not ((self.arcs[:, 2] > 0) & (turns > 0) & (turns <= math.pi * (1 + 1e-12))).all():
            raise ValueError("arcs: expected radii above 0 and end angles above start angles by at most π")
        lengths = self.arcs[:, 2] * turns
        self.weights, self.n_labels = lengths / lengths.sum(), 1 + self.arc_labels.max()

    def _joint_log_prob(self, x):
        by_arc = np.concatenate([self._arc_log_prob(x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)])
        return np.stack([logsumexp(by_arc[:, self.arc_labels == k]) for k in range(self.n_labels)], axis=1)

    def _arc_log_prob(self, x):
        """log p(arc) p(x | arc), `(n, arcs)`; -inf for an arc that adds nothing to the other arcs of its label."""
        cx, cy, radius, start, end = self.arcs.T
        dx, dy = x[:, :1] - cx, x[:, 1:] - cy
        r = np.hypot(dx, dy)
        kappa, first = r * radius / self.noise**2, start - np.arctan2(dy, dx)
        log_scale = np.log(self.weights / (2 * math.pi * self.noise**2 * (end - start)))
        across = log_scale - (r - radius) ** 2 / (2 * self.noise**2)
        needed = self._reaches(across - kappa * (1 - _highest_cosine(first, end - start)))
        length = np.broadcast_to(end - start, needed.shape)
        log_prob = np.full(needed.shape, -np.inf)
        log_prob[needed] = across[needed] + log_bessel_between(kappa[needed], first[needed], length[needed])
        return log_prob

    def _reaches(self, peaks):
        """Which arcs have an integrand whose peak is not e⁵⁰ times lower than that of another arc of their label."""
        needed = np.empty(peaks.shape, bool)
        for k in range(self.n_labels):
            of_label = self.arc_labels == k
            needed[:, of_label] = peaks[:, of_label] >= peaks[:, of_label].max(axis=1, keepdims=True) - 50
        return needed

    def _entropy(self):
        cx, cy, radius, start, end = self.arcs.T
        t = np.linspace(start, end, 181)
        points = np.stack([cx + radius * np.cos(t), cy + radius * np.sin(t)]).reshape(2, -1)
        margin = 9 * self.noise
        return entropy_on_grid(self, points.min(axis=1) - margin, points.max(axis=1) + margin, self.noise / 4)

    def _sample(self, n, rng):
        which = categories(self.weights, n, rng)
        cx, cy, radius, start, end = self.arcs[which].T
        angle = start + (end - start) * rng.random(n)
        x = np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], axis=1)
        return x + self.noise * rng.standard_normal((n, 2)), self.arc_labels[which]


def log_bessel_between(kappa, start, length) -> np.ndarray:
    """log ∫ exp(-κ (1 - cos s)) ds over s from `start` to `start + length`, for κ >= 0 and 0 < length <= π."""
    first = np.mod(start, 2 * math.pi)
    half = np.floor(first / math.pi)
    turn, last = (half + 1) * math.pi, first + length
    # On either side of the turn |s| modulo 2π only rises or only falls, from its lowest value to its highest.
    pieces = [_folded(first, np.minimum(last, turn), half), _folded(turn, np.maximum(last, turn), half + 1)]
    return logsumexp(np.stack([_log_falling(kappa, *piece) for piece in pieces], axis=-1))


def _highest_cosine(start, length):
    """The largest cos s for s from `start` to `start + length`, which is below 2π."""
    to_zero = np.mod(-start, 2 * math.pi)  # the interval holds s = 0, or else an end is closest to it
    return np.where(to_zero <= length, 1.0, np.maximum(np.cos(start), np.cos(start + length)))


def _folded(low, high, half):
    """The interval of |s| modulo 2π for s from `low` to `high`, which lie between half·π and (half + 1)·π."""
    odd = half % 2 == 1
    a = np.where(odd, (half + 1) * math.pi - high, low - half * math.pi)
    b = np.where(odd, (half + 1) * math.pi - low, high - half * math.pi)
    return np.clip(a, 0.0, math.pi), np.clip(b, 0.0, math.pi)


def _log_falling(kappa, a, b):
    """log ∫_a^b exp(-κ (1 - cos s)) ds for 0 <= a <= b <= π, where the integrand falls; -inf for a = b."""
    with np.errstate(divide="ignore"):
        lowest = np.cos(a) - _FALL / kappa
    b = np.where(lowest > -1, np.minimum(b, np.arccos(np.maximum(lowest, -1.0))), b)
    total = np.zeros(np.broadcast_shapes(kappa.shape, a.shape))
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        step = node * (b - a)
        # cos(a + step) - cos a, without cancellation
        total += weight * np.exp(-2 * kappa * np.sin(a + 0.5 * step) * np.sin(0.5 * step))
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(b - a, 0.0) * total) - 2 * kappa * np.sin(0.5 * a) ** 2


class Moons(Arcs):
    """Points in the plane on two half circles that reach into each other, with noise.

    Both have radius 1. One is about (0, 0) and the other, upside down, about (1, ½).
    """

    name = "moons"

    def __init__(self, noise: float = 0.1):
        super().__init__([(0.0, 0.0, 1.0, 0.0, math.pi), (1.0, 0.5, 1.0, math.pi, 2 * math.pi)], [0, 1], noise)


class Spirals(Arcs):
    """Points in the plane on the two arms of a spiral, with noise.

    An arm has `halves` half circles, each larger than the one before by `spacing` in radius. In the first arm the
    centres are by turns `spacing` / 2 left and right of the origin, so that the next half circle goes on where one ends
    and in its direction; the second arm is the first turned by π about the origin.
    """

    name = "spirals"

    def __init__(self, halves: int = 4, spacing: float = 0.8, noise: float = 0.1):
        halves, spacing = positive_integer("halves", halves), positive_number("spacing", spacing)
        arcs, labels = [], []
        for arm in range(2):
            for j in range(halves):
                side = -1 if (arm + j) % 2 == 0 else 1
                start = (arm + j) % 2 * math.pi
                arcs.append((side * spacing / 2, 0.0, (j + 0.5) * spacing, start, start + math.pi))
                labels.append(arm)
        super().__init__(arcs, labels, noise)
