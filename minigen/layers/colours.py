"""Convolutions whose channels come in colour groups, of which the own pixel's are seen in order."""

import numpy as np

from . import taps as offsets
from .check import extent
from .conv import Conv


class ColourConv(Conv):
    """A convolution whose inputs and outputs are `colours` groups of channels, red, green, blue.

    Taps other than (0, …, 0) see every channel. At that tap a group of outputs sees the groups before its own (kind
    "A") or its own too (kind "B"). With `gates` = 2 the outputs are two such sequences of groups one after the other,
    halves that a gate multiplies. Raises ValueError where channels cannot be divided so. Source: van den Oord,
    Kalchbrenner and Kavukcuoglu (2016), section 3.4.
    """

    def __init__(self, inputs: int, outputs: int, taps, kind: str, rng, *, colours: int = 1, gates: int = 1,
                 **keywords):
        if kind not in ("A", "B"):
            raise ValueError(f"ColourConv kind: expected 'A' (without the own colour) or 'B' (with it), got {kind!r}")
        taps = tuple(map(tuple, taps))
        centre, mask = (0,) * len(taps[0]), None
        if colours == 1 and kind == "A":
            taps = tuple(tap for tap in taps if tap != centre)
        elif colours > 1 and centre in taps:
            mask = np.ones((len(taps), inputs, outputs), bool)
            before = _groups("inputs", inputs, colours)
            own = np.tile(_groups("outputs", outputs // gates, colours), gates)
            mask[taps.index(centre)] = before[:, None] < own if kind == "A" else before[:, None] <= own
        super().__init__(inputs, outputs, taps, rng, mask=mask, **keywords)


class MaskedConv2d(ColourConv):
    """Convolution of images that sees only pixels before its own in raster order, a square of `size` around them.

    Of its own pixel, kind "A" sees the colours before its own (none, if there is one colour), kind "B" also its own.
    Other arguments and errors as for ColourConv.
    """

    def __init__(self, inputs: int, outputs: int, size: int, kind: str, rng, *, colours: int = 1, dilation: int = 1,
                 **keywords):
        square = offsets.masked(size, "B", 2, dilation)
        super().__init__(inputs, outputs, square, kind, rng, colours=colours, **keywords)


def _groups(name, channels, colours):
    """The colour of each channel."""
    if extent(f"ColourConv {name}", channels) % colours:
        raise ValueError(f"ColourConv {name}: expected a multiple of the {colours} colours, got {channels}")
    return np.arange(channels) // (channels // colours)
