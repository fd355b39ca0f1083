"""How far a model is from a truth that is known.

    KL(data ‖ model) = E_data[log p_true(x) - log p_model(x)],

averaged over fresh draws of a source whose density is known. Both terms are taken at the same x, so that the spread of
log p_true, often much larger than the gap, cancels from the error. The entropy of the source is the best
-E log p_model there is; the gap says how many nats an example the model falls short of it.

For a model of which only a lower bound on log p(x) is known, the same average is an upper bound on the gap.

Kullback and Leibler, "On Information and Sufficiency", 1951; Burda et al., "Importance Weighted Autoencoders", 2016
(the bound).
"""

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import integer, positive_integer
from ..autograd import raw
from .likelihood import bound_of, density_of, per_example

DRAWS, NOISE = 0, 1  # streams of random numbers: of the source, of the model's bound


@dataclass(frozen=True)
class Gap:
    """KL(data ‖ model) in nats per example, `value` with its `standard_error` over `n` examples.

    `name` is "kl", or "kl_upper_bound" where log p_model was bounded by the importance-weighted bound with `samples`
    draws (else None). `impossible` counts examples to which the model gives density 0: then `value` is inf and the
    error NaN. `entropy` is the source's, in nats.
    """

    name: str
    value: float
    standard_error: float
    n: int
    impossible: int = 0
    samples: int | None = None
    entropy: float = math.nan

    def __str__(self):
        words = "KL(data ‖ model)" if self.name == "kl" else f"KL(data ‖ model) at most (bound, k = {self.samples})"
        if self.impossible:
            return f"{words}: infinite, {self.impossible} of {self.n} examples have model density 0"
        return f"{words}: {self.value:.4f} ± {self.standard_error:.4f} nats per example ({self.n} draws)"


def gap_to_truth(source, model, n=10_000, rng=0, x=None, k=100):
    """KL(source ‖ model) from `n` fresh draws of a known source, or from the given draws `x`: a Gap.

    `source` is a `known.Source`: exact `log_prob(x)`, `entropy()`, and `sample(n, rng)`. A model with `log_prob` gives
    the divergence, one with a bound alone an upper bound on it by `iwae_bound` with `k` samples. Raises ValueError for
    a model of other data than the source's or without a likelihood, and if the source gives density 0 to its own draws.
    """
    if model.spec != source.spec:
        raise ValueError(f"model: it is for {model.spec}, the source has {source.spec}")
    rng = as_generator(rng)
    if x is None:
        integer("n", n, 2)
        x = source.sample(n, rng.fold_in(DRAWS))
    x = np.asarray(x)
    integer("x: number of examples", len(x), 2)
    if model.offers("log_prob"):
        samples, ours = None, per_example(density_of(model), x, rng.fold_in(NOISE), xp=model.xp)
    elif model.offers("iwae_bound"):
        samples = positive_integer("k", k)
        ours = per_example(bound_of(model, k), x, rng.fold_in(NOISE), k, xp=model.xp)
    else:
        raise ValueError(f"model: {model.name} has neither log_prob nor iwae_bound")
    truth = np.asarray(to_numpy(raw(source.log_prob(x))), np.float64)
    if not np.isfinite(truth).all():
        raise ValueError(f"source: {(~np.isfinite(truth)).sum()} of its own {len(x)} draws have no finite log_prob")
    entropy = float(source.entropy())
    name = "kl" if samples is None else "kl_upper_bound"
    impossible = int((ours == -np.inf).sum())
    if impossible:
        return Gap(name, math.inf, math.nan, len(x), impossible, samples, entropy)
    differences = truth - ours
    error = float(differences.std(ddof=1)) / math.sqrt(len(x))
    return Gap(name, float(differences.mean()), error, len(x), 0, samples, entropy)
