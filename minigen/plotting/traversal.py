"""How an image changes with one latent variable at a time."""

import math
import numbers

import numpy as np

from .canvas import QUIET_INK, check_path, page, save, text_width, write
from .images import magnification, mosaic, to_rgb


def _labels(labels, count, name, default):
    """`count` labels as text: texts as they are, numbers rounded to three digits."""
    if labels is None:
        return [default(i) for i in range(count)]
    labels = list(labels)
    if not all(isinstance(label, (str, numbers.Real)) for label in labels):
        raise TypeError(f"{name}: expected numbers or texts on one axis, got {labels!r}")
    if len(labels) != count:
        raise ValueError(f"{name}: expected {count}, one for each that images has, got {len(labels)}")
    # What should be 0 is often 1e-16.
    tiny = 1e-9 * max((abs(label) for label in labels if not isinstance(label, str)), default=0)
    return [label if isinstance(label, str) else _number(label, tiny) for label in labels]


def _number(value, tiny):
    return "0" if abs(value) <= tiny else f"{value:.3g}".replace("-", "−")


def latent_traversal(images, path=None, values=None, dimensions=None, title=None):
    """Draw one row for each latent dimension and one column for each of its values.

    `images`: decoded images, shape (dimensions, steps, ...) where the rest is one image as in `image_grid`:
    (height, width), (height, width, 1), (height, width, 3) or (pixels,); values in [0, 1]. `values`: the
    `steps` values (numbers or texts) under the columns; by default the columns are numbered from 1.
    `dimensions`: names of the rows, by default z1, z2, and so on. `path`: the .png file to write
    (atomically), or None. Returns the Figure.

    Raises ValueError if there are not as many labels as rows or columns, and otherwise as `image_grid` does.
    """
    path = check_path(path)
    images = np.asarray(images)
    if images.ndim not in (3, 4, 5):
        raise ValueError(
            "images: expected shape (dimensions, steps, ...) with one image for the rest,"
            f" (height, width), (height, width, 1 or 3) or (pixels,), got {images.shape}"
        )
    rows, columns = images.shape[:2]
    if rows * columns == 0:
        raise ValueError(f"images: expected at least one dimension and one step, got shape {images.shape}")
    rgb = to_rgb(images.reshape(rows * columns, *images.shape[2:]), "images")
    names = _labels(dimensions, rows, "dimensions", lambda i: f"z{i + 1}")
    marks = _labels(values, columns, "values", lambda i: str(i + 1))

    _, height, width, _ = rgb.shape
    factor = magnification(height, width, max(columns, rows))
    picture = mosaic(rgb, columns, factor)
    tall, wide = height * factor + 2, width * factor + 2
    # Labels under narrow columns would overlap: label every second, third, ... column so that all fit.
    need = max(text_width(mark, 9) for mark in marks) + 10
    every = math.ceil(need / wide)

    margin, head, foot = 20, 56 if title else 20, 74
    left = margin + 26 + 12 + max(text_width(name, 10) for name in names)
    caption = "value of the latent variable" if values is not None else "step"
    spare = max(text_width(title, 12), text_width(caption, 10)) - picture.shape[1]
    right = margin + max(0, spare)
    figure = page(picture, left=left, right=right, top=head, bottom=foot)
    if title:
        write(figure, left, head / 2, title, size=12, ha="left")
    for row, name in enumerate(names):
        write(figure, left - 12, head + (row + 0.5) * tall, name, size=10, ha="right")
    below = head + picture.shape[0]
    # The middle column always has its label, since the others are compared with it.
    for column in range(columns // 2 % every, columns, every):
        write(figure, left + (column + 0.5) * wide, below + 18, marks[column], size=9)
    write(figure, left + picture.shape[1] / 2, below + 50, caption, size=10, color=QUIET_INK)
    middle = head + picture.shape[0] / 2
    write(figure, margin + 6, middle, "latent variable", size=10, color=QUIET_INK, rotation=90)
    return save(figure, path)
