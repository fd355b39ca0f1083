"""Are a latent-variable model's bounds below its log-likelihood, and in order?

    E elbo(x)  ≤  E iwae_bound(x, k)  ≤  log p(x)

for every x, expectations over the noise; so over all examples there are, Σ exp(E bound(x)) ≤ 1. log p(x) is the
model's own log_prob where it has one; else, for one or two latent numbers whose prior is known, the integral
∫ p(x | z) p(z) dz on a grid, where the rule of equal weights converges faster than any power of the spacing.

Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016 (theorem 1); Trefethen and Weideman, "The
Exponentially Convergent Trapezoidal Rule", 2014.
"""

import math

import numpy as np

from ..arrays import to_numpy
from ..autograd import no_grad, raw
from .identity_checks import Check, Stream, limit
from .likelihood import bound_of, per_example

REACH, NODES = 8.0, {1: 4001, 2: 241}  # the grid: standard deviations of the prior each way, nodes of an axis
BLOCK, MOST = 2**22, 2**28  # numbers decoded at once, and of all examples together
FEW = 1024  # examples of a space over which the bound is summed


def check_bounds(subject, x, prior=None, draws=200, k=64):
    """Yield Checks of the bounds of a latent-variable model at the examples x: in order, and below the likelihood.

    Expectations are means over `draws`; a bound fails that is above by more standard errors than chance explains.
    """
    elbo, bound = _bounds(subject, x, draws), _bounds(subject, x, draws, k)
    named = f"bound with {k} samples"
    yield _below(f"elbo below the {named}", elbo, bound.mean(axis=1), _errors(bound))
    if subject.states <= FEW:
        every = _bounds(subject, subject.enumerated(), draws, k)
        yield _adds_up(f"exp of the {named} adds up to at most 1", every)
    exact, how = _exact(subject, x, prior)
    if exact is None:
        yield Check("bounds below the likelihood", None, how)
        return
    for name, values in (("elbo", elbo), (named, bound)):
        yield _below(f"{name} below the likelihood", values, exact, 0.0, f", log p {how}")


def marginalise(subject, prior):
    """Let a subject without log_prob know log p of all its examples, where a grid over one or two latents can tell."""
    if subject.model.offers("log_prob"):
        return
    if subject.states > FEW:
        subject.why_no_density = "the model has a bound, no log_prob, and too many examples to find log p of each"
        return
    states = subject.enumerated()
    table, subject.why_no_density = _exact(subject, states, prior)
    if table is not None:
        subject.table, subject.table_error = table, 1e-3


def grid_log_prob(model, prior, x, condition=None):
    """log p(x) of examples `(n, ...)` by a grid over one or two latent numbers: `(values, error)`, each `(n,)`.

    `prior` is the distribution p(z), `condition` one c for all examples of a model p(x | c). The error is the
    difference from every other node of the grid. Raises ValueError for more latent numbers.
    """
    with no_grad():
        mean, spread = (np.asarray(to_numpy(raw(v)), np.float64).ravel() for v in (prior.mean, prior.stddev))
        if len(mean) not in NODES:
            raise ValueError(f"prior: expected one or two latent numbers, got {len(mean)}")
        beside = {} if condition is None else {"condition": condition}
        dtype = raw(model.encode(x[:1], **beside).mean).dtype
        steps = np.linspace(-REACH, REACH, NODES[len(mean)])
        axes = [m + s * steps for m, s in zip(mean, spread, strict=True)]
        z = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(mean))
        numbers = np.stack(np.meshgrid(*[np.arange(len(a)) for a in axes], indexing="ij"), axis=-1)
        even = (numbers % 2 == 0).all(axis=-1).ravel()  # the nodes of a grid with twice the spacing
        volume = math.log(math.prod(a[1] - a[0] for a in axes))
        whole, half = np.full(len(x), -np.inf), np.full(len(x), -np.inf)
        rows = max(1, BLOCK // max(1, math.prod(x.shape[1:])))
        for start in range(0, len(z), rows):
            nodes = z[start : start + rows].astype(dtype)
            coarse = even[start : start + rows]
            decoded = model.decode(nodes, **beside)
            log_prior = np.asarray(to_numpy(raw(prior.log_prob(nodes))), np.float64)
            for number, example in enumerate(x):
                joint = log_prior + to_numpy(raw(decoded.log_prob(example.reshape(decoded.event_shape))))
                whole[number] = np.logaddexp(whole[number], np.logaddexp.reduce(joint))
                half[number] = np.logaddexp(half[number], np.logaddexp.reduce(joint[coarse]))
    return whole + volume, np.abs(whole - half - len(mean) * math.log(2))


def _exact(subject, x, prior):
    """`(log p(x), by which method)`; or None and the reason, where no method gives it."""
    if subject.has_density:
        return subject.log_prob(x), "from log_prob" if subject.table is None else "by a grid over z"
    if prior is None:
        return None, "the model has no log_prob, and its prior is not known"
    latents = math.prod(prior.event_shape)
    if latents not in NODES or any(prior.batch_shape):
        return None, f"no exact log p(x): a grid over {latents} latent numbers is too large"
    if len(x) * NODES[latents] ** latents * x[0].size > MOST:
        return None, f"no exact log p(x): a grid over {latents} latent numbers takes too long for {len(x)} examples"
    values, error = grid_log_prob(subject.model, prior, x, subject.condition)
    if not error.max() <= 1e-3:
        return None, f"no exact log p(x): the posterior is too narrow for the grid, which errs by {error.max():.1e}"
    return values, f"by a grid over z that errs by at most {error.max():.0e}"


def _bounds(subject, x, draws, k=None):
    """`draws` values of the ELBO, or with `k` of the importance-weighted bound, for each example: `(n, draws)`."""
    repeated = subject.batch(np.repeat(x, draws, axis=0))
    stream = subject.stream(Stream.ELBO if k is None else Stream.IWAE_BOUND)
    return per_example(bound_of(subject.model, k), repeated, stream, k or 1, xp=subject.xp).reshape(len(x), draws)


def _below(name, values, ceiling, ceiling_error, words=""):
    """Whether the means of values `(n, draws)` are below a ceiling `(n,)`, all of them."""
    excess = values.mean(axis=1) - ceiling
    error = np.sqrt(_errors(values) ** 2 + ceiling_error**2) + 1e-5 * (1 + np.abs(ceiling))
    score, most = excess / error, limit(len(values))
    worst = int(np.argmax(np.where(np.isnan(score), np.inf, score)))
    return Check(name, bool((score <= most).all()),
                 f"at {len(values)} examples, largest excess {excess[worst]:+.3g} nats, {score[worst]:+.1f} standard "
                 f"errors, limit {most:.1f}{words}")


def _adds_up(name, values):
    """Whether Σ exp(mean value) is at most 1, for values `(states, draws)`."""
    terms, errors = np.exp(values.mean(axis=1)), _errors(values)
    # exp of a noisy mean is too large by half its variance, on average
    total, error = float((terms * (1 - errors**2 / 2)).sum()), float(np.sqrt(((terms * errors) ** 2).sum()))
    most = limit()
    return Check(name, bool(total - 1 <= most * error + 1e-5),
                 f"over {len(values)} examples it adds up to {total:.4f} ± {error:.4f}, limit {most:.1f} standard "
                 "errors above 1")


def _errors(values):
    return values.std(axis=1, ddof=1) / math.sqrt(values.shape[1])
