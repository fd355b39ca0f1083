"""Random numbers as a pure function of a seed and a position: `Generator`.

The words w(p) of a stream, and what a position is, are laid out in `stream.py`; u(p) = w(p) + 2^32 w(p+1).
Value i of a draw that starts at position p is made by these rules, which compiled versions follow too, for
integers, uniforms and Bernoulli draws to the last bit.

    method                     words a value   value i
    random, float32            1               (w(p+i) >> 8) 2^-24
    random, float64            2               (u(p+2i) >> 11) 2^-53
    standard_normal, float32   1               Box-Muller on the pair a = w(p+2j), b = w(p+2j+1), j = i // 2:
                                               r = sqrt(-2 log(a 2^-32 + 2^-33)), a rounded to float32,
                                               t = 2 pi (b >> 8) 2^-24; r cos t for even i, r sin t for odd i
    standard_normal, float64   2               the same with ((u(p+4j) >> 11) + 1) 2^-53 in the logarithm
                                               and t = 2 pi (u(p+4j+2) >> 11) 2^-53
    exponential, float32       1               -log v, v = (w(p+i) + 1/2) 2^-32, in float64, then rounded
    exponential, float64       2               -log v, v = ((u(p+2i) >> 12) + 1/2) 2^-52
    gumbel                     as exponential  -log of the exponential before it is rounded
    bernoulli                  1               w(p+i) < 2^32 probability, compared in float64
    integers, span <= 2^32     1               low + (x span >> 32), x = w(p+i), rejected if
                                               x span mod 2^32 < 2^32 mod span (Lemire)
    integers, span > 2^32      2               low + y, y = u(p+2i) >> (64 - bit length of span - 1),
                                               rejected if y >= span
    permutation                2               the order that sorts u(p), u(p+2), ...; ties as they stand

A rejected integer is made again from the same positions of the stream with key (k0 ^ R0, k1 ^ R1 ^ t) for
t = 1, 2, ... until it is accepted. So every value depends on its own position alone, each draw consumes what
the table says (an odd number of normals: one value more), and a draw in pieces equals the draw at once; for
normals if all pieces but the last are even; not for permutations, each of which is one value.

Sources: Box and Muller, "A note on the generation of random normal deviates" (1958); Lemire, "Fast random
integer generation in an interval" (2019), section 4.
"""

import math

import numpy as np

from .dtypes import as_dtype
from .philox import MASK32, MASK64
from .stream import Stream
from .stream import check_integer as _integer

# Digits of pi, the less significant word first; `stream.py` uses the digits before.
RETRY = (0x299F31D0, 0xA4093822)


