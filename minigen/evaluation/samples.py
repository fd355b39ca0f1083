"""Samples of a model, drawn in batches of bounded memory."""

import numpy as np

from ..arrays import as_generator, to_numpy
from ..autograd import no_grad, raw

BATCH = 1024  # samples drawn at once


def draw_samples(model, n, rng, condition=None, given=None, **options):
    """`n` samples of the model as a NumPy array `(n, *spec.shape)`, drawn in batches of `BATCH`.

    `condition` `(n, …)`, `given`, a pair of arrays `(n, *spec.shape)`, and `options` are what the model's `sample`
    takes.
    """
    rng, batches = as_generator(rng), []
    for start in range(0, n, BATCH):
        rows, beside = slice(start, min(n, start + BATCH)), {}
        if condition is not None:
            beside["condition"] = condition[rows]
        if given is not None:
            beside["given"] = tuple(array[rows] for array in given)
        with no_grad():
            x = model.sample(rows.stop - start, rng.fold_in(start), **beside, **options)
        batches.append(to_numpy(raw(x)))
    return np.concatenate(batches)
