"""Held-out likelihoods: means over a split with their standard errors, in nats and in bits per dimension."""

import math

import numpy as np

from ..arrays import as_generator, to_numpy
from ..arrays.checks import positive_integer
from ..autograd import no_grad, raw
from ..data import as_batch
from ..data.batch import GIVEN
from .sample_figures import LEAST, ROWS_OF_FIGURES, ROWS_OF_SCORE, sample_figures, sample_score
from .samples import draw_samples

VALIDATION_DRAWS = 1000
ROW_BUDGET = 2**22  # numbers in the largest array of a batch: 16 MB in float32
DENSITY, BOUND, SAMPLES, SAMPLED_ROWS = range(4)  # streams of random numbers of one evaluation


def evaluate(model, dataset, split="test", rng=0, k=500, progress=None):
    """Held-out figures of a trained model on one split of a dataset.

    A model with an exact density gives `log_prob` (of the observed values alone where some are missing); a model with
    bounds gives `elbo` (one draw for each example) and `iwae_bound` with `k` importance samples; a model that
    classifies, on data with labels, `class_log_prob`, log p(label | x), and `accuracy`, the share of examples whose
    most probable class is theirs (examples without a label are left out of these two). A model that has none of these
    is judged by its samples (see `sample_figures`). The result maps each name to a dict: `value`, the mean in nats per
    example; `standard_error`, the examples' standard deviation / √n, likewise in nats; `n`; `unit`; for the bound
    `samples`; for likelihoods of x `bits_per_dimension` with `bits_standard_error`: -value / (D·ln 2) for discrete and
    binary data of D dimensions (for continuous data the same number of the density, which says nothing of discrete
    data: see `dequantised_figures`; where values are missing or sequences end early D is the mean number of those that
    count); and `impossible`, how many examples have probability 0, if any has. `rng` is a Generator or an int;
    `progress` is None or a function that wraps an iterable of batches.

    Raises ValueError for an unknown split, a `k` below 1, data that do not fit the model, a classifier without labels,
    and fewer than 10 examples for samples; NotImplementedError for a model that has neither a likelihood nor samples.
    """
    positive_integer("k", k)
    if dataset.spec != model.spec:
        raise ValueError(f"data {dataset.name!r}: the model is for {model.spec}, the data are {dataset.spec}")
    batch, rng = dataset.batch(split), as_generator(rng)
    model.takes.check_beside(model.name, dataset.name, batch, learns=False)
    dimensions = _mean_dimensions(batch, model.spec)
    figures, options = {}, {"progress": progress, "xp": model.xp}
    if model.offers("log_prob"):
        log_p = per_example(density_of(model), batch, rng.fold_in(DENSITY), **options)
        figures["log_prob"] = summarise(log_p, dimensions)
    if model.offers("elbo") and not figures:
        elbo = per_example(bound_of(model), batch, rng.fold_in(DENSITY), **options)
        figures["elbo"] = summarise(elbo, dimensions)
        if model.offers("iwae_bound"):
            bound = per_example(bound_of(model, k), batch, rng.fold_in(BOUND), k, **options)
            figures["iwae_bound"] = {**summarise(bound, dimensions), "samples": k}
    if classifies(model) and batch.labels is not None and (batch.labels >= 0).any():
        figures.update(class_figures(model, batch, progress))
    if not figures and classifies(model):
        raise ValueError(f"data {dataset.name!r}: {model.name} is judged by labels, and the {split} split has none")
    if not figures and not model.offers("sample"):
        raise NotImplementedError(f"{model.name} has neither a likelihood nor samples, by which it could be judged")
    if not figures:
        if len(batch) < LEAST:
            raise ValueError(f"data {dataset.name!r}: {model.name} has no likelihood and is judged by samples, which "
                             f"needs at least {LEAST} examples; the {split} split has {len(batch)}")
        shown = batch[:ROWS_OF_FIGURES]
        x = draw_samples(model, len(shown), rng.fold_in(SAMPLES), shown.condition)
        figures.update(sample_figures(x, shown.x, rng.fold_in(SAMPLED_ROWS)))
    return figures


