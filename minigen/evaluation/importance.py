"""Normalisation of a density in many dimensions: from samples of a proposal q, and from the model's samples too.

With w(x) = p(x) / q(x), the integral of p is Z = E_q[w]. A few weights that q has not drawn yet can hold most of the
mean. So the mean of weights is trusted only if the effective sample size (Σw)² / Σw² is large, and if the samples of
the model, by E_p[w] = E_q[w²] / Z, agree that it is.

Otherwise weights are bounded: for every c the identity

    Z = e^c · E_q[σ(log w - c)] / E_p[σ(c - log w)],    σ(a) = 1 / (1 + exp(-a)),

has values between 0 and 1, and is most precise at c = log Z (with equally many samples from both sides). It takes the
model's samples for samples of p/Z, which `sampler_check.py` checks.

Kong, Liu and Wong, "Sequential Imputations and Bayesian Missing Data Problems", 1994 (effective sample size); Bennett,
"Efficient Estimation of Free Energy Differences from Monte Carlo Data", 1976; Meng and Wong, "Simulating Ratios of
Normalizing Constants via a Simple Identity", 1996.
"""

import math

import numpy as np

from .identity_checks import Stream, limit
from .proposal import MAX_BLOCK, Proposal
from .sample_rows import pieces

PILOT = 4000  # samples that a proposal is fitted to
FIRST, MOST = 4000, 64_000  # weights of a first look, and of the second one at most
ENOUGH = 400  # a mean of weights is trusted from this effective sample size on
PRECISE = 0.01  # the relative standard error aimed at
EVENTS = 100  # bounded weights are trusted from this effective sample size on
USELESS = 0.1  # a standard error of log Z from which on nothing can be said
ROUNDED = 1e-12  # a standard error of weights that are all the same


def fitted_proposal(subject, pilot):
    """A Proposal near the samples `pilot`, fitted once for all checks of a subject.

    Raises ValueError for data that a Proposal cannot be fitted to.
    """
    if subject.proposal is None:
        rows = pilot[:PILOT].reshape(min(len(pilot), PILOT), -1)
        subject.proposal = Proposal(rows, subject.columns, subject.stream(Stream.PROPOSAL))
    return subject.proposal


def check_integral(subject, pilot, x):
    """`(passed, detail)`: whether p integrates to 1, from a proposal fitted to `pilot` and other samples x."""
    try:
        proposal = fitted_proposal(subject, pilot)
    except ValueError as error:
        return None, f"not enumerable, and no proposal to sample from: {error}"
    of_samples = _log_weights(subject, proposal, x)
    first = _proposed_weights(subject, proposal, FIRST, Stream.FIRST_WEIGHTS, x.dtype)
    for log_w in (first, of_samples):
        if np.isnan(log_w).any() or (log_w == np.inf).any():
            return False, (f"of {len(log_w)} examples {np.isnan(log_w).sum()} have density NaN and "
                           f"{(log_w == np.inf).sum()} an infinite one")
    if not np.isfinite(first).any():
        return None, f"not enumerable, and of {FIRST} draws of a proposal all have density 0"
    rounding = subject.rounding(of_samples)
    share = min(_share(first), _share_by_samples(first, of_samples))
    if share * MOST >= ENOUGH:
        # the first look says how many weights reach the precision aimed at; these are drawn afresh
        count = int(min(max((1 / share - 1) / PRECISE**2, FIRST), MOST))
        log_w = _proposed_weights(subject, proposal, count, Stream.MORE_WEIGHTS, x.dtype)
        verdict = _by_mean(log_w, of_samples, rounding)
        if verdict is not None:
            return verdict
    log_w = _proposed_weights(subject, proposal, len(x), Stream.BRIDGE, x.dtype)
    return _by_bridge(log_w, of_samples, rounding)


def _by_mean(log_w, of_samples, rounding):
    """`(passed, detail)`: the mean of weights against 1. None if the mean cannot be trusted."""
    effective = len(log_w) * min(_share(log_w), _share_by_samples(log_w, of_samples))
    if effective < ENOUGH:
        return None
    weights = np.exp(log_w)
    mean, error = float(weights.mean()), float(weights.std(ddof=1)) / math.sqrt(len(weights)) + ROUNDED
    most = limit()
    return bool(abs(mean - 1) <= most * error + rounding), (
        f"by importance sampling, {mean:.4f} ± {error:.4f} (effective sample size {effective:.0f} of {len(log_w)}), "
        f"{(mean - 1) / error:+.1f} standard errors from 1, limit {most:.1f}")


def _by_bridge(log_w, of_samples, rounding):
    """Bennett's estimate against 1: `(passed, detail)`. passed is None if p and q have too little in common."""
    finite = np.concatenate([log_w, of_samples])
    low, high = finite[np.isfinite(finite)].min(), finite.max()
    n = min(len(log_w), len(of_samples))
    log_w, of_samples = log_w[:n], of_samples[:n]
    for _ in range(60):  # the root of a falling function of c
        middle = (low + high) / 2
        if _logistic(log_w - middle).sum() > _logistic(middle - of_samples).sum():
            low = middle
        else:
            high = middle
    sides = _logistic(log_w - low), _logistic(low - of_samples)
    events = min(side.sum() ** 2 / max((side**2).sum(), 1e-300) for side in sides)
    if events < EVENTS:
        return None, (f"not enumerable, and a proposal is too far from the model: of {n} samples of one, the other "
                      f"would make {events:.0f}")
    error = math.sqrt(sum(side.var(ddof=1) / side.mean() ** 2 / n for side in sides)) + ROUNDED
    words = (f"by bridge sampling between {n} samples and a proposal, log Z = {low:+.4f} ± {error:.4f} (effective "
             f"sample size {events:.0f})")
    if error > USELESS:
        return None, f"{words}: too uncertain to tell"
    score, most = low / error, limit()
    return bool(abs(low) <= most * error + rounding), f"{words}, {score:+.1f} standard errors from 0, limit {most:.1f}"


def _proposed_weights(subject, proposal, count, purpose, dtype):
    """log w of `count` fresh samples of q, `(count,)`."""
    stream, log_w = subject.stream(purpose), []
    for block in pieces(count, max(1, MAX_BLOCK // len(subject.columns))):
        rows = proposal.sample(block.stop - block.start, stream.fold_in(block.start))
        log_w.append(_log_weights(subject, proposal, rows.astype(dtype)))
    return np.concatenate(log_w)


def _log_weights(subject, proposal, x):
    """log p - log q of examples or rows of the model's dtype."""
    return subject.log_prob(x) - proposal.log_prob(x.reshape(len(x), -1).astype(np.float64))


def _share(log_w):
    """The effective sample size as a share of the samples of q: 1/(1 + the relative variance of weights)."""
    weights = np.exp(log_w - log_w.max())
    return weights.mean() ** 2 / (weights**2).mean()


def _share_by_samples(log_w, of_samples):
    """The same share from samples of p too: E_q[w]² / E_q[w²] = E_q[w] / E_p[w]."""
    top = max(log_w.max(), of_samples.max())
    return float(np.exp(log_w - top).mean() / np.exp(of_samples - top).mean())


def _logistic(a):
    """1 / (1 + exp(-a)) without overflow."""
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1 / (1 + small), small / (1 + small))
