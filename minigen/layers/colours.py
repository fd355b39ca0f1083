"""Convolutions over colours: at the pixel that is computed, a colour sees only the colours before it."""

import numpy as np

from ..arrays.checks import positive_integer
from . import taps as offsets
from .conv import Conv


class ColourConv(Conv):
    """A convolution whose inputs and outputs are `colours` groups of channels: red, green, blue.

    Taps other than (0, …, 0) see every channel. At the tap (0, …, 0) the outputs of one colour see the inputs of the
    colours before it (kind "A"), or of these and of the same colour (kind "B"). With `gates` = 2 the outputs are two
    halves, each with all colours, which a gate multiplies. Raises ValueError for another kind, and for channels that
    cannot be divided among the colours. Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), section 3.4.
    """

    def __init__(self, inputs: int, outputs: int, taps, kind: str, rng, *, colours: int = 1, gates: int = 1,
                 **keywords):
        if kind not in ("A", "B"):
            raise ValueError(f"ColourConv kind: expected 'A' (without the same colour) or 'B' (with it), got {kind!r}")
        taps = tuple(map(tuple, taps))
        centre, mask = (0,) * len(taps[0]), None
        if colours == 1 and kind == "A":
            taps = tuple(tap for tap in taps if tap != centre)
        elif colours > 1 and centre in taps:
            mask = np.ones((len(taps), inputs, outputs), bool)
            of_input = _colour_of_channels("inputs", inputs, colours)[:, None]
            of_output = np.tile(_colour_of_channels("outputs", outputs // gates, colours), gates)
            mask[taps.index(centre)] = of_input < of_output if kind == "A" else of_input <= of_output
        super().__init__(inputs, outputs, taps, rng, mask=mask, **keywords)


class MaskedConv2d(ColourConv):
    """Convolution of images that sees only earlier pixels in raster order, within a square of `size`.

    At the pixel itself a colour sees the colours before it (kind "A"; nothing, if there is one colour), or these and
    itself (kind "B"). Other arguments and errors as for ColourConv.
    """

    def __init__(self, inputs: int, outputs: int, size: int, kind: str, rng, *, colours: int = 1, dilation: int = 1,
                 **keywords):
        square = offsets.masked(size, "B", 2, dilation)
        super().__init__(inputs, outputs, square, kind, rng, colours=colours, **keywords)


def _colour_of_channels(name, channels, colours):
    """The colour of each channel."""
    if positive_integer(f"ColourConv {name}", channels) % colours:
        raise ValueError(f"ColourConv {name}: expected a multiple of the {colours} colours, got {channels}")
    return np.arange(channels) // (channels // colours)
