"""Files of samples: arrays, or a picture."""

import io
from pathlib import Path

import numpy as np

from .. import plotting
from ..arrays.files import replacing
from .image_values import is_image, to_images

SUFFIXES = (".npz", ".npy", ".png")


def write_samples(path, x, spec, columns=None):
    """Write samples to an .npz (as `x`), .npy or .png file, in so many columns; it appears complete or not at all.

    Raises ValueError for another suffix and for a picture of examples that are not images, OSError from the file
    system.
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
