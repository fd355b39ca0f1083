"""A page whose pixels are known: a picture placed without resampling, text around it, an atomic PNG."""

import math
import os
from pathlib import Path

from ..arrays.files import replacing
from .images import check_size

DPI = 144
INK = "#1f2430"
QUIET_INK = "#5b6472"


def check_path(path, suffix=".png"):
    """`path` as a Path to a file with this suffix in a folder that exists, or None for None.

    Raises TypeError for what is not a path, ValueError for another suffix, and FileNotFoundError if the folder does not
    exist.
    """
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path: expected a file name ending in {suffix}, got {type(path).__name__}")
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ValueError(f"path: expected a file name ending in {suffix}, got '{path}'")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path: the folder '{path.parent}' does not exist")
    return path


def page(picture, left=0, right=0, top=0, bottom=0):
    """A Figure that shows the uint8 RGB `picture` pixel for pixel, with margins in pixels."""
    from matplotlib.figure import Figure

    height, width = picture.shape[0] + top + bottom, picture.shape[1] + left + right
    check_size(width, height)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
    # figimage copies pixels where imshow would resample them; its origin is the lower left corner.
    figure.figimage(picture, left, bottom, origin="upper")
    return figure


def write(figure, x, y, text, size=9, **settings):
    """Put `text`, taken as it is, at pixel (x, y) from the page's upper left corner, in `size` points."""
    width, height = figure.get_size_inches() * DPI
    settings = {"color": INK, "ha": "center", "va": "center", "parse_math": False, **settings}
    figure.text(x / width, 1 - y / height, text, fontsize=size, **settings)


def text_width(text, size):
    """How many pixels wide a line of `text` in `size` points is, by laying it out."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text:
        return 0
    # A dollar would be read as the start of a formula.
    plain = TextPath((0, 0), text.replace("$", "S"), size=size, prop=FontProperties())
    return math.ceil(plain.get_extents().width * DPI / 72)


def save(figure, path):
    """Write the figure to `path` so that nobody reads a half-written file; return the figure.

    The bytes depend on the picture alone: the file holds no date and no version. If `path` is None nothing is written.
    """
    if path is not None:
        with replacing(path) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return figure
