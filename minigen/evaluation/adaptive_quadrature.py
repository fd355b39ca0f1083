"""Integrals over the whole line or plane, by rules on boxes that are halved where the error is largest.

Each axis is mapped to -1 < t < 1 by x = middle + spread·t / (1 - t²). Two rules that share their points give the
integral over a box. The boxes on which the two disagree most are halved, across the axis on which the function bends
most, until the disagreements add up to less than the tolerance. So ever smaller boxes close in on jumps of the
integrand. The first boxes follow the points of a sample, so that no mode is overlooked.

On the line: Gauss and Kronrod's rules of 7 and 15 points. In d dimensions: Genz and Malik, "An adaptive algorithm for
numerical integration over an N-dimensional rectangular region", 1980 (degrees 5 and 7).
"""

import itertools
from typing import NamedTuple

import numpy as np

MARGIN = 0.05  # the boxes that follow the sample reach beyond it by this share of its range


class Masses(NamedTuple):
    """Integrals over cells `(cells,)`, the estimated error of their sum, and the number of evaluations."""

    values: np.ndarray
    error: float
    evaluations: int


class Chart:
    """The map from the cube (-1, 1)^d to all of space, fitted to points `(n, d)`: middle and spread of each axis."""

    def __init__(self, points):
        low, self.middle, high = np.quantile(points, [0.1, 0.5, 0.9], axis=0)
        spread = np.where(high > low, high - low, points.std(axis=0))
        self.spread = np.where(spread > 0, spread, 1.0)

    def to_space(self, t):
        """`(x, volume)`: points of space, and the factor by which the map stretches volume there."""
        rest = (1 - t) * (1 + t)
        return self.middle + self.spread * t / rest, (self.spread * (1 + t**2) / rest**2).prod(axis=-1)

    def from_space(self, x):
        """The t of points x: the root of t/(1 - t²) = u that lies in (-1, 1), without cancellation."""
        u = (x - self.middle) / self.spread
        return 2 * u / (1 + np.sqrt(1 + 4 * u**2))


def equal_cells(points, depth, finer=0):
    """Boxes `(lower, upper, owner)` that fill (-1, 1)^d, and cells with about equally many of the points `(n, d)`.

    The box around the points is halved `depth` times, at their median along the axis on which they spread most. The
    results are cells, numbered from 0, on the line from left to right. A box whose points are all the same is not
    halved. Each cell is halved `finer` times more, into boxes of which it is the owner. Before and after the points,
    along each axis, comes one more cell. It is cut into slabs that grow outwards, so that there are thin boxes just
    beyond the points.
    """
    d = points.shape[1]
    reach = MARGIN * (points.max(axis=0) - points.min(axis=0)) + 1e-9
    low = np.maximum(points.min(axis=0) - reach, -1 + 1e-9)
    high = np.minimum(points.max(axis=0) + reach, 1 - 1e-9)
    boxes = [(low, high, points)]
    for _ in range(depth):
        boxes = [half for box in boxes for half in _halves(*box)]
    cells, boxes = len(boxes), [(number, *box) for number, box in enumerate(boxes)]
    for _ in range(finer):
        boxes = [(number, *half) for number, *box in boxes for half in _halves(*box)]
    for axis in range(d):  # slabs before and after along each axis, as wide as the cube along later ones
        for side, edge in ((-1, low[axis]), (1, high[axis])):
            ends = np.unique(np.clip(edge + side * reach[axis] * np.append(3.0 ** np.arange(20) - 1, 1e12), -1, 1))
            for start, end in zip(ends[:-1], ends[1:], strict=True):
                first, last = -np.ones(d), np.ones(d)
                first[:axis], last[:axis], first[axis], last[axis] = low[:axis], high[:axis], start, end
                boxes.append((cells, first, last, None))
            cells += 1
    return np.array([box[1] for box in boxes]), np.array([box[2] for box in boxes]), np.array([box[0] for box in boxes])


def cell_of(points, boxes):
    """The numbers `(n,)` of the cells in which the points `(n, d)` lie."""
    numbers = np.zeros(len(points), np.int64)
    for low, high, number in zip(*boxes, strict=True):
        numbers[((points >= low) & (points < high)).all(axis=1)] = number
    return numbers


def integrate(log_density, chart, boxes, tolerance=1e-6, budget=200_000):
    """∫ exp(log_density(x)) dx over each of the cells of `equal_cells`: Masses.

    `log_density` takes points `(n, d)` and gives `(n,)`. All boxes are halved at least once. Halving ends when the
    error is below `tolerance`, or after about `budget` evaluations: the error tells which.
    """
    lower, upper, owner = boxes
    rule = (_Line if lower.shape[1] == 1 else _GenzMalik)(log_density, chart, lower.shape[1])
    cells, used = int(owner.max()) + 1, rule.size * len(lower)
    values, errors, axes = rule(lower, upper)
    split, keep = np.arange(len(lower)), np.arange(0)
    while True:
        new = _halved(lower[split], upper[split], axes[split])
        new_values, new_errors, new_axes = rule(*new)
        used += rule.size * len(new_values)
        # two rules can agree on a jump by accident, so a sixteenth of the disagreement before the cut stays
        new_errors = np.maximum(new_errors, np.tile(errors[split] / 16, 2))
        lower, upper = np.concatenate([lower[keep], new[0]]), np.concatenate([upper[keep], new[1]])
        values, errors = np.concatenate([values[keep], new_values]), np.concatenate([errors[keep], new_errors])
        axes, owner = np.concatenate([axes[keep], new_axes]), np.concatenate([owner[keep], np.tile(owner[split], 2)])
        room = (budget - used) // (2 * rule.size)
        if not np.isfinite(errors).all() or errors.sum() <= tolerance or room < 1:
            return Masses(np.bincount(owner, values, cells), float(errors.sum()), used)
        order = np.argsort(-errors)
        rest = errors.sum() - np.cumsum(errors[order])
        count = min(int(np.searchsorted(-rest, -tolerance / 2)) + 1, room)
        split, keep = order[:count], order[count:]


