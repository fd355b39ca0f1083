"""Figures of a model that has samples and no likelihood: how far are samples from held-out data, and what do they miss?

Three figures, each of n samples beside n held-out examples:

    energy distance     2 E|X - Y| - E|X - X'| - E|Y - Y'|, unbiased: 0 on average where both have one distribution
    sliced Wasserstein  the root of the mean over directions θ of W₂²(θ·X, θ·Y)
    coverage            the share of the examples that have a sample within reach of their k-th nearest neighbour

Standard errors are by the jackknife. The pairs (xᵢ, yᵢ) are cut into B groups, and a figure t is computed again without
each of them:

    error² = (B - 1)/B · Σ_b (t₋b - mean of t₋b)².

This holds for the three figures alike. It counts how much the samples vary and how much the held-out data vary. On
average it is too large rather than too small (Efron and Stein, 1981). That is so even where both distributions are the
same and the energy distance varies as 1/n, so that a normal approximation by its row means would fail; there the error
of coverage, which jumps from example to example, is about twice too large. The sliced distance has the error over its
random directions added to it.

Székely and Rizzo, "Energy statistics", 2013; Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein
Barycenters of Measures", 2015; Naeem, Oh, Uh, Choi and Yoo, "Reliable Fidelity and Diversity Metrics for Generative
Models", 2020; Efron and Stein, "The jackknife estimate of variance", 1981.
"""

import math

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer, positive_integer
from ..autograd import raw
from .coverage import TIE, sample_coverage
from .sample_rows import as_rows, centred, squared_distances
from .two_sample import energy_distance
from .wasserstein import sliced_wasserstein

GROUPS = 20  # groups that the jackknife leaves out, one at a time
LEAST = 10  # examples that a figure needs
ROWS_OF_FIGURES, ROWS_OF_SCORE = 4000, 1000  # samples, and as many examples, that are compared at most
CHOICE, DIRECTIONS, DIVISION = range(3)  # streams of random numbers: for rows, projections, halves of the pooled rows


def sample_figures(x, y, rng, rows=ROWS_OF_FIGURES, k=5, n_projections=128):
    """Figures of samples x `(n, ...)` beside held-out examples y `(m, ...)`, in the form that `evaluate` gives.

    A dict with `energy_distance`, `sliced_wasserstein` and `coverage`, each a dict of `value`, `standard_error`, `n`
    (the number of samples, and of examples, that went into it), `unit`, and `by_chance`: what the figure is, on
    average, where samples and data have one distribution. That is 0 for the energy distance; for the other two it is
    measured on the pooled rows, divided anew at random. Distances are those of the numbers as they are: of pixels
    0 … 255, an energy distance of 3 is small.

    At most `rows` examples of each are used, chosen by `rng`, and equally many of both: 4000 images of 784 pixels take
    some seconds and 150 MB. `k` is the number of neighbours that coverage reaches to, `n_projections` the number of
    random directions. Raises TypeError or ValueError for arrays that do not hold finite numbers, for shapes that do not
    fit, and for fewer examples of either than 10 or 2·k.
    """
    positive_integer("k", k)
    integer("n_projections", n_projections, 2)
    rng = as_generator(rng)
    x, y = _same_number(x, y, rng.fold_in(CHOICE), rows, max(LEAST, 2 * k))
    n = len(x)
    energies, coverages = _of_distances(x, y, k)
    distances, direction_error = _of_projections(x, y, rng.fold_in(DIRECTIONS), n_projections)
    pooled = np.concatenate([x, y])[rng.fold_in(DIVISION).permutation(2 * n)]
    halves = pooled[:n], pooled[n:]
    return {
        "energy_distance": {**_figure(energies, n, "units of the data"), "by_chance": 0.0},
        "sliced_wasserstein": {
            **_figure(distances, n, "units of the data", direction_error),
            "by_chance": sliced_wasserstein(*halves, rng.fold_in(DIRECTIONS), n_projections).value,
        },
        "coverage": {
            **_figure(coverages, n, "share of the examples"),
            "by_chance": sample_coverage(*halves, k).coverage,
        },
    }


def sample_score(x, y, rng, rows=ROWS_OF_SCORE):
    """One number for samples x `(n, ...)` beside examples y `(m, ...)`, larger for better ones, a float.

    Minus the energy distance of at most `rows` of each: 0 on average for samples of the data's distribution, negative
    for others. Give scores that are compared the same `rng` (an int), so that they are of the same rows of y. Raises
    TypeError and ValueError as `sample_figures` does.
    """
    return -energy_distance(*_same_number(x, y, as_generator(rng).fold_in(CHOICE), rows, LEAST))


