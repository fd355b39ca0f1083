"""Does a density add up to 1? By enumeration, by quadrature, or by importance sampling.

    Σ_x p(x)  over every example there is, if there are at most 2^16;
    ∫ p(x) dx by adaptive quadrature, for one or two continuous numbers;
    E_q[p(x) / q(x)] by draws from a proposal q fitted to the model's own samples, otherwise: a mean of weights, with a
    standard error, trusted only if the effective sample size (Σw)² / Σw² is large.

A proposal finds only what the sampler shows: where samples lack a mode of the density, its mass is missing here too.

Kong, Liu and Wong, "Sequential Imputations and Bayesian Missing Data Problems", 1994 (effective sample size);
Robert and Casella, "Monte Carlo Statistical Methods", 2004 (section 3.3).
"""

import math

import numpy as np

from .checks import STATES, Check, limit
from .proposal import Proposal
from .quadrature import Chart, equal_cells, integrate

NAME = "normalisation"
PILOT, FIRST, MOST = 4000, 4000, 64_000  # samples that a proposal is fitted to, weights of a first look, and at most
ENOUGH, PRECISE, USELESS = 100, 0.005, 0.1  # effective weights; the standard error aimed at; one that says nothing
SLACK = 1e-3  # of a quadrature, for mass that hides between its points
ROUGH = 0.003  # relative error of a quadrature that has run out of points on too rough a density


def check_normalisation(subject, x):
    """Whether p sums or integrates to 1; `x` are samples of the model, from which regions and proposals are found."""
    if not subject.has_density:
        return Check(NAME, None, subject.why_no_density)
    if subject.states <= STATES:
        return _by_enumeration(subject)
    if subject.spec.dimensions <= 2 and not any(subject.columns):
        found = _by_quadrature(subject, x)
        if found is not None:
            return found
    return _by_importance(subject, x)


def quadrature_cells(subject, x):
    """`(chart, boxes, masses)` of a model of one or two continuous numbers: cells that hold about as many of x each."""
    if subject.cells is None:
        rows = x.reshape(len(x), -1).astype(np.float64)
        chart, two = Chart(rows), rows.shape[1] == 2
        boxes = equal_cells(chart.from_space(rows), 6, 4 if two else 3)
        log_density = lambda points: subject.log_prob(points.astype(x.dtype))  # noqa: E731
        subject.cells = chart, boxes, integrate(log_density, chart, boxes, 1e-4 if two else 1e-6)
    return subject.cells


def fitted_proposal(subject, x):
    """A Proposal near the samples x, fitted once for all checks of a subject; ValueError where there can be none."""
    if subject.proposal is None:
        subject.proposal = Proposal(x[:PILOT].reshape(min(len(x), PILOT), -1), subject.columns, subject.stream(10))
    return subject.proposal


def _by_enumeration(subject):
    log_p = subject.log_prob(subject.enumerated())
    if np.isnan(log_p).any():
        return Check(NAME, False, f"log_prob is NaN for {np.isnan(log_p).sum()} of {len(log_p)} examples")
    excess, slack = float(np.exp(log_p).sum()) - 1, subject.rounding(log_p)
    return Check(NAME, bool(abs(excess) <= slack), f"by enumeration, the sum over {len(log_p)} examples - 1 = "
                                                   f"{excess:.1e}, tolerance {slack:.0e}")


def _by_quadrature(subject, x):
    _, _, masses = quadrature_cells(subject, x)
    excess = float(masses.values.sum()) - 1
    if not math.isfinite(excess):
        return Check(NAME, False, f"by quadrature, the integral is {excess + 1}")
    if masses.error > ROUGH * masses.values.sum():
        return None
    slack = 3 * masses.error + SLACK
    return Check(NAME, bool(abs(excess) <= slack), f"by quadrature with {masses.evaluations} points, the integral - 1 "
                                                   f"= {excess:.1e}, tolerance {slack:.0e}")


def _by_importance(subject, x):
    try:
        proposal = fitted_proposal(subject, x)
    except ValueError as error:
        return Check(NAME, None, f"not enumerable, and no proposal to sample from: {error}")
    first = _weights(subject, proposal, FIRST, 11, x.dtype)
    if not np.isfinite(first).all():
        return Check(NAME, False, f"of {FIRST} draws near the samples, {np.isnan(first).sum()} have density NaN and "
                                  f"{(first == np.inf).sum()} an infinite one")
    if not first.any():
        return Check(NAME, None, f"not enumerable, and of {FIRST} draws of a proposal all have density 0")
    if _effective(first) * MOST / FIRST < ENOUGH:
        return Check(NAME, None, f"by importance sampling, effective sample size {_effective(first):.0f} of {FIRST}: "
                                 "the proposal is too far from the model to tell")
    # how many draws reach the precision aimed at is judged from the first look, and they are drawn afresh
    relative = first.std() / first.mean()
    count = int(min(max((relative / PRECISE) ** 2, FIRST), MOST))
    weights = _weights(subject, proposal, count, 12, x.dtype)
    mean, error = float(weights.mean()), float(weights.std(ddof=1)) / math.sqrt(count)
    effective = _effective(weights)
    words = (f"by importance sampling, {mean:.4f} ± {error:.4f} (effective sample size {effective:.0f} of {count}, "
             f"proposal of {proposal.components} components)")
    if effective < ENOUGH or error > USELESS * mean:
        return Check(NAME, None, f"{words}: the proposal is too far from the model to tell")
    score, most = (mean - 1) / error, limit()
    return Check(NAME, bool(abs(mean - 1) <= most * error + subject.rounding(np.zeros(1))),
                 f"{words}, {score:+.1f} standard errors from 1, limit {most:.1f}")


def _effective(weights):
    """The effective sample size (Σw)² / Σw²."""
    shares = weights / weights.max()
    return shares.sum() ** 2 / (shares**2).sum()


def _weights(subject, proposal, count, number, dtype):
    rows = proposal.sample(count, subject.stream(number))
    if dtype.kind == "f":
        rows = rows.astype(dtype).astype(np.float64)  # q is wanted where the model will be asked
    with np.errstate(over="ignore"):
        return np.exp(subject.log_prob(rows.astype(dtype)) - proposal.log_prob(rows))
