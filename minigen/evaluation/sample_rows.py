"""Samples as rows of numbers, and distances between them a tile at a time, so that memory never grows as N·M."""

import numpy as np

from ..arrays import to_numpy
from ..autograd import raw

TILE = 1024  # rows of a tile's side: a tile of float64 distances has 8 MB


def as_rows(name, x, like=None, least=1):
    """`x` as finite float64 rows `(n, columns)`: an example of any shape becomes one row.

    Raises TypeError if x is not an array of real numbers. Raises ValueError if a number is not finite, if there are
    fewer than `least` examples or none in an example, and if `like`, a pair of a name and rows, has another number of
    columns. Errors name the argument.
    """
    x = np.asarray(to_numpy(raw(x)))
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{name}: expected an array of numbers, got dtype {x.dtype}")
    if x.ndim == 0:
        raise ValueError(f"{name}: expected an array of examples, got a single number")
    if len(x) < least:
        raise ValueError(f"{name}: expected at least {least} examples, got {len(x)}")
    rows = np.ascontiguousarray(x.reshape(len(x), -1), np.float64)
    if rows.shape[1] == 0:
        raise ValueError(f"{name}: expected examples of at least one number, got shape {x.shape}")
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(f"{name}: expected finite numbers, got {rows[row, column]} in row {row}, column {column} "
                         "(from 0)")
    if like is not None and rows.shape[1] != like[1].shape[1]:
        raise ValueError(f"{name}: expected {like[1].shape[1]} numbers in an example, as {like[0]} has, "
                         f"got {rows.shape[1]}")
    return rows


def pieces(n, size=TILE):
    """Slices that cut `range(n)` into blocks of `size`."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def squared_distances(a, b):
    """|aᵢ - bⱼ|² for rows a and b, `(len(a), len(b))`: |a|² + |b|² - 2·a·b, and exactly 0 where rounding is all.

    Centre rows that lie far from 0 first, both about the same origin, since the terms cancel.
    """
    if a.shape[1] <= 4:  # for few columns differences are as quick, and no terms cancel
        return sum((a[:, None, d] - b[None, :, d]) ** 2 for d in range(a.shape[1]))
    sizes = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("nd,nd->n", b, b)[None, :]
    distances = sizes - 2 * (a @ b.T)
    distances[distances < 1e-14 * a.shape[1] ** 0.5 * sizes] = 0
    return distances


def centred(*groups):
    """The groups of rows less the mean of the first group, so that distances between them lose fewer digits."""
    middle = groups[0].mean(axis=0)
    return tuple(rows - middle for rows in groups)
