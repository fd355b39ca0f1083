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

    A model with an exact density gives `log_prob` (of the observed values alone where some are missing); a
    latent-variable model gives `elbo` (one sample per example) and `iwae_bound` with `k` importance samples; a model
    that classifies, on data with labels, `class_log_prob`, log p(label | x), and `accuracy`, the share of examples
    whose most probable class is theirs (examples without a label are left out of these two). The result maps each name
    to a dict: `value`, the mean in nats per example; `standard_error`, the examples' standard deviation / √n, likewise
    in nats; `n`; `unit`; for the bound `samples`; for likelihoods of x `bits_per_dimension` with `bits_standard_error`:
    -value / (D·ln 2) for discrete and binary data of D dimensions (for continuous data the same number of the density,
    which says nothing of discrete data: see `dequantised_figures`; where values are missing D is the mean number of
    those observed); and `impossible`, how many examples have probability 0, if any has. `rng` is a Generator or an int;
    `progress` is None or a function that wraps an iterable of batches.

    Raises ValueError for an unknown or empty split, a `k` below 1, data that do not fit the model, and a model that has
    none of these figures.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: expected an integer of at least 1, got {k!r}")
    if dataset.spec != model.spec:
        raise ValueError(f"data {dataset.name!r}: the model is for {model.spec}, the data are {dataset.spec}")
    x, rng = pick_split(dataset, split), as_generator(rng)
    observed = None if dataset.observed is None else dataset.observed[split]
    labels = None if dataset.labels is None else dataset.labels.get(split)
    check_takes(model, observed, dataset.name)
    dimensions = model.spec.dimensions if observed is None else max(1.0, observed.sum() / len(observed))
    figures, options = {}, {"progress": progress, "xp": module_of(model), "observed": observed}
    if isinstance(model, ExplicitDensity):
        if model.spec.condition is not None:
            options["observed"] = _classes(labels, f"data {dataset.name!r}")
        figures["log_prob"] = summarise(per_example(_log_prob(model), x, rng.fold_in(0), **options), dimensions)
    elif isinstance(model, LatentVariable):
        bound = lambda batch, stream: model.iwae_bound(batch, k, stream)  # noqa: E731
        figures["elbo"] = summarise(per_example(model.elbo, x, rng.fold_in(0), **options), dimensions)
        figures["iwae_bound"] = summarise(per_example(bound, x, rng.fold_in(1), k, **options), dimensions)
        figures["iwae_bound"]["samples"] = k
    if classifies(model) and labels is not None and (labels >= 0).any():
        figures.update(class_figures(model, x, labels, observed, progress))
    if not figures:
        what = "no labels to classify" if classifies(model) else "neither log_prob nor elbo: no likelihood to evaluate"
        raise ValueError(f"{type(model).__name__} has {what}")
    return figures