def _mean_dimensions(batch, spec):
    """How many numbers of an example count on average: all, those observed, those before the end of a sequence."""
    if batch.observed is None and batch.length is None:
        return spec.dimensions
    counts = np.ones(batch.x.shape, bool) if batch.observed is None else batch.observed
    if batch.length is not None:
        before_end = np.arange(spec.shape[0]) < batch.length[:, None]
        counts = counts & before_end.reshape(*before_end.shape, *[1] * (counts.ndim - 2))
    return max(1.0, counts.sum() / len(counts))


def validation_score(model, batch, rng):
    """`{name: mean}` of the quantity by which epochs are compared: `log_prob`, else `elbo`, in nats per example.

    The bound of a small split is the mean of several draws for each example, so that the best epoch is not the
    one with the luckiest noise. A classifier without a density gives `class_log_prob`, if there are labels; a model
    without a likelihood `minus_energy_distance` of its samples, at most 0 on average. Higher is better. Empty for a
    model that has none of these, and for samples beside fewer than 10 examples. `batch` is a `data.Batch` or an array.
    """
    batch = as_batch(batch)
    if model.offers("log_prob"):
        return {"log_prob": float(per_example(density_of(model), batch, rng, xp=model.xp).mean())}
    if model.offers("elbo"):
        repeated = batch[np.tile(np.arange(len(batch)), -(-VALIDATION_DRAWS // len(batch)))]
        return {"elbo": float(per_example(bound_of(model), repeated, rng, xp=model.xp).mean())}
    if classifies(model) and batch.labels is not None and (batch.labels >= 0).any():
        return {"class_log_prob": class_figures(model, batch)["class_log_prob"]["value"]}
    if model.offers("sample") and not classifies(model) and len(batch) >= LEAST:
        batch = batch[:ROWS_OF_SCORE]
        x = draw_samples(model, len(batch), rng, batch.condition)
        return {"minus_energy_distance": sample_score(x, batch.x, 0)}
    return {}


def classifies(model) -> bool:
    """Whether a model learns classes from labels and gives their probabilities by `predict_log_proba`."""
    return model.takes.labels is not None and model.offers("predict_log_proba")


def class_figures(model, batch, progress=None):
    """`class_log_prob` and `accuracy` of a classifier on the examples that have a label, as `evaluate` gives them.

    Raises ValueError for a label that the model has no class for.
    """
    batch = batch[batch.labels >= 0]
    predict = lambda batch, _: model.predict_log_proba(batch.x, **batch.present("observed"))  # noqa: E731
    log_proba = per_example(predict, batch, 0, progress=progress, xp=model.xp)
    if batch.labels.max() >= log_proba.shape[1]:
        raise ValueError(f"labels: the model has classes 0 to {log_proba.shape[1] - 1}, got {batch.labels.max()}")
    right = (log_proba.argmax(axis=1) == batch.labels).astype(np.float64)
    return {
        "class_log_prob": summarise(log_proba[np.arange(len(batch)), batch.labels]),
        "accuracy": {**summarise(right), "unit": "share of examples"},
    }


def density_of(model):
    """The function of a batch (and a stream that it does not need) that gives log p(x | condition), `(n,)`."""
    return lambda batch, _: model.log_prob(batch.x, **batch.present(*GIVEN))


def bound_of(model, k=None):
    """The function of a batch and a stream that gives the ELBO, or with `k` the importance-weighted bound, `(n,)`."""
    if k is None:
        return lambda batch, stream: model.elbo(batch.x, stream, **batch.present(*GIVEN))
    return lambda batch, stream: model.iwae_bound(batch.x, k, stream, **batch.present(*GIVEN))


def per_example(function, batch, rng, samples=1, progress=None, xp=np):
    """`function(batch, rng)` over a whole `data.Batch`, or an array of examples: float64 array `(n, ...)`.

    It is cut into batches, each with a random stream of its own, as large as `samples` draws for each example let them
    be. The arrays of a batch are of the module `xp`.
    """
    batch, rng, results = as_batch(batch), as_generator(rng), []
    rows = max(1, min(1024, ROW_BUDGET // (samples * max(1, math.prod(batch.x.shape[1:])))))
    starts = range(0, len(batch), rows)
    with no_grad():
        for start in progress(starts) if progress else starts:
            values = function(batch[start : start + rows].map(xp.asarray), rng.fold_in(start))
            results.append(to_numpy(raw(values)).astype(np.float64))
    return np.concatenate(results)


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
