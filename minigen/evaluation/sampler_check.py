"""Do a model's samples have the density that it states?

There are three ways. If there are few enough different examples, they are counted, and the counts compared with n·p(x)
by Pearson's chi-square. Of one or two continuous numbers the counts in cells are compared with the masses of the cells
by quadrature, and on the line also the distribution functions at the cells' ends, by the distance of Kolmogorov and
Smirnov. Otherwise a Markov chain is used that leaves the stated density as it is. If x has density p, and
x' ~ q(x' | x) is a Metropolis move from it that is accepted with probability
a(x, x') = min(1, p(x')·q(x | x') / (p(x)·q(x' | x))), then for every function f

    E[a(x, x')·(f(x') - f(x))] = 0.

The functions are log p itself and, of each column, a bounded first and second power. The moves are small ones, larger
ones, and independent samples of a proposal that is fitted to other samples (these show a wrong weight of a far mode
too). Only ratios of p enter, so that a density with a wrong normalisation passes here. A mode that no sample shows is
not looked for here: the check of the normalisation misses its mass.

Metropolis et al., 1953; Hastings, 1970; Gandy and Scott, "Unit Testing for MCMC and other Monte Carlo Methods", 2020;
Gorham and Mackey, "Measuring Sample Quality with Stein's Method", 2015 (the same idea for Langevin dynamics).
"""

import math

import numpy as np

from .adaptive_quadrature import cell_of
from .calibration import kolmogorov_tail
from .identity_checks import ODDS, STATES, Check, Stream, chi_square, limit
from .importance import fitted_proposal
from .normalisation import ROUGH, quadrature_cells

NAME = "sampler against density"
MOVES = ("small", "large", "one column", "independent")
COLUMNS = 256  # columns of a large example whose powers are followed


def check_sampler(subject, pilot, x, name=NAME):
    """Whether samples x have the density of the model: a Check. Cells and moves follow other samples, `pilot`."""
    passed, detail = _compare(subject, pilot, x)
    return Check(name, passed, detail)


def _compare(subject, pilot, x):
    """`(passed, detail)`. passed is None if the samples do not suffice for an answer."""
    if not subject.has_density:
        return None, subject.why_no_density
    log_p = subject.log_prob(x)
    if not np.isfinite(log_p).all():
        return False, (f"of {len(x)} samples {(log_p == -np.inf).sum()} have density 0, "
                       f"{(log_p == np.inf).sum()} an infinite one and {np.isnan(log_p).sum()} density NaN")
    if subject.states <= STATES:
        return _by_counts(subject, x)
    if subject.spec.dimensions <= 2 and not any(subject.columns):
        chart, boxes, masses = quadrature_cells(subject, pilot)
        total = masses.values.sum()
        if math.isfinite(total) and masses.error < ROUGH * total:
            points = chart.from_space(x.reshape(len(x), -1).astype(np.float64))
            counts = np.bincount(cell_of(points, boxes), minlength=len(masses.values))
            words = f"counts in {len(counts)} cells of {len(x)} samples"
            return _verdict(counts, masses.values / total, words, _distance(counts, masses.values / total, x[0].size))
    return _by_moves(subject, pilot, x, log_p)


def _by_counts(subject, x):
    probabilities = np.exp(subject.log_prob(subject.enumerated()))
    counts = np.bincount(subject.state_numbers(x), minlength=subject.states)
    words = f"counts of {subject.states} examples in {len(x)} samples"
    return _verdict(counts, probabilities / probabilities.sum(), words)


def _verdict(counts, probabilities, words, distance=0.0):
    statistic, freedom, p_value = chi_square(counts, probabilities)
    if freedom == 0:
        return None, f"{words}: all expected counts but one are below 5"
    words = f"{words}: chi-square {statistic:.1f} with {freedom} degrees of freedom"
    if distance:  # the smaller of two p-values counts double
        p_value = min(1.0, 2 * min(p_value, kolmogorov_tail(distance, counts.sum())))
        words += f", distance of distribution functions {distance:.4f}"
    return bool(p_value * ODDS >= 1), f"{words}, p = {p_value:.2g}, limit {1 / ODDS:.0e}"


def _distance(counts, probabilities, dimensions):
    """The largest difference of the distribution functions at the ends of cells on the line; 0 in the plane."""
    if dimensions > 1:
        return 0.0
    *cells, before, after = range(len(counts))
    order = [before, *cells, after]
    return float(np.abs(np.cumsum(counts[order]) / counts.sum() - np.cumsum(probabilities[order])).max())


