"""Completing examples of which a part is kept: in-painting, and its picture."""

import numpy as np

from .. import plotting
from ..arrays import as_generator
from .report import draw_samples, is_image, to_images

HIDDEN = (0.95, 0.7, 0.2)  # the colour of what is to be drawn


def kept_part(model, keep: float) -> np.ndarray:
    """Which variables are kept, `spec.shape`: about the fraction `keep`, those that the model draws first.

    For a model that conditions on any set of variables these are the first in the example. Raises ValueError for a
    fraction that is not between 0 and 1.
    """
    if not 0 < keep < 1:
        raise ValueError(f"keep: expected a fraction above 0 and below 1, got {keep!r}")
    count = model.spec.dimensions
    ranks = model.ranks() if hasattr(model, "ranks") else np.arange(count)
    bound = np.sort(ranks)[min(count - 1, max(1, round(keep * count)))]
    return (ranks < bound).reshape(model.spec.shape)


def complete(model, x, keep: float, rng, draws: int = 1, condition=None):
    """`(observed, completed)`: the part of each example that is kept, and `draws` of the rest given it.

    x `(n, *spec.shape)`; observed is `(*spec.shape,)`, completed `(draws, n, *spec.shape)`. Raises ValueError for a
    model that cannot sample given a part.
    """
    observed, rng = kept_part(model, keep), as_generator(rng)
    given = np.asarray(x), np.broadcast_to(observed, x.shape)
    return observed, np.stack([draw_samples(model, len(x), rng.fold_in(i), condition, given) for i in range(draws)])


def draw_completions(path, x, observed, completed, spec):
    """A picture with a row for each example: itself, what was kept of it, and its completions.

    Raises ValueError for examples that are no images.
    """
    if not is_image(spec):
        raise ValueError(f"path: examples of shape {spec.shape} are no images; use .npz or .npy")
    side = int(np.sqrt(spec.dimensions)) if len(spec.shape) == 1 else None
    shape = (side, side, 1) if side else spec.shape
    as_colours = lambda images: np.broadcast_to(  # noqa: E731
        to_images(images, spec).reshape(-1, *shape), (len(images), *shape[:2], 3))
    originals = as_colours(x)
    mask = observed.reshape(shape).all(axis=-1, keepdims=True)
    rows = np.stack([originals, np.where(mask, originals, HIDDEN), *map(as_colours, completed)], axis=1)
    plotting.image_grid(rows.reshape(-1, *rows.shape[2:]), path, title="An example, what is kept of it, completions",
                        columns=rows.shape[1])
