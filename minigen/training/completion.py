"""Completing examples of which a part is kept: in-painting, and its picture."""

import math

import numpy as np

from .. import plotting
from ..arrays import as_generator
from ..data import as_batch
from ..evaluation import draw_samples
from .image_values import is_image, to_images

HIDDEN = (0.95, 0.7, 0.2)  # the colour of what is to be drawn


def kept_part(model, keep: float) -> np.ndarray:
    """Which variables are kept, `spec.shape`: about the fraction `keep`, those that the model draws first.

    Variables that are drawn in one step are kept together; at least one step's are, and at least one's are not. For a
    model that conditions on any set of variables the first in the example are kept. Raises ValueError for a fraction
    that is not between 0 and 1, and for examples of a single step, of which no part can be kept.
    """
    if not 0 < keep < 1:
        raise ValueError(f"keep: expected a fraction above 0 and below 1, got {keep!r}")
    in_order = model.offers("ranks") and not model.conditions_on_any
    ranks = model.ranks() if in_order else np.arange(model.spec.dimensions)
    steps, ends = np.unique(ranks, return_counts=True)
    if len(steps) == 1:
        raise ValueError("keep: examples are drawn in one step, of which no part can be kept")
    wanted = np.abs(np.cumsum(ends)[:-1] - keep * len(ranks)).argmin()
    return (ranks <= steps[wanted]).reshape(model.spec.shape)


def complete(model, batch, keep: float, rng, draws: int = 1, **options):
    """`(kept, completed)`: the part of each example that is kept, and `draws` of the rest given it.

    `batch` is a `data.Batch` of examples, or an array `(n, *spec.shape)`; kept is `(*spec.shape,)`, completed
    `(draws, n, *spec.shape)`. What is missing in an example is drawn too. `options` are those of the model's sampler.
    Raises ValueError for a model that cannot sample given a part.
    """
    kept, rng, batch = kept_part(model, keep), as_generator(rng), as_batch(batch)
    x = np.asarray(batch.x)
    observed = np.broadcast_to(kept if batch.observed is None else kept & batch.observed, x.shape)
    samples = [draw_samples(model, len(x), rng.fold_in(i), batch.condition, (x, observed), **options)
               for i in range(draws)]
    return kept, np.stack(samples)


def picture_completions(path, x, kept, completed, spec):
    """A picture with a row for each example: itself, what was kept of it, and its completions.

    Raises ValueError for examples that are not images.
    """
    if not is_image(spec):
        raise ValueError(f"path: examples of shape {spec.shape} are not images; use .npz or .npy")
    side = math.isqrt(spec.dimensions)
    shape = (side, side, 1) if len(spec.shape) == 1 else spec.shape
    examples = np.stack([x, x, *completed], axis=1)
    rows = to_images(examples, spec).reshape(*examples.shape[:2], *shape)  # all of them on one scale
    rows = np.broadcast_to(rows, (*rows.shape[:4], 3)).copy()
    rows[:, 1, ~kept.reshape(shape).all(axis=-1)] = HIDDEN
    plotting.image_grid(rows.reshape(-1, *rows.shape[2:]), path, title="An example, what is kept of it, completions",
                        columns=rows.shape[1])
