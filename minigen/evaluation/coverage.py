"""Are samples like the data, and do they show all of it? Manifolds by nearest neighbours, and modes that are known.

The ball of a point reaches to its k-th nearest neighbour in the same set, real or generated. With B(set) the union of a
set's balls,

    precision = share of generated points in B(real)        recall   = share of real points in B(generated)
    density   = mean number of real balls that a generated point is in, over k
    coverage  = share of real balls with a generated point in them.

Precision and density say whether samples are realistic. Density counts balls, so that the large ball of one outlier
does not decide, and it may exceed 1. Recall and coverage say whether samples are various. Density and coverage use the
balls of real points only. For m samples from the distribution of the n data themselves, if no two points are equal, the
expected density is 1 and the expected coverage 1 - Π_{j=1…k} (n - j)/(n + m - j), about 1 - 2⁻ᵏ for m = n.

Kynkäänniemi, Karras, Laine, Lehtinen and Aila, "Improved Precision and Recall Metric for Assessing Generative Models",
2019 (equations 1 and 2); Naeem, Oh, Uh, Choi and Yoo, "Reliable Fidelity and Diversity Metrics for Generative Models",
2020 (equations 3 and 4; lemma 2). Modes: Srivastava et al., "VEEGAN", 2017 (section 4.1).
"""

from typing import NamedTuple

import numpy as np

from ..arrays.checks import positive_integer, positive_number
from .sample_rows import as_rows, centred, pieces, squared_distances

TIE = 1 + 1e-10  # a point at the very radius is inside the ball, whatever the last bit says


class Coverage(NamedTuple):
    """Precision, recall, density and coverage of generated samples, with the k of their neighbours."""

    precision: float
    recall: float
    density: float
    coverage: float
    k: int


class ModeCoverage(NamedTuple):
    """How samples fall on known modes.

    `covered` of `modes` have at least one sample close by. `close` is the share of samples that are close to a mode,
    and `counts` `(modes,)` are the numbers of these by mode. `kl` is KL(shares of the modes among them ‖ true shares)
    in nats: 0 if modes are drawn as often as they should be, about (modes - 1) / 2n by chance alone for n samples.
    """

    covered: int
    modes: int
    close: float
    counts: np.ndarray
    kl: float


def sample_coverage(real, generated, k=5):
    """Precision, recall, density and coverage of `generated` `(m, ...)` beside `real` `(n, ...)`: a Coverage.

    Distances are Euclidean, so that images are better embedded first. Memory is bounded, time grows as (n + m)².
    Raises ValueError if either has at most `k` examples, or if their shapes differ.
    """
    positive_integer("k", k)
    real = as_rows("real", real, least=k + 1)
    generated = as_rows("generated", generated, like=("real", real), least=k + 1)
    real, generated = centred(real, generated)
    around_real, around_generated = _reach(real, k), _reach(generated, k)
    realistic = np.zeros(len(generated), bool)
    shown, met = np.zeros(len(real), bool), np.zeros(len(real), bool)
    balls = 0
    for rows in pieces(len(real)):
        for columns in pieces(len(generated)):
            squares = squared_distances(real[rows], generated[columns])
            inside = squares <= around_real[rows, None]
            balls += int(inside.sum())
            realistic[columns] |= inside.any(axis=0)
            met[rows] |= inside.any(axis=1)
            shown[rows] |= (squares <= around_generated[None, columns]).any(axis=1)
    density = balls / (k * len(generated))
    return Coverage(float(realistic.mean()), float(shown.mean()), density, float(met.mean()), k)


def mode_coverage(x, modes, radius, weights=None):
    """How samples x `(n, ...)` fall on known `modes` `(M, ...)`: a ModeCoverage.

    A sample belongs to the nearest mode, and is close to it within `radius` (three standard deviations of a component,
    by custom). `weights` `(M,)` are the modes' true shares, by default equal. Raises ValueError for shapes that do not
    fit, and for a radius or weights that are not positive.
    """
    modes = as_rows("modes", modes)
    x = as_rows("x", x, like=("modes", modes))
    radius = positive_number("radius", radius)
    weights = np.ones(len(modes)) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (len(modes),) or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(f"weights: expected {len(modes)} positive numbers, one for each mode")
    modes, x = centred(modes, x)
    counts = np.zeros(len(modes), np.int64)
    for rows in pieces(len(x)):
        squares = squared_distances(x[rows], modes)
        nearest = squares.argmin(axis=1)
        close = squares[np.arange(len(nearest)), nearest] <= radius**2 * TIE
        counts += np.bincount(nearest[close], minlength=len(modes))
    total = counts.sum()
    shares, true = counts[counts > 0] / max(total, 1), (weights / weights.sum())[counts > 0]
    kl = float((shares * np.log(shares / true)).sum()) if total else float("inf")
    return ModeCoverage(int((counts > 0).sum()), len(modes), float(total / len(x)), counts, kl)


def _reach(rows, k):
    """The squared distance from each row to its k-th nearest other row, widened by rounding."""
    reach = np.empty(len(rows))
    for block in pieces(len(rows)):
        nearest = np.full((block.stop - block.start, k), np.inf)
        for columns in pieces(len(rows)):
            squares = squared_distances(rows[block], rows[columns])
            if block == columns:
                np.fill_diagonal(squares, np.inf)  # a row is no neighbour of itself
            candidates = np.concatenate([nearest, squares], axis=1)
            nearest = np.partition(candidates, k - 1, axis=1)[:, :k]
        reach[block] = nearest.max(axis=1)
    return reach * TIE
