"""Samples of a model, drawn in batches, and their files."""

import io
from pathlib import Path

import numpy as np

from .. import plotting
from ..arrays import as_generator, to_numpy
from ..autograd import no_grad
from ..autograd.tensor import raw
from .files import replacing
from .images import is_image, to_images

SUFFIXES = (".npz", ".npy", ".png")
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


def write_samples(path, x, spec, columns=None):
    """Write samples to an .npz (as `x`), .npy or .png file, in so many columns; it appears complete or not at all.

    Raises ValueError for another suffix and for a picture of examples that are not images, OSError from the file system.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path: expected a file ending in {', '.join(SUFFIXES)}, got {path.name!r}")
    if path.suffix == ".png":
        if not is_image(spec):
            raise ValueError(f"path: examples of shape {spec.shape} are not images; use .npz or .npy")
        plotting.image_grid(to_images(x, spec), path, columns=columns)
        return
    content = io.BytesIO()  # NumPy's own writing to a file does not say why it failed
    if path.suffix == ".npz":
        np.savez_compressed(content, x=x)
    else:
        np.save(content, x, allow_pickle=False)
    with replacing(path) as file:
        file.write(content.getbuffer())
