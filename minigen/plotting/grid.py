"""Many images on one page."""

import math

from .canvas import check_path, page, save, text_width, write
from .images import column_count, magnification, mosaic, to_rgb


def image_grid(images, path=None, title=None, columns=None):
    """Draw images side by side in rows, first image at the upper left.

    `images`: values in [0, 1] (booleans, integers or floats) of shape (n, height, width), (n, height, width,
    1), (n, height, width, 3) or (n, pixels); grey runs from 0 = black to 1 = white. A vector of a square
    number of pixels is shown as a square, another as the nearest rectangle. `columns` defaults to about the
    square root of n. `path`: the .png file to write (atomically), or None. Every image pixel
    becomes a square of a whole number of picture pixels, with its colour unchanged. Returns the matplotlib
    Figure.

    Raises ValueError or TypeError for arrays that are not images in [0, 1], for too many images, for columns < 1 and
    for a path that does not name a .png file, and FileNotFoundError if the path's folder does not exist.
    """
    path = check_path(path)
    rgb = to_rgb(images, "images")
    n, height, width, _ = rgb.shape
    columns = column_count(columns, n, default=math.ceil(math.sqrt(n * height / width)))
    picture = mosaic(rgb, columns, magnification(height, width, columns))
    margin, head = 20, 56 if title else 20
    spare = max(0, text_width(title, 12) - picture.shape[1])
    left = margin + spare // 2
    figure = page(picture, left=left, right=margin + spare - spare // 2, top=head, bottom=margin)
    if title:
        write(figure, left + picture.shape[1] / 2, head / 2, title, size=12)
    return save(figure, path)
