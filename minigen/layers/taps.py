"""Taps of convolutions: the offsets of an output's inputs from the output's position.

A masked or causal convolution is one with fewer taps: those of a square that come before the centre in raster order, or
those of a line that lie in the past. Offsets are (row, column) in images and (time,) in sequences.
"""

import itertools

from ..arrays.checks import positive_integer, sizes


def box(size, rank: int, dilation: int = 1):
    """All taps of a box of `size` (an integer, or one for each axis) around the centre, in raster order.

    An even size reaches one step further after the centre than before it.
    """
    sides = sizes("taps size", size)
    sides = sides if isinstance(size, tuple | list) else sides * rank
    if len(sides) != rank:
        raise ValueError(f"taps size: expected an integer or {rank} integers, got {size!r}")
    dilation = positive_integer("taps dilation", dilation)
    lines = ([dilation * (i - (n - 1) // 2) for i in range(n)] for n in sides)
    return tuple(itertools.product(*lines))


def masked(size, kind: str, rank: int = 2, dilation: int = 1):
    """The taps of a box before the centre in raster order (kind "A"), or up to and with it ("B").

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), section 3.4. Raises ValueError for another kind.
    """
    centre = (0,) * rank
    if kind not in ("A", "B"):
        raise ValueError(f"taps kind: expected 'A' (without the centre) or 'B' (with it), got {kind!r}")
    return tuple(tap for tap in box(size, rank, dilation) if tap < centre or (kind == "B" and tap == centre))


def vertical(size: int, present: bool = False):
    """The taps of a square in the rows above the centre, and with `present` in its row too: a vertical stack."""
    return tuple(tap for tap in box(size, 2) if tap[0] < 0 or (present and tap[0] == 0))


def horizontal(size: int, kind: str):
    """The taps left of the centre in its row, for kind "B" also the centre itself: a horizontal stack."""
    return tuple(tap for tap in masked(size, kind) if tap[0] == 0)


def causal(size: int, dilation: int = 1, present: bool = True):
    """`size` taps in the past, `dilation` apart. The last is at the present sample, or without `present` before it."""
    size, dilation = positive_integer("taps size", size), positive_integer("taps dilation", dilation)
    last = 0 if present else -1
    return tuple((last - dilation * i,) for i in reversed(range(size)))