class Generator(Stream):
    """Random numbers as a function of a seed and a position, with the method names of NumPy's generators.

    `seed` is an integer from 0 to 2^128 - 1; different seeds are different streams. `size` is None for one
    Python number, an integer or a shape; `dtype` is float32 or float64 where values are real. Methods change
    `position` only. Not for use by two threads at once: give each its own by `split`. Raises TypeError or
    ValueError for any other seed.
    """

    __slots__ = ()

    def random(self, size=None, dtype=np.float64):
        """Uniform numbers in [0, 1): multiples of 2^-24 in float32, of 2^-53 in float64."""
        shape, n = _shape(size)
        if as_dtype(dtype) == np.float32:
            values = (self.words(n) >> 8).astype(np.float32)
            values *= 2.0**-24
        else:
            values = (_pairs(self.words(2 * n)) >> 11).astype(np.float64)
            values *= 2.0**-53
        return _finish(values, shape)

    def uniform(self, low=0.0, high=1.0, size=None, dtype=np.float64):
        """Uniform numbers low + (high - low) u, u in [0, 1); `low` and `high` are numbers or arrays.

        Rounding can give `high` itself. ValueError if an end is not finite or high < low.
        """
        dtype = as_dtype(dtype)
        (low, high), size = _parameters(size, dtype, low=low, high=high)
        if not np.all(high >= low):
            raise ValueError(f"uniform: expected low <= high, got low={low!r} and high={high!r}")
        values = self.random(size, dtype)
        values *= high - low
        values += low
        return values

    def standard_normal(self, size=None, dtype=np.float64):
        """Normal numbers of mean 0 and variance 1, at most 6.8 in size in float32 and 8.6 in float64."""
        shape, n = _shape(size)
        dtype = as_dtype(dtype)
        if dtype == np.float32:
            words = self.words(n + (n & 1))
            radius = words[0::2].astype(np.float32)
            radius *= 2.0**-32
            radius += 2.0**-33
            angle = (words[1::2] >> 8).astype(np.float32)
            angle *= math.tau * 2.0**-24
        else:
            doubles = _pairs(self.words(2 * (n + (n & 1)))) >> 11
            radius = (doubles[0::2] + 1).astype(np.float64)
            radius *= 2.0**-53
            angle = doubles[1::2].astype(np.float64)
            angle *= math.tau * 2.0**-53
        np.log(radius, out=radius)
        radius *= -2.0
        np.sqrt(radius, out=radius)
        values = np.empty((len(radius), 2), dtype)
        np.multiply(radius, np.cos(angle), out=values[:, 0])
        np.multiply(radius, np.sin(angle, out=angle), out=values[:, 1])
        return _finish(values.reshape(-1)[:n], shape)

    def normal(self, loc=0.0, scale=1.0, size=None, dtype=np.float64):
        """Normal numbers loc + scale z; `loc` and `scale` are numbers or arrays; ValueError if scale < 0."""
        dtype = as_dtype(dtype)
        (loc, scale), size = _parameters(size, dtype, loc=loc, scale=scale)
        if not np.all(scale >= 0):
            raise ValueError(f"normal: expected scale >= 0, got {scale!r}")
        values = self.standard_normal(size, dtype)
        values *= scale
        values += loc
        return values

    def exponential(self, size=None, dtype=np.float64):
        """Exponential numbers of mean 1, all positive and finite: -log v with v uniform in (0, 1)."""
        shape, n = _shape(size)
        dtype = as_dtype(dtype)
        return _finish(self._exponential(n, dtype).astype(dtype, copy=False), shape)

    def gumbel(self, size=None, dtype=np.float64):
        """Standard Gumbel numbers, all finite: -log(-log v) with v uniform in (0, 1)."""
        shape, n = _shape(size)
        dtype = as_dtype(dtype)
        values = self._exponential(n, dtype)
        np.log(values, out=values)
        np.negative(values, out=values)
        return _finish(values.astype(dtype, copy=False), shape)

    def _exponential(self, n, dtype):
        # In float64 also for float32 results: v + 1/2 is then exact, so v is never 0 or 1 and both logarithms
        # stay finite, and the upper tail of the Gumbel distribution keeps its resolution.
        if dtype == np.float32:
            values, unit = self.words(n).astype(np.float64), 2.0**-32
        else:
            values, unit = (_pairs(self.words(2 * n)) >> 12).astype(np.float64), 2.0**-52
        values += 0.5
        values *= unit
        np.log(values, out=values)
        return np.negative(values, out=values)

    def bernoulli(self, p, size=None, dtype=bool):
        """True (or 1 in `dtype`) with probability `p`, a number or an array that broadcasts to `size`.

        `size` is by default the shape of `p`. The probability is met to 2^-32, and exactly for 0 and 1.
        ValueError if a probability is outside [0, 1] or not a number.
        """
        dtype = np.dtype(dtype)
        single = np.dtype(np.float32) if getattr(p, "dtype", None) == np.float32 else np.dtype(np.float64)
        (p,), size = _parameters(size, single, p=p)
        low, high = (p, p) if isinstance(p, float) else (p.min(initial=0.0), p.max(initial=0.0))
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"bernoulli: expected probabilities from 0 to 1, got p from {low} to {high}")
        shape, n = _shape(size)
        values = self.words(n).reshape((1,) if shape is None else shape) < p * 2.0**32
        return _finish(values.astype(dtype, copy=False), shape)

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
        """Integers of equal probability from `low` to `high` - 1 (to `high` with `endpoint`).

        With one number given, from 0 to below it. ValueError if there are none or they do not fit `dtype`.
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "iu":
            raise ValueError(f"integers: expected an integer dtype, got {dtype}")
        low, high = (0, low) if high is None else (low, high)
        limits = np.iinfo(dtype)
        low = _integer("low", low, int(limits.min), int(limits.max))
        high = _integer("high", high) - (not endpoint)
        if not low <= high <= limits.max:
            raise ValueError(f"integers: expected low {low} <= highest value <= {limits.max}, got {high}")
        shape, n = _shape(size)
        values = self._below(high - low + 1, n)
        # Modulo 2^64, so that negative integers come out right when the bits are read as signed.
        values += np.uint64(low & MASK64)
        if dtype.kind == "i":
            values = values.view(np.int64)
        return _finish(values.astype(dtype, copy=False), shape)

    def _below(self, span, n):
        """`n` integers from 0 to span - 1, uint64."""
        width = 1 if span <= 2**32 else 2
        scale = _scale_words if width == 1 else _scale_doubles
        start = self.reserve(width * n)
        values, rejected = scale(self._words(start, width * n), span)
        attempt = 0
        while len(rejected):
            attempt += 1
            key = (self.stream[0] ^ RETRY[0], self.stream[1] ^ RETRY[1] ^ attempt)
            first, last = int(rejected[0]), int(rejected[-1]) + 1
            again, bad = scale(self._words(start + width * first, width * (last - first), key), span)
            values[rejected] = again[rejected - first]
            # Positions between the rejected ones were drawn too, but they have their values already.
            rejected = np.intersect1d(rejected, bad + first, assume_unique=True)
        return values

    def permutation(self, x):
        """The integers 0 to x - 1 in random order (int64), or the rows of the array `x` in random order.

        All orders have the same probability but for equal sorting keys of 64 bits: a bias below n^2 2^-65.
        """
        if isinstance(x, (int, np.integer)) and not isinstance(x, (bool, np.bool_)):
            n = _integer("permutation", x, 0)
            return np.argsort(_pairs(self.words(2 * n)), kind="stable").astype(np.int64, copy=False)
        x = np.asarray(x)
        if x.ndim == 0:
            raise TypeError(f"permutation: expected an integer or an array of at least one axis, got {x!r}")
        return x[self.permutation(len(x))]


def as_generator(rng) -> Generator:
    """The Generator that `rng` is or seeds: a Generator, a seed, or a NumPy Generator (128 bits are drawn).

    Raises TypeError for anything else, None included: nothing here is random unless the caller says how.
    """
    if isinstance(rng, Generator):
        return rng
    if isinstance(rng, np.random.Generator):
        low, high = rng.integers(0, MASK64, size=2, dtype=np.uint64, endpoint=True)
        return Generator(int(low) | int(high) << 64)
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, (bool, np.bool_)):
        return Generator(rng)
    raise TypeError(f"rng: expected a minigen or NumPy Generator or an integer seed, got {rng!r}")


def _pairs(words):
    """u(p), u(p+2), ... of an even number of words, uint64."""
    return words.astype("<u4", copy=False).view("<u8")


def _scale_words(words, span):
    """Lemire's product of words and span: the integers, and the indices of those to reject."""
    products = words.astype(np.uint64)
    products *= np.uint64(span)
    rejected = np.flatnonzero((products & MASK32) < (2**32 % span)) if 2**32 % span else ()
    products >>= 32
    return products, rejected


