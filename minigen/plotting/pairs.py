"""Images above their reconstructions."""

import math

import numpy as np

from .canvas import check_path, page, save, text_width, write
from .images import column_count, magnification, mosaic, to_rgb

_LABELS = ("original", "reconstruction")


def reconstructions(originals, reconstructions, path=None, title=None, columns=None):
    """Draw each original with its reconstruction directly below it, in bands of two rows.

    `originals`, `reconstructions`: arrays of one shape, laid out and valued as for `image_grid`. `columns`:
    pairs to a band, by default at most 12. `path`: the .png file to write (atomically), or None. Returns the
    Figure.

    Raises ValueError when the two differ in shape, and otherwise what `image_grid` raises.
    """
    path = check_path(path)
    above, below = to_rgb(originals, "originals"), to_rgb(reconstructions, "reconstructions")
    if np.shape(originals) != np.shape(reconstructions):
        raise ValueError(
            "reconstructions: expected the shape of originals,"
            f" {np.shape(originals)}, got {np.shape(reconstructions)}"
        )
    n, height, width, _ = above.shape
    columns = column_count(columns, n, default=math.ceil(n / math.ceil(n / 12)))
    factor = magnification(height, width, columns)
    bands = []
    for start in range(0, n, columns):
        pair = [side[start : start + columns] for side in (above, below)]
        bands.append(np.concatenate([mosaic(side, len(side), factor) for side in pair]))
    space, wide = 22, bands[0].shape[1]
    rows = []
    for band in bands:
        rows.append(np.pad(band, ((0, space), (0, wide - band.shape[1]), (0, 0)), constant_values=255))
    picture = np.concatenate(rows)[:-space]

    margin, head = 20, 56 if title else 20
    left = margin + 14 + max(text_width(label, 10) for label in _LABELS)
    right = margin + max(0, text_width(title, 12) - wide)
    figure = page(picture, left=left, right=right, top=head, bottom=margin)
    if title:
        write(figure, left, head / 2, title, size=12, ha="left")
    tall = bands[0].shape[0]
    for band in range(len(bands)):
        for half, label in enumerate(_LABELS):
            y = head + band * (tall + space) + tall * (1 + 2 * half) / 4
            write(figure, left - 14, y, label, size=10, ha="right")
    return save(figure, path)