def _halved(lower, upper, axes):
    """The halves of boxes that are cut across `axes`: all lower halves, then all upper ones."""
    rows = np.arange(len(axes))
    middle = (lower[rows, axes] + upper[rows, axes]) / 2
    ends, starts = upper.copy(), lower.copy()
    ends[rows, axes] = starts[rows, axes] = middle
    return np.concatenate([lower, starts]), np.concatenate([ends, upper])


class _Rule:
    """Two rules on the points `offsets` `(size, d)` of the cube [-1, 1]^d; their weights add up to 1."""

    def __init__(self, log_density, chart, offsets, weights, lesser):
        self.log_density, self.chart = log_density, chart
        self.offsets, self.weights, self.lesser = offsets, weights, lesser
        self.size = len(offsets)

    def __call__(self, low, high):
        """Integrals over the boxes, their errors, and the axes to cut across: three arrays `(n,)`."""
        half = (high - low) / 2
        t = (low + half)[:, None, :] + half[:, None, :] * self.offsets
        x, volume = self.chart.to_space(t.reshape(-1, low.shape[1]))
        with np.errstate(over="ignore"):
            density = (np.exp(self.log_density(x)) * volume).reshape(len(low), -1)
        size = (2 * half).prod(axis=1)
        return density @ self.weights * size, np.abs(density @ (self.weights - self.lesser)) * size, self.axes(density)

    def axes(self, density):
        """The axes to cut the boxes across, `(n,)`."""
        return np.zeros(len(density), np.int64)


class _Line(_Rule):
    """Gauss's rule with 7 points and Kronrod's with 15 (Piessens et al., QUADPACK, 1983)."""

    NODES = (0.99145537112081264, 0.94910791234275852, 0.86486442335976907, 0.74153118559939444,
             0.58608723546769113, 0.40584515137739717, 0.20778495500789847, 0.0)
    KRONROD = (0.022935322010529225, 0.063092092629978553, 0.10479001032225018, 0.14065325971552592,
               0.16900472663926790, 0.19035057806478541, 0.20443294007529889, 0.20948214108472783)
    GAUSS = (0.0, 0.12948496616886969, 0.0, 0.27970539148927667, 0.0, 0.38183005050511894, 0.0, 0.41795918367346939)

    def __init__(self, log_density, chart, dimensions):
        both = lambda half, sign: np.array([*(sign * v for v in half[:-1]), *half[::-1]])  # noqa: E731
        super().__init__(log_density, chart, both(self.NODES, -1)[:, None], both(self.KRONROD, 1) / 2,
                         both(self.GAUSS, 1) / 2)


class _GenzMalik(_Rule):
    """Genz and Malik's rules of degrees 7 and 5, with their choice of the axis to cut across."""

    def __init__(self, log_density, chart, d):
        near, far, corner = (9 / 70) ** 0.5, (9 / 10) ** 0.5, (9 / 19) ** 0.5
        axes = np.eye(d)
        pairs = [a * axes[i] + b * axes[j] for i, j in itertools.combinations(range(d), 2)
                 for a, b in itertools.product((far, -far), repeat=2)]
        corners = list(itertools.product((corner, -corner), repeat=d))
        offsets = np.concatenate([np.zeros((1, d)), near * axes, -near * axes, far * axes, -far * axes, pairs, corners])
        counts = (1, 2 * d, 2 * d, len(pairs), len(corners))
        weights = np.repeat([(12824 - 9120 * d + 400 * d**2) / 19683, 980 / 6561, (1820 - 400 * d) / 19683,
                             200 / 19683, 6859 / 19683 / 2**d], counts)
        lesser = np.repeat([(729 - 950 * d + 50 * d**2) / 729, 245 / 486, (265 - 100 * d) / 1458, 25 / 729, 0], counts)
        super().__init__(log_density, chart, offsets, weights, lesser)
        self.dimensions, self.ratio = d, (near / far) ** 2

    def axes(self, density):
        """The axes with the largest fourth differences, `(n,)`."""
        d, centre = self.dimensions, density[:, :1]
        near = density[:, 1 : 1 + d] + density[:, 1 + d : 1 + 2 * d] - 2 * centre
        far = density[:, 1 + 2 * d : 1 + 3 * d] + density[:, 1 + 3 * d : 1 + 4 * d] - 2 * centre
        return np.abs(near - self.ratio * far).argmax(axis=1)


def _halves(low, high, points):
    spread = points.max(axis=0) - points.min(axis=0) if len(points) > 1 else np.zeros(len(low))
    axis = int(np.argmax(spread))
    cut = np.median(points[:, axis]) if spread[axis] > 0 else low[axis]
    if not low[axis] + 1e-9 < cut < high[axis] - 1e-9:
        return [(low, high, points)]
    upper_end, lower_end = high.copy(), low.copy()
    upper_end[axis] = lower_end[axis] = cut
    below = points[:, axis] < cut
    return [(low, upper_end, points[below]), (lower_end, high, points[~below])]
