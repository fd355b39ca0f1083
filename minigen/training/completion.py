"""Completing examples of which a part is kept: in-painting, and its picture."""

import math

import numpy as np

from .. import plotting
from ..arrays import as_generator
from .report import draw_samples, is_image, to_images

HIDDEN = (0.95, 0.7, 0.2)  # the colour of what is to be drawn


def kept_part(model, keep: float) -> np.ndarray:
    """Which variables are kept, `spec.shape`: about the fraction `keep`, those that the model draws first.

    Variables that are drawn in one step are kept together; at least one step's are, and at least one's are not. For a
    model that conditions on any set of variables the first in the example are kept. Raises ValueError for a fraction
    that is not between 0 and 1, and for examples of a single step, of which no part can be kept.
    """
    if not 0 < keep < 1:
        raise ValueError(f"keep: expected a fraction above 0 and below 1, got {keep!r}")
    any_set = not hasattr(model, "ranks") or getattr(model, "conditions_on_any", False)
    ranks = np.arange(model.spec.dimensions) if any_set else model.ranks()
    steps, ends = np.unique(ranks, return_counts=True)
    if len(steps) == 1:
        raise ValueError("keep: examples are drawn in one step, of which no part can be kept")
    wanted = np.abs(np.cumsum(ends)[:-1] - keep * len(ranks)).argmin()
    return (ranks <= steps[wanted]).reshape(model.spec.shape)


def complete(model, x, keep: float, rng, draws: int = 1, condition=None, missing=None):
    """`(observed, completed)`: the part of each example that is kept, and `draws` of the rest given it.

    x `(n, *spec.shape)`; observed is `(*spec.shape,)`, completed `(draws, n, *spec.shape)`. What is `missing` in an
    example (booleans like x, or None) is drawn too. Raises ValueError for a model that cannot sample given a part.
    """
    observed, rng = kept_part(model, keep), as_generator(rng)
    given = np.asarray(x), np.broadcast_to(observed if missing is None else observed & ~missing, x.shape)
    return observed, np.stack([draw_samples(model, len(x), rng.fold_in(i), condition, given) for i in range(draws)])


def draw_completions(path, x, observed, completed, spec):
    """A picture with a row for each example: itself, what was kept of it, and its completions.

    Raises ValueError for examples that are no images.
    """
    if not is_image(spec):
        raise ValueError(f"path: examples of shape {spec.shape} are no images; use .npz or .npy")
    side = math.isqrt(spec.dimensions)
    shape = (side, side, 1) if len(spec.shape) == 1 else spec.shape
    examples = np.stack([x, x, *completed], axis=1)
    rows = to_images(examples, spec).reshape(*examples.shape[:2], *shape)  # all of them on one scale
    rows = np.broadcast_to(rows, (*rows.shape[:4], 3)).copy()
    rows[:, 1, ~observed.reshape(shape).all(axis=-1)] = HIDDEN
    plotting.image_grid(rows.reshape(-1, *rows.shape[2:]), path, title="An example, what is kept of it, completions",
                        columns=rows.shape[1])