def _scale_doubles(words, span):
    values = _pairs(words) >> (64 - (span - 1).bit_length())
    return values, np.flatnonzero(values > span - 1)


def _shape(size):
    """(shape, number of values); the shape is None for a single Python number."""
    if size is None:
        return None, 1
    shape = size if isinstance(size, (tuple, list)) else (size,)
    shape = tuple(_integer("size", extent, 0) for extent in shape)
    return shape, math.prod(shape)


def _parameters(size, dtype, **given):
    """Parameters as Python floats or arrays of `dtype`, and the size: as given or what they broadcast to."""
    values = []
    for name, value in given.items():
        value = np.asarray(value)
        if value.dtype.kind not in "biuf":
            raise TypeError(f"{name}: expected a real number or an array of them, got dtype {value.dtype}")
        value = float(value) if value.ndim == 0 else value.astype(dtype, copy=False)
        if not np.all(np.isfinite(value)):
            raise ValueError(f"{name}: expected finite numbers, got {value!r}")
        values.append(value)
    shapes = [value.shape for value in values if not isinstance(value, float)]
    if shapes:
        shape = np.broadcast_shapes(*shapes)
        if size is None:
            size = shape
        elif np.broadcast_shapes(shape, _shape(size)[0]) != _shape(size)[0]:
            raise ValueError(f"size: parameters of shape {shape} do not broadcast to {size}")
    return values, size


def _finish(values, shape):
    return values[0].item() if shape is None else values.reshape(shape)
