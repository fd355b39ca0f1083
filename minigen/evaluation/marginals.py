"""Are the marginals of a model that takes missing values those of its joint density?

For a set O of observed columns and another column j,

    Σ_v p(x_O, x_j = v) = p(x_O)    or    ∫ p(x_O, x_j = v) dv = p(x_O),    and    p(x_∅) = 1.

Together these make the joint density add up to 1 in any dimension, since the sum over all examples is taken column by
column. They are checked at random x, O and j. If x has density p and its columns outside O are drawn anew from
p(x_rest | x_O), the result has density p again (a step of Gibbs sampling). So what `impute` draws is checked as samples
are.

Geman and Geman, "Stochastic Relaxation, Gibbs Distributions, and the Bayesian Restoration of Images", 1984.
"""

import numpy as np

from .adaptive_quadrature import Chart, equal_cells, integrate
from .identity_checks import Check, Stream, random_masks

EXAMPLES = {"sum": 32, "integral": 6}  # so many examples are checked with a discrete, or a continuous, column
MOST_LEVELS = 4096


def check_marginals(subject, x):
    """Whether marginal densities add up, at samples x `(n, *spec.shape)`: a Check."""
    rows = x.reshape(len(x), -1)
    rng, columns = subject.stream(Stream.MASKS), rows.shape[1]
    full = np.ones((8, columns), bool)
    whole = np.abs(subject.log_marginal(rows[:8], full) - subject.log_prob(rows[:8])).max()
    try:
        empty = np.abs(subject.log_marginal(rows[:8], ~full)).max()
    except ValueError:  # a model may refuse examples without an observed value
        empty = 0.0
    worst, slack, counts = max(whole, empty), subject.rounding(subject.log_prob(rows[:8])), {"sum": 0, "integral": 0}
    for number, observed in enumerate(random_masks(4 * max(EXAMPLES.values()), columns, rng)):
        row = rows[number % len(rows)]
        column = int(rng.permutation(np.flatnonzero(~observed))[0])
        kind = "integral" if subject.columns[column] is None else "sum"
        if counts[kind] == EXAMPLES[kind] or (subject.columns[column] or 0) > MOST_LEVELS:
            continue
        counts[kind] += 1
        ratio, tolerance = _added_up(subject, row, observed, column, rows[:, column])
        difference = abs(ratio - 1) if np.isfinite(ratio) else np.inf
        if not difference / tolerance <= worst / slack:
            worst, slack = difference, tolerance
    return Check("marginals", bool(worst <= slack),
                 f"adding up one column more ({counts['sum']} sums, {counts['integral']} integrals), relative error "
                 f"{worst:.1e}, tolerance {slack:.0e}")


def redrawn(subject, x):
    """Samples x with some of the columns of each, but not all, drawn anew by the model's `impute`."""
    rng = subject.stream(Stream.IMPUTED_COLUMNS)
    observed = random_masks(len(x), x[0].size, rng, 1).reshape(x.shape)
    return np.asarray(subject.model.impute(x, observed, subject.stream(Stream.IMPUTED_VALUES)))


def _added_up(subject, row, observed, column, values):
    """`(Σ_v p(x_O, v) / p(x_O), tolerance)` for one row, its observed columns and one column more."""
    base = subject.log_marginal(row[None], observed[None]) if observed.any() else np.zeros(1)
    more = observed.copy()
    more[column] = True

    def log_ratio(v):
        rows = np.repeat(row[None], len(v), axis=0)
        rows[:, column] = v
        return subject.log_marginal(rows, np.broadcast_to(more, rows.shape)) - base

    level = subject.columns[column]
    if level is not None:
        log_p = log_ratio(np.arange(level))
        return float(np.exp(log_p).sum()), subject.rounding(log_p + base)
    # p(v | x_O) may be much narrower than p(v): take points at all scales around the sampled value too
    points = values.astype(np.float64)
    scales = points.std() * 10.0 ** -np.arange(7)
    points = np.concatenate([points, row[column] + np.outer(scales, np.linspace(-1, 1, 9)).ravel()])[:, None]
    chart = Chart(points)
    boxes = equal_cells(chart.from_space(points), 4, 3)
    masses = integrate(lambda points: log_ratio(points[:, 0]), chart, boxes, 1e-6, 20_000)
    return float(masses.values.sum()), 1e-3 + 3 * masses.error