def _same_number(x, y, rng, rows, least):
    """Equally many rows of x and y in random order, at least `least` and at most `rows`, about a common origin."""
    integer("rows", rows, least)
    x, y = (np.asarray(to_numpy(raw(array))) for array in (x, y))
    n = min([rows, *[len(array) for array in (x, y) if array.ndim]])
    # y first, so that which of its rows are chosen does not depend on x
    y, x = (array[rng.permutation(len(array))[:n]] if array.ndim else array for array in (y, x))
    x = as_rows("x", x, least=least)
    y = as_rows("y", y, like=("x", x), least=least)
    return centred(x, y)


def _figure(values, n, unit, direction_error=0.0):
    """The figure whose value is values[0], with the jackknife's error from the others."""
    without = values[1:]
    variance = (len(without) - 1) * without.var()
    error = math.sqrt(variance + direction_error**2)
    return {"value": float(values[0]), "standard_error": error, "n": n, "unit": unit}


def _groups(n):
    """Slices that cut n rows into groups as equal as can be."""
    ends = np.linspace(0, n, min(GROUPS, n) + 1).astype(int)
    return [slice(start, stop) for start, stop in zip(ends, ends[1:], strict=False)]


def _of_distances(x, y, k):
    """Energy distance and coverage of all rows, then without each group: two arrays `(groups + 1,)`.

    Distances are met once, a tile at a time. What is kept of each tile is its sum, for each y the distances to the k
    nearest other y in it, and that to the nearest x.
    """
    groups, n = _groups(len(x)), len(x)
    count = len(groups)
    sums = np.zeros((3, count, count))  # of distances: within x, within y, between
    neighbours = np.full((n, count, k), np.inf)  # squared distances from y to the k nearest other y of each group
    nearest = np.empty((n, count))  # squared distance from y to the nearest x of each group
    for i, rows in enumerate(groups):
        for j, columns in enumerate(groups):
            between = squared_distances(y[rows], x[columns])
            within_y = squared_distances(y[rows], y[columns])
            within_x = squared_distances(x[rows], x[columns])
            if i == j:
                np.fill_diagonal(within_x, 0)
                np.fill_diagonal(within_y, 0)
            sums[:, i, j] = [np.sqrt(tile).sum() for tile in (within_x, within_y, between)]
            nearest[rows, j] = between.min(axis=1)
            if i == j:
                np.fill_diagonal(within_y, np.inf)  # a row is no neighbour of itself
            closest = np.sort(within_y, axis=1)[:, :k] if k >= within_y.shape[1] else (
                np.partition(within_y, k - 1, axis=1)[:, :k])
            neighbours[rows, j, : closest.shape[1]] = closest
    sizes = np.array([group.stop - group.start for group in groups])
    kept = np.ones((count + 1, count), bool)
    kept[1:] ^= np.eye(count, dtype=bool)
    energies, coverages = np.empty(count + 1), np.empty(count + 1)
    for number, keep in enumerate(kept):
        m = sizes[keep].sum()
        within_x, within_y, between = sums[:, keep][:, :, keep].sum(axis=(1, 2))
        energies[number] = 2 * between / m**2 - (within_x + within_y) / (m * (m - 1))
        kept_rows = np.repeat(keep, sizes)
        reach = np.partition(neighbours[kept_rows][:, keep].reshape(m, -1), k - 1, axis=1)[:, k - 1]
        coverages[number] = (nearest[kept_rows][:, keep].min(axis=1) <= reach * TIE).mean()
    return energies, coverages


def _of_projections(x, y, rng, n_projections):
    """Sliced Wasserstein distance of all rows, then without each group, `(groups + 1,)`; and its directions' error."""
    directions = rng.standard_normal((x.shape[1], n_projections))
    directions /= np.linalg.norm(directions, axis=0)
    groups, values, numbers = _groups(len(x)), [], []
    number = np.repeat(np.arange(len(groups)), [group.stop - group.start for group in groups])
    for rows in (x, y):
        projected = (rows @ directions).T
        order = np.argsort(projected, axis=1)
        values.append(np.take_along_axis(projected, order, axis=1))
        numbers.append(number[order])
    costs = ((values[0] - values[1]) ** 2).mean(axis=1)
    distances = [math.sqrt(costs.mean())]
    for group in range(len(groups)):
        # deleting rows leaves the others in order, and as many of them in each direction
        a, b = (sorted_rows[of != group].reshape(n_projections, -1)
                for sorted_rows, of in zip(values, numbers, strict=True))
        distances.append(math.sqrt(((a - b) ** 2).mean()))
    error = 0.0 if distances[0] == 0 else costs.std(ddof=1) / math.sqrt(n_projections) / (2 * distances[0])
    return np.array(distances), error