def validation_score(model, x, rng, observed=None, labels=None):
    """`{name: mean}` of the quantity by which epochs are compared: `log_prob`, else `elbo`, in nats per example.

    The bound of a small split is the mean of several draws for each example, so that the best epoch is not the
    one with the luckiest noise. A classifier without a density gives `class_log_prob`, if there are labels. Empty for
    a model that has none of these.
    """
    xp = module_of(model)
    if isinstance(model, ExplicitDensity):
        beside = observed if model.spec.condition is None else _classes(labels, "validation")
        return {"log_prob": float(per_example(_log_prob(model), x, rng, xp=xp, observed=beside).mean())}
    if isinstance(model, LatentVariable):
        draws = -(-VALIDATION_DRAWS // len(x))
        return {"elbo": float(per_example(model.elbo, np.concatenate([x] * draws), rng, xp=xp).mean())}
    if classifies(model) and labels is not None and (labels >= 0).any():
        return {"class_log_prob": class_figures(model, x, labels, observed)["class_log_prob"]["value"]}
    return {}


def classifies(model) -> bool:
    """Whether a model learns classes and gives their probabilities by `predict_log_proba`."""
    return getattr(model, "labels", None) is not None and hasattr(model, "predict_log_proba")


def class_figures(model, x, labels, observed=None, progress=None):
    """`class_log_prob` and `accuracy` of a classifier on the examples that have a label, as `evaluate` gives them.

    Raises ValueError for a label that is none of the model's classes.
    """
    known = labels >= 0
    x, labels, observed = x[known], labels[known], None if observed is None else observed[known]
    predict = lambda batch, stream, *mask: model.predict_log_proba(batch, *mask)  # noqa: E731
    log_proba = per_example(predict, x, 0, progress=progress, xp=module_of(model), observed=observed)
    if labels.max() >= log_proba.shape[1]:
        raise ValueError(f"labels: the model has classes 0 to {log_proba.shape[1] - 1}, got {labels.max()}")
    right = (log_proba.argmax(axis=1) == labels).astype(np.float64)
    return {
        "class_log_prob": summarise(log_proba[np.arange(len(labels)), labels]),
        "accuracy": {**summarise(right), "unit": "share of examples"},
    }


def check_takes(model, observed, name):
    """Raise ValueError if values are missing (`observed` is not None) and the model does not take that."""
    if observed is not None and not getattr(model, "takes_missing", False):
        raise ValueError(f"data {name!r}: values are missing, and {type(model).__name__} takes none that are")


def _classes(labels, where):
    """The labels as the condition of p(x | label); ValueError where there are none, or some are missing."""
    if labels is None or (labels < 0).any():
        raise ValueError(f"{where}: the model is p(x | label), and labels are missing")
    return labels


def _log_prob(model):
    if model.spec.condition is not None:
        return lambda batch, stream, condition: model.log_prob(batch, condition)
    return lambda batch, stream, *mask: model.log_prob(batch, **({"observed": mask[0]} if mask else {}))


def per_example(function, x, rng, samples=1, progress=None, xp=np, observed=None):
    """`function(batch, rng)` over all of `x`, in batches: float64 array `(len(x), ...)`.

    Each batch has a random stream of its own; batches are as large as `samples` draws per example let them
    be, and arrays of the module `xp`. With `observed`, a mask of the shape of `x` (or any array of as many rows), it is
    `function(batch, rng, observed)`.
    """
    rows = max(1, min(1024, ROW_BUDGET // (samples * max(1, math.prod(x.shape[1:])))))
    starts, rng = range(0, len(x), rows), as_generator(rng)
    parts = []
    with no_grad():
        for start in progress(starts) if progress else starts:
            mask = () if observed is None else (observed[start : start + rows],)
            values = function(xp.asarray(x[start : start + rows]), rng.fold_in(start), *mask)
            parts.append(to_numpy(values.data if isinstance(values, Tensor) else values).astype(np.float64))
    return np.concatenate(parts)


def module_of(model):
    """The module of a model's arrays, NumPy or CuPy."""
    return array_module(*[parameter.data for parameter in getattr(model, "parameters", list)()])


def summarise(values, dimensions=None):
    """Mean and standard error of per-example log-probabilities in nats, and with `dimensions` in bits per dimension."""
    n, impossible = len(values), int((values == -math.inf).sum())
    mean = float(values.mean())
    # one example says nothing of the spread, nor do infinite ones
    error = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 and math.isfinite(mean) else None
    figure = {"value": mean, "standard_error": error, "n": n, "unit": "nats per example"}
    if dimensions is not None:
        bits = dimensions * math.log(2)
        figure.update(bits_per_dimension=-mean / bits, bits_standard_error=None if error is None else error / bits)
    return {**figure, "impossible": impossible} if impossible else figure


def pick_split(dataset, split):
    """The array of a dataset's split; ValueError if there is no such split or it has no examples."""
    if split not in ("train", "validation", "test"):
        raise ValueError(f"split: expected train, validation or test, got {split!r}")
    x = getattr(dataset, split)
    if x is None or len(x) == 0:
        raise ValueError(f"data {dataset.name!r} has no {split} examples")
    return x
