"""Held-out likelihoods: means over a split with their standard errors, in nats and in bits per dimension."""

import math

import numpy as np

from ..arrays import array_module, as_generator, to_numpy
from ..autograd import Tensor, no_grad
from ..protocols import ExplicitDensity, LatentVariable

VALIDATION_DRAWS = 1000
ROW_BUDGET = 2**22  # numbers in the largest array of a batch: 16 MB in float32


def evaluate(model, dataset, split="test", rng=0, k=500, progress=None):
    """Held-out figures of a trained model on one split of a dataset.

    A model with an exact density gives `log_prob`; a latent-variable model gives `elbo` (one sample per
    example) and `iwae_bound` with `k` importance samples. The result maps each name to a dict: `value`, the
    mean in nats per example; `standard_error`, the examples' standard deviation / √n, likewise in nats; `n`;
    for the bound `samples`; and `bits_per_dimension` with `bits_standard_error`: −value / (D·ln 2) for
    discrete and binary data of D dimensions (for continuous data the same number of the density). `rng` is a
    Generator or an int; `progress` is None or a function that wraps an iterable of batches.

    Raises ValueError for an unknown or empty split, a `k` below 1, data that do not fit the model, and a
    model that has neither a density nor a bound.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: expected an integer of at least 1, got {k!r}")
    if dataset.spec != model.spec:
        raise ValueError(f"data {dataset.name!r}: the model is for {model.spec}, the data are {dataset.spec}")
    x, rng = pick_split(dataset, split), as_generator(rng)
    if isinstance(model, ExplicitDensity):
        kinds = {"log_prob": (1, lambda batch, stream: model.log_prob(batch))}
    elif isinstance(model, LatentVariable):
        kinds = {
            "elbo": (1, lambda batch, stream: model.elbo(batch, stream)),
            "iwae_bound": (k, lambda batch, stream: model.iwae_bound(batch, k, stream)),
        }
    else:
        raise ValueError(f"{type(model).__name__} has neither log_prob nor elbo: no likelihood to evaluate")
    figures = {}
    for number, (name, (samples, function)) in enumerate(kinds.items()):
        values = per_example(function, x, rng.fold_in(number), samples, progress, _module(model))
        figures[name] = summarise(values, model.spec.dimensions)
        if name == "iwae_bound":
            figures[name]["samples"] = k
    return figures


def validation_score(model, x, rng):
    """`{name: mean}` of the quantity by which epochs are compared: `log_prob`, else `elbo`, in nats per example.

    The bound of a small split is the mean of several draws for each example, so that the best epoch is not the
    one with the luckiest noise. Empty for a model that has neither.
    """
    xp = _module(model)
    if isinstance(model, ExplicitDensity):
        return {"log_prob": float(per_example(lambda batch, stream: model.log_prob(batch), x, rng, xp=xp).mean())}
    if isinstance(model, LatentVariable):
        draws = -(-VALIDATION_DRAWS // len(x))
        return {"elbo": float(per_example(model.elbo, np.concatenate([x] * draws), rng, xp=xp).mean())}
    return {}


def per_example(function, x, rng, samples=1, progress=None, xp=np):
    """`function(batch, rng)` over all of `x`, in batches: float64 array `(len(x),)`.

    Each batch has a random stream of its own; batches are as large as `samples` draws per example let them
    be, and arrays of the module `xp`.
    """
    rows = max(1, min(1024, ROW_BUDGET // (samples * max(1, math.prod(x.shape[1:])))))
    starts, rng = range(0, len(x), rows), as_generator(rng)
    parts = []
    with no_grad():
        for start in progress(starts) if progress else starts:
            values = function(xp.asarray(x[start : start + rows]), rng.fold_in(start))
            parts.append(to_numpy(values.data if isinstance(values, Tensor) else values).astype(np.float64))
    return np.concatenate(parts)


def _module(model):
    """The module of a model's arrays."""
    return array_module(*[parameter.data for parameter in getattr(model, "parameters", list)()])


def summarise(values, dimensions):
    """Mean and standard error of per-example log-densities in nats, and both in bits per dimension."""
    n, bits = len(values), dimensions * math.log(2)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else None  # one says nothing of the spread
    return {
        "value": mean,
        "standard_error": error,
        "bits_per_dimension": -mean / bits,
        "bits_standard_error": None if error is None else error / bits,
        "n": n,
        "unit": "nats per example",
    }


def pick_split(dataset, split):
    """The array of a dataset's split; ValueError if there is no such split or it has no examples."""
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split: expected train, validation or test, got {split!r}")
    x = getattr(dataset, split)
    if x is None or len(x) == 0:
        raise ValueError(f"data {dataset.name!r} has no {split} examples")
    return x
