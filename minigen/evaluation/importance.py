"""Normalisation of a density in many dimensions: from draws of a proposal q, and from the model's own samples too.

With w(x) = p(x) / q(x), the integral of p is Z = E_q[w]. The mean of weights is trusted only where the effective sample
size (Σw)² / Σw² is large *and* E_p[w], which is E_q[w²] seen from the model's samples, agrees that it is: a few
weights that q has not drawn yet can hold most of the mean.

Where it is not, weights are bounded: for every c the identity

    Z = e^c · E_q[σ(log w - c)] / E_p[σ(c - log w)],    σ(a) = 1 / (1 + exp(-a)),

has values between 0 and 1, and is most precise at c = log Z (with as many draws from either side). It takes the
model's samples for draws from p/Z, which `sampling.py` checks.

Kong, Liu and Wong, "Sequential Imputations and Bayesian Missing Data Problems", 1994 (effective sample size); Bennett,
"Efficient Estimation of Free Energy Differences from Monte Carlo Data", 1976; Meng and Wong, "Simulating Ratios of
Normalizing Constants via a Simple Identity", 1996.
"""

import math

import numpy as np

from .checks import Stream, limit
from .proposal import MAX_BLOCK, Proposal
from .rows import pieces

PILOT, FIRST, MOST = 4000, 4000, 64_000  # samples that a proposal is fitted to, weights of a first look, and at most
ENOUGH, PRECISE = 400, 0.01  # effective weights that are trusted, and the relative standard error aimed at
EVENTS, USELESS = 100, 0.1  # the like for bounded weights; a standard error that says nothing

ROUNDED = 1e-12  # a standard error of weights that are all the same


def fitted_proposal(subject, pilot):
    """A Proposal near the samples `pilot`, fitted once for all checks of a subject; ValueError if there can be none."""
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
    first, own = _drawn(subject, proposal, FIRST, Stream.FIRST_WEIGHTS, x.dtype), _log_weights(subject, proposal, x)
    for log_w in (first, own):
        if np.isnan(log_w).any() or (log_w == np.inf).any():
            return False, (f"of {len(log_w)} examples {np.isnan(log_w).sum()} have density NaN and "
                           f"{(log_w == np.inf).sum()} an infinite one")
    if not np.isfinite(first).any():
        return None, f"not enumerable, and of {FIRST} draws of a proposal all have density 0"
    share = min(_share(first), _share_seen_by_samples(first, own))
    if share * MOST >= ENOUGH:
        # how many draws reach the precision aimed at is judged from the first look, and they are drawn afresh
        count = int(min(max((1 / share - 1) / PRECISE**2, FIRST), MOST))
        found = _by_mean(_drawn(subject, proposal, count, Stream.MORE_WEIGHTS, x.dtype), own, subject.rounding(own))
        if found is not None:
            return found
    return _by_bridge(_drawn(subject, proposal, len(x), Stream.BRIDGE, x.dtype), own, subject.rounding(own))


def _by_mean(log_w, own, rounding):
    """The mean of weights against 1; None where it cannot be trusted."""
    effective = len(log_w) * min(_share(log_w), _share_seen_by_samples(log_w, own))
    if effective < ENOUGH:
        return None
    weights = np.exp(log_w)
    mean, error = float(weights.mean()), float(weights.std(ddof=1)) / math.sqrt(len(weights)) + ROUNDED
    most = limit()
    return bool(abs(mean - 1) <= most * error + rounding), (
        f"by importance sampling, {mean:.4f} ± {error:.4f} (effective sample size {effective:.0f} of {len(log_w)}), "
        f"{(mean - 1) / error:+.1f} standard errors from 1, limit {most:.1f}")


def _by_bridge(log_w, own, rounding):
    """Bennett's estimate against 1; `(None, why)` where neither side's draws reach the other's region."""
    finite = np.concatenate([log_w, own])
    low, high = finite[np.isfinite(finite)].min(), finite.max()
    n = min(len(log_w), len(own))
    log_w, own = log_w[:n], own[:n]
    for _ in range(60):  # the root of a falling function of c
        middle = (low + high) / 2
        low, high = (middle, high) if _logistic(log_w - middle).sum() > _logistic(middle - own).sum() else (low, middle)
    sides = _logistic(log_w - low), _logistic(low - own)
    events = min(side.sum() ** 2 / max((side**2).sum(), 1e-300) for side in sides)
    if events < EVENTS:
        return None, (f"not enumerable, and a proposal is too far from the model: of {n} draws from either, the other "
                      f"would make {events:.0f}")
    error = math.sqrt(sum(side.var(ddof=1) / side.mean() ** 2 / n for side in sides)) + ROUNDED
    words = (f"by bridge sampling between {n} samples and a proposal, log Z = {low:+.4f} ± {error:.4f} (effective "
             f"sample size {events:.0f})")
    if error > USELESS:
        return None, f"{words}: too uncertain to tell"
    score, most = low / error, limit()
    return bool(abs(low) <= most * error + rounding), f"{words}, {score:+.1f} standard errors from 0, limit {most:.1f}"


def _drawn(subject, proposal, count, purpose, dtype):
    """log w of fresh draws from q."""
    stream, parts = subject.stream(purpose), []
    for part in pieces(count, max(1, MAX_BLOCK // len(subject.columns))):
        rows = proposal.sample(part.stop - part.start, stream.fold_in(part.start))
        parts.append(_log_weights(subject, proposal, rows.astype(dtype)))
    return np.concatenate(parts)


def _log_weights(subject, proposal, x):
    """log p - log q of examples or rows of the model's dtype."""
    return subject.log_prob(x) - proposal.log_prob(x.reshape(len(x), -1).astype(np.float64))


def _share(log_w):
    """The effective sample size as a share of draws from q: 1/(1 + the relative variance of weights)."""
    weights = np.exp(log_w - log_w.max())
    return weights.mean() ** 2 / (weights**2).mean()


def _share_seen_by_samples(log_w, own):
    """The same by draws from p: E_q[w]² / E_q[w²] = E_q[w] / E_p[w]."""
    top = max(log_w.max(), own.max())
    return float(np.exp(log_w - top).mean() / np.exp(own - top).mean())


def _logistic(a):
    """1 / (1 + exp(-a)) without overflow."""
    small = np.exp(-np.abs(a))
    return np.where(a >= 0, 1 / (1 + small), small / (1 + small))
