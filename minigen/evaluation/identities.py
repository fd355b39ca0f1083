"""Identities that a generative model must satisfy, checked on any model that has the methods of its family.

    for check in identities(model, rng=0):
        print(check.passed, check.name, check.detail)

What is checked depends on what the model offers; what does not apply is skipped, with the reason. The model's spec
decides how: small discrete spaces are enumerated, one or two continuous numbers integrated by quadrature, larger
examples judged by Monte Carlo, with limits in standard errors such that a correct model fails once in 100,000 checks.

    samples                        have the shape and the values that the spec says
    normalisation                  Σ p(x) = 1 or ∫ p(x) dx = 1             (normalisation.py, importance.py)
    sampler against density        samples have the density that log_prob states         (sampler_check.py)
    marginals, imputation          of models that take missing values                    (marginals.py)
    class probabilities            add up to 1 and follow Bayes' rule                    (classes.py)
    elbo and bounds                E elbo ≤ E iwae_bound ≤ log p(x)                       (bounds.py)
    inverse, log-determinant       inverse(forward(z)) = z; log_det = log |det ∂x/∂z|     (bijections.py)
"""

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer
from ..autograd import no_grad, raw
from ..models import Model
from .bijections import check_bijection
from .bounds import check_bounds, marginalise
from .classes import check_classes, check_labels
from .identity_checks import Check, Stream, Subject, check_samples
from .importance import PILOT
from .marginals import check_marginals, redrawn
from .normalisation import check_normalisation
from .sampler_check import check_sampler

POINTS, EXAMPLES = 8, 16  # where a bijection is checked, and the bounds and the classes


def identities(model, rng=0, samples=10_000, condition=None, prior=None, points=None):
    """Yield a Check for each identity of a model: `(name, passed, detail)`, passed None where it does not apply.

    `model` is a `models.Model`; what it offers is checked: `sample`; `log_prob`, and where values may be missing also
    that of `observed` values and `impute`; `predict_log_proba`; `elbo`, `iwae_bound`, `encode` and `decode`; `forward`
    and `inverse`. So many `samples` are compared with the density. `condition` is the one that a conditional model is
    checked at (by default one drawn at random), `prior` the distribution p(z) (by default the model's own), and
    `points` `(n, ...)` are latent points at which a bijection is checked. A bijection, an object with `forward` and
    `inverse`, may be given with these in place of a model. Raises ValueError or TypeError for arguments that do not
    fit.
    """
    integer("samples", samples, 100)
    rng = as_generator(rng)
    if not isinstance(model, Model):
        if points is None:
            raise TypeError(f"model: expected a models.Model, or a bijection with points, got {type(model).__name__}")
        yield from check_bijection(model, points)
        return
    subject = Subject(model, rng, condition)
    pilot, x, check = _samples(subject, samples)
    yield check
    if check.passed:
        yield from _with_samples(subject, pilot, x, prior)
    if model.offers("predict_log_proba"):
        yield check_classes(subject, x[:EXAMPLES] if check.passed else subject.random_examples(EXAMPLES))
        if x is None and model.offers("sample"):
            yield check_labels(subject, subject.random_examples(4), samples // 4)
    if model.offers("forward", "inverse"):
        if points is None and check.passed:
            with no_grad():
                points = np.asarray(to_numpy(raw(model.inverse(subject.xp.asarray(x[:POINTS]))[0])))
        yield from [Check("inverse", None, "there are no points")] if points is None else check_bijection(model, points)


def _with_samples(subject, pilot, x, prior):
    """The checks that start from samples of the model."""
    model = subject.model
    if prior is None and model.offers("prior"):
        prior = model.prior
    if model.offers("encode", "decode"):
        marginalise(subject, prior)
    yield check_normalisation(subject, pilot, x)
    yield check_sampler(subject, pilot, x)
    if model.takes.missing and subject.has_density:
        yield check_marginals(subject, pilot)
        if subject.spec.dimensions > 1:
            yield check_sampler(subject, pilot, redrawn(subject, x), "imputation against density")
    if model.offers("elbo", "iwae_bound"):
        yield from check_bounds(subject, x[:EXAMPLES], prior)


def _samples(subject, n):
    """Two sets of samples, the first to choose by and the second to judge, and the Check of whether these fit."""
    if not subject.model.offers("sample"):
        return None, None, Check("samples", None, "the model has no sampler, and what needs samples is not checked")
    try:
        pilot, x = subject.sample(min(PILOT, n), Stream.PILOT), subject.sample(n, Stream.SAMPLES)
    except NotImplementedError as error:
        return None, None, Check("samples", None, f"what needs samples is not checked: {error}")
    return pilot, x, check_samples(subject, x)


def all_passed(checks):
    """Whether no Check of these has failed; those that were skipped do not count."""
    return all(check.passed is not False for check in checks)


__all__ = ["Check", "all_passed", "check_bijection", "identities"]