def _by_moves(subject, pilot, x, log_p):
    dtype = x.dtype
    try:
        proposal = fitted_proposal(subject, pilot)
    except ValueError:
        proposal = None
    rows, pilot = (np.asarray(samples.reshape(len(samples), -1), np.float64) for samples in (x, pilot))
    features = _features(subject, pilot)
    here, changes, accepted = features(rows, log_p), 0.0, {}
    for number, move in enumerate(MOVES):
        if move == "independent" and proposal is None:
            continue
        stream = subject.stream(Stream.MOVES).fold_in(number)
        there, log_ratio = _moved(subject, move, rows, pilot, proposal, stream, dtype)
        log_p_there = subject.log_prob(there.astype(dtype))
        chance = np.exp(np.minimum(log_p_there - log_p + log_ratio, 0))
        if np.isnan(chance).any():
            return False, f"log_prob is NaN for {np.isnan(log_p_there).sum()} examples near the samples"
        possible = chance > 0
        step = np.zeros_like(here)
        step[possible] = features(there[possible], log_p_there[possible]) - here[possible]
        changes = changes + chance[:, None] * step
        accepted[move] = float(chance.mean())
    words = ", ".join(f"{move} {share:.2g}" for move, share in accepted.items())
    if max(accepted.values()) < 0.005:
        return None, f"no Metropolis move is accepted often enough to tell ({words})"
    errors = changes.std(axis=0, ddof=1) / math.sqrt(len(rows))
    scores = np.divide(changes.mean(axis=0), errors, out=np.zeros_like(errors), where=errors > 0)
    worst, most = int(np.abs(scores).argmax()), limit(len(scores))
    name = "log p" if worst == 0 else f"column {features.columns[(worst - 1) // 2]} {'squared ' * ((worst - 1) % 2)}"
    return bool(abs(scores[worst]) <= most), (
        f"Metropolis moves from {len(rows)} samples (accepted: {words}) keep {len(scores)} means, worst "
        f"{scores[worst]:+.1f} standard errors ({name.strip()}), limit {most:.1f}")


def _moved(subject, move, rows, pilot, proposal, rng, dtype):
    """Rows x' after a move from `rows`, and log q(x | x') - log q(x' | x): 0 if a move is as likely as its reverse."""
    n, there = len(rows), rows.copy()
    if move == "independent":
        there = proposal.sample(n, rng).astype(dtype).astype(np.float64)
        return there, proposal.log_prob(rows) - proposal.log_prob(there)
    real = np.array([j for j, level in enumerate(subject.columns) if level is None], int)
    whole = np.array([j for j, level in enumerate(subject.columns) if level is not None], int)
    numbers = np.arange(n)
    if move == "one column":
        column = rng.integers(len(subject.columns), size=n)
        spread, is_real = pilot.std(axis=0), np.isin(column, real)
        moved, columns = numbers[is_real], column[is_real]
        there[moved, columns] += 0.7 * spread[columns] * rng.standard_normal(n)[is_real]
        whole_picked = np.where(is_real, -1, column)[:, None]
    else:
        if len(real):
            # the difference of two other samples has the shape of the distribution (ter Braak, 2006)
            first, second = rng.integers(len(pilot), size=n), rng.integers(len(pilot), size=n)
            scale = (0.2 if move == "small" else 1.2) / math.sqrt(len(real))
            jitter = 0.02 * pilot[:, real].std(axis=0) * rng.standard_normal((n, len(real)))
            there[:, real] += scale * (pilot[first][:, real] - pilot[second][:, real] + jitter)
        count = min(len(whole), 1 if move == "small" else max(2, len(whole) // 8))
        if len(real):  # in a mixed table half of the moves do not change the discrete columns
            count = min(count, 1)
        picked = rng.random((n, len(whole))).argsort(axis=1)[:, :count] if count else np.zeros((n, 0), int)
        whole_picked = whole[picked] if count else picked
        if len(real) and count:
            whole_picked = np.where(rng.bernoulli(np.full(n, 0.5))[:, None], whole_picked, -1)
    levels = np.array([level or 1 for level in subject.columns])
    for column in whole_picked.T:
        picked = column >= 0
        values = np.floor(rng.random(n) * levels[column])
        there[numbers[picked], column[picked]] = values[picked]
    return (there.astype(dtype).astype(np.float64) if dtype.kind == "f" else there), 0.0


def _features(subject, pilot):
    """The function of rows and log p that gives log p, and u/√(1+u²) and its square for standardised columns u."""
    columns = np.arange(pilot.shape[1])
    if len(columns) > COLUMNS:
        columns = np.sort(subject.stream(Stream.COLUMNS).permutation(len(columns))[:COLUMNS])
    middle, spread = np.median(pilot[:, columns], axis=0), pilot[:, columns].std(axis=0)
    spread[spread == 0] = 1

    def features(rows, log_p):
        u = (rows[:, columns] - middle) / spread
        bounded = u / np.sqrt(1 + u**2)
        powers = np.stack([bounded, bounded**2], axis=2).reshape(len(rows), 2 * len(columns))
        return np.concatenate([log_p[:, None], powers], axis=1)

    features.columns = columns
    return features
