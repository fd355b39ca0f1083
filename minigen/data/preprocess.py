"""Dequantization of integer levels and standardizing of real columns, with their inverses."""

from dataclasses import dataclass

import numpy as np

from ..arrays import as_dtype, as_generator
from ..arrays.checks import integer
from ..arrays.columns import constant_columns


def dequantize(x, levels: int, rng, dtype=np.float32) -> np.ndarray:
    """(x + u) / levels in (0, 1), with u uniform in (0, 1) for every value; float array of the shape of `x`.

    `x` holds integers 0 to levels - 1. u lies on the midpoints of a grid, 2^13 of them for 256 levels in
    float32 and 2^42 in float64, fine enough to be uniform and coarse enough that `quantize` gets x back
    exactly in spite of rounding. A density p of the result bounds P(x) from below by E_u log p - D log(levels)
    in D dimensions. Source: Theis, van den Oord, Bethge, "A note on the evaluation of generative models"
    (2016), section 3.1. Raises ValueError for values out of range, or more levels than `dtype` can tell apart.
    """
    x, dtype = np.asarray(x), as_dtype(dtype)
    integer("levels", levels, 2)
    bits = np.finfo(dtype).nmant + 1 - 3 - (levels - 1).bit_length()
    if bits < 4:
        raise ValueError(f"levels: {dtype} can dequantize at most {2 ** (np.finfo(dtype).nmant - 6)}, got {levels}")
    if x.dtype.kind not in "biu" or (x.size and not (x.min() >= 0 and x.max() < levels)):
        raise ValueError(f"x: expected integers from 0 to {levels - 1}, got {_range(x)}")
    values = as_generator(rng).random(x.shape, dtype)
    values *= 2.0**bits
    np.floor(values, out=values)
    values += 0.5
    values *= 2.0**-bits
    values += x
    values /= levels
    return values


def quantize(y, levels: int) -> np.ndarray:
    """The integers floor(y levels) of numbers in [0, 1], clipped to 0 ... levels - 1: undoes `dequantize`."""
    integer("levels", levels, 2)
    dtype = np.uint8 if levels <= 256 else np.int64
    return np.clip(np.floor(np.asarray(y) * levels), 0, levels - 1).astype(dtype)


@dataclass(frozen=True)
class Standardizer:
    """The map (x - loc) / scale, with an entry of `loc` and `scale` for each of an example's numbers."""

    loc: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, x) -> "Standardizer":
        """Mean and standard deviation (ddof 0) over the rows of `x`; a constant column keeps the scale 1.

        The result has the dtype of `x`, or float32 if `x` holds integers. Raises ValueError for fewer than two
        axes, no rows, or numbers that are not finite.
        """
        x = np.asarray(x)
        if x.ndim < 2 or len(x) == 0 or x.dtype.kind not in "biuf":
            raise ValueError(f"x: expected numbers of shape (N, ...) with N > 0, got {x.dtype} of shape {x.shape}")
        loc = x.mean(axis=0, dtype=np.float64)
        scale = x.std(axis=0, dtype=np.float64)
        if not (np.isfinite(loc).all() and np.isfinite(scale).all()):
            raise ValueError("x: expected finite numbers")
        dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.dtype(np.float32)
        constant = constant_columns(loc, scale, len(x), dtype)
        return cls(loc.astype(dtype), np.where(constant, 1.0, scale).astype(dtype))

    def transform(self, x) -> np.ndarray:
        """Standardized rows, of the dtype of `loc`."""
        return (np.asarray(x, dtype=self.loc.dtype) - self.loc) / self.scale

    def inverse(self, y) -> np.ndarray:
        """Rows in their original units, of the dtype of `loc`."""
        return np.asarray(y, dtype=self.loc.dtype) * self.scale + self.loc

    @property
    def log_det(self) -> float:
        """log |d transform / dx| of one example: log p(x) = log p(transform(x)) + log_det."""
        return -float(np.log(self.scale.astype(np.float64)).sum())

    def to_json(self) -> dict:
        """The standardizer as a dict that JSON can hold."""
        return {"dtype": str(self.loc.dtype), "loc": self.loc.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, value: dict) -> "Standardizer":
        """The standardizer that `to_json` wrote. Raises ValueError for anything else."""
        if not isinstance(value, dict) or set(value) != {"dtype", "loc", "scale"}:
            raise ValueError(f"standardizer: expected a dict of dtype, loc and scale, got {value!r}")
        dtype = as_dtype(value["dtype"])
        loc, scale = np.array(value["loc"], dtype), np.array(value["scale"], dtype)
        if loc.shape != scale.shape or not np.isfinite(loc).all() or not (scale > 0).all():
            raise ValueError("standardizer: expected loc and positive scale of one shape")
        return cls(loc, scale)


def _range(x):
    return f"{x.dtype}" if x.dtype.kind not in "biu" or not x.size else f"{x.min()} to {x.max()}"
