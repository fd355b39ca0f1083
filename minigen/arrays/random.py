"""Random numbers as a pure function of a seed and a position: `Generator`.

The words w(p) of a stream, and what a position is, are defined in `stream.py`; let u(p) = w(p) + 2^32 w(p+1).
These rules make value i of a call that starts at position p. Compiled versions and those on a GPU follow them to the
last bit, for normal numbers too (`box_muller.py` says how). Only exponential and Gumbel numbers, whose logarithms come
from the array library, may differ in their last bits between devices.

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
t = 1, 2, ... until it is accepted. So every value depends on its position alone, and a call uses as many words
as the table says (for an odd number of normals, one value more). Values asked for in pieces equal those asked
for at once; for normals, if all pieces but the last are even. A permutation is a single value in this sense.

If `xp` is the module cupy, values are made on the GPU, as CuPy arrays.

Source: Lemire, "Fast random integer generation in an interval" (2019), section 4.
"""

import math

import numpy as np

from .box_muller import normals
from .checks import integer
from .devices import array_module
from .dtypes import as_dtype
from .philox import MASK32, MASK64, philox_words
from .stream import Stream

# Digits of pi, the less significant word first; `stream.py` uses the digits before.
RETRY = (0x299F31D0, 0xA4093822)

LONG = 1024  # fewer values are made by array operations on the CPU, so that nothing is compiled for them


class Generator(Stream):
    """Random numbers as a function of a seed and a position, with the method names of NumPy's generators.

    `seed` is an integer from 0 to 2^128 - 1; different seeds are different streams. `size` is None for one
    Python number, an integer or a shape; `dtype` is float32 or float64 where values are real. Methods change
    `position` only. Two threads must not use one generator at once: `split` makes one for each. Raises TypeError or
    ValueError for any other seed.
    """

    __slots__ = ()

    # A function that fills a flat array with many values of a kind, or with values on a GPU, from a position of a
    # stream. The kernels set it when they are imported. `compiled` has the dtypes for which it has made normal numbers
    # already: then it is quicker for few values too.
    fill, compiled = None, set()

    def random(self, size=None, dtype=np.float64, xp=np):
        """Uniform numbers in [0, 1): multiples of 2^-24 in float32, of 2^-53 in float64."""
        (shape, n), dtype = _shape(size), as_dtype(dtype)
        return _finish(self._values("uniform", n if dtype == np.float32 else 2 * n, n, dtype, xp), shape)

    def words(self, n: int) -> np.ndarray:
        """The next `n` words of the stream, uint32, shape `(n,)`."""
        return self._values("words", n, n, np.uint32, np)

    def _values(self, kind, n_words, n, dtype, xp, *parameters):
        """`n` values of a kind from `n_words` words, as an array of `xp`: compiled if there is a compiled version."""
        start = self.reserve(n_words)
        long = xp is not np or n >= LONG or (kind == "normal" and dtype in self.compiled)
        if not long or self.fill is None or self.block_words is not philox_words:
            return xp.asarray(RULES[kind](self, start, n_words, n, dtype, *parameters))
        values = xp.empty(n, dtype)
        self.fill(values, kind, self.stream, start, n_words, *parameters)
        if kind == "normal":
            self.compiled.add(values.dtype)
        return values

    def uniform(self, low=0.0, high=1.0, size=None, dtype=np.float64):
        """Uniform numbers low + (high - low) u, u in [0, 1); `low` and `high` are numbers or arrays.

        Rounding can give `high` itself. Raises ValueError if an end is not finite or high < low.
        """
        dtype = as_dtype(dtype)
        (low, high), size = _parameters(size, dtype, low=low, high=high)
        if not np.all(high >= low):
            raise ValueError(f"uniform: expected low <= high, got low={low!r} and high={high!r}")
        values = self.random(size, dtype)
        values *= high - low
        values += low
        return values

    def standard_normal(self, size=None, dtype=np.float64, xp=np):
        """Normal numbers of mean 0 and variance 1, at most 6.8 in size in float32 and 8.6 in float64."""
        (shape, n), dtype = _shape(size), as_dtype(dtype)
        even = n + (n & 1)
        return _finish(self._values("normal", even if dtype == np.float32 else 2 * even, n, dtype, xp), shape)

    def normal(self, loc=0.0, scale=1.0, size=None, dtype=np.float64):
        """Normal numbers loc + scale z; `loc` and `scale` are numbers or arrays. Raises ValueError if scale < 0."""
        dtype = as_dtype(dtype)
        (loc, scale), size = _parameters(size, dtype, loc=loc, scale=scale)
        if not np.all(scale >= 0):
            raise ValueError(f"normal: expected scale >= 0, got {scale!r}")
        values = self.standard_normal(size, dtype)
        values *= scale
        values += loc
        return values

    def exponential(self, size=None, dtype=np.float64, xp=np):
        """Exponential numbers of mean 1, all positive and finite: -log v with v uniform in (0, 1)."""
        (shape, n), dtype = _shape(size), as_dtype(dtype)
        return _finish(self._exponential(n, dtype, xp).astype(dtype, copy=False), shape)

    def gumbel(self, size=None, dtype=np.float64, xp=np):
        """Standard Gumbel numbers, all finite: -log(-log v) with v uniform in (0, 1)."""
        (shape, n), dtype = _shape(size), as_dtype(dtype)
        values = self._exponential(n, dtype, xp)
        xp.log(values, out=values)
        xp.negative(values, out=values)
        return _finish(values.astype(dtype, copy=False), shape)

    def _exponential(self, n, dtype, xp):
        # In float64 also for float32 results: v + 1/2 is then exact, so v is never 0 or 1 and both logarithms
        # stay finite, and the upper tail of the Gumbel distribution keeps its resolution.
        if dtype == np.float32:
            values, unit = self._values("words", n, n, np.uint32, xp).astype(np.float64), 2.0**-32
        else:
            values = (_pairs(self._values("words", 2 * n, 2 * n, np.uint32, xp)) >> 12).astype(np.float64)
            unit = 2.0**-52
        values += 0.5
        values *= unit
        xp.log(values, out=values)
        return xp.negative(values, out=values)

    def bernoulli(self, p, size=None, dtype=bool, xp=None):
        """True (or 1 in `dtype`) with probability `p`, a number or an array that broadcasts to `size`.

        `size` is by default the shape of `p`. The probability is met to 2^-32, and exactly for 0 and 1.
        Raises ValueError if a probability is outside [0, 1] or NaN. Probabilities on a GPU are not checked, since
        reading them would wait for the GPU.
        """
        dtype, xp = np.dtype(dtype), array_module(p) if xp is None else xp
        if array_module(p) is np:
            single = np.dtype(np.float32) if getattr(p, "dtype", None) == np.float32 else np.dtype(np.float64)
            (p,), size = _parameters(size, single, p=p)
            low, high = (p, p) if isinstance(p, float) else (p.min(initial=0.0), p.max(initial=0.0))
            if not (low >= 0.0 and high <= 1.0):
                raise ValueError(f"bernoulli: expected probabilities from 0 to 1, got p from {low} to {high}")
            p = p if isinstance(p, float) else xp.asarray(p)
        shape, n = _shape(p.shape if size is None and not isinstance(p, float) else size)
        words = self._values("words", n, n, np.uint32, xp)
        values = words.reshape((1,) if shape is None else shape) < p * 2.0**32
        return _finish(values.astype(dtype, copy=False), shape)

    def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False, xp=np):
        """Integers of equal probability from `low` to `high` - 1 (to `high` with `endpoint`).

        With `low` alone, from 0 to `low` - 1. Raises ValueError if there is no such integer, or one does not fit
        `dtype`.
        """
        dtype = np.dtype(dtype)
        if dtype.kind not in "iu":
            raise ValueError(f"integers: expected an integer dtype, got {dtype}")
        low, high = (0, low) if high is None else (low, high)
        limits = np.iinfo(dtype)
        low = integer("low", low, int(limits.min), int(limits.max))
        high = integer("high", high) - (not endpoint)
        if not low <= high <= limits.max:
            raise ValueError(f"integers: expected low {low} <= highest value <= {limits.max}, got {high}")
        shape, n = _shape(size)
        span = high - low + 1
        values = self._values("integers", n if span <= 2**32 else 2 * n, n, np.uint64, xp, span)
        # Modulo 2^64, so that negative integers come out right when the bits are read as signed.
        values += np.uint64(low & MASK64)
        if dtype.kind == "i":
            values = values.view(np.int64)
        return _finish(values.astype(dtype, copy=False), shape)

    def permutation(self, x):
        """The integers 0 to x - 1 in random order (int64), or the rows of the array `x` in random order.

        All orders have the same probability, up to ties among sorting keys of 64 bits: a bias below n^2 2^-65.
        """
        if isinstance(x, (int, np.integer)) and not isinstance(x, (bool, np.bool_)):
            n = integer("permutation", x, 0)
            words = self._values("words", 2 * n, 2 * n, np.uint32, np)
            return np.argsort(_pairs(words), kind="stable").astype(np.int64, copy=False)
        x = np.asarray(x)
        if x.ndim == 0:
            raise TypeError(f"permutation: expected an integer or an array of at least one axis, got {x!r}")
        return x[self.permutation(len(x))]


def as_generator(rng) -> Generator:
    """`rng` as a Generator: itself, or one seeded by an integer or by 128 bits of a NumPy Generator.

    Raises TypeError for anything else, None too: nothing here is random unless the caller says how.
    """
    if isinstance(rng, Generator):
        return rng
    if isinstance(rng, np.random.Generator):
        low, high = rng.integers(0, MASK64, size=2, dtype=np.uint64, endpoint=True)
        return Generator(int(low) | int(high) << 64)
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, (bool, np.bool_)):
        return Generator(rng)
    raise TypeError(f"rng: expected a minigen or NumPy Generator or an integer seed, got {rng!r}")


def _uniform(generator, start, n_words, n, dtype):
    words = generator._words(start, n_words)
    values = (words >> 8 if dtype == np.float32 else _pairs(words) >> 11).astype(dtype)
    values *= 2.0**-24 if dtype == np.float32 else 2.0**-53
    return values


def _integers(generator, start, n_words, n, dtype, span):
    """`n` integers from 0 to span - 1, uint64."""
    width, scale = (1, _scale_words) if span <= 2**32 else (2, _scale_doubles)
    values, rejected = scale(generator._words(start, n_words), span)
    attempt = 0
    while len(rejected):
        attempt += 1
        key = (generator.stream[0] ^ RETRY[0], generator.stream[1] ^ RETRY[1] ^ attempt)
        first, last = int(rejected[0]), int(rejected[-1]) + 1
        again, bad = scale(generator._words(start + width * first, width * (last - first), key), span)
        values[rejected] = again[rejected - first]
        # Integers at positions between the rejected ones were made again too, but those positions have values.
        rejected = np.intersect1d(rejected, bad + first, assume_unique=True)
    return values


# How array code makes values of a kind: functions (generator, start, n_words, n, dtype, *parameters).
RULES = {
    "words": lambda generator, start, n_words, n, dtype: generator._words(start, n_words),
    "uniform": _uniform,
    "normal": lambda generator, start, n_words, n, dtype: normals(generator._words(start, n_words), n, dtype),
    "integers": _integers,
}


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
    shape = tuple(integer("size", extent, 0) for extent in shape)
    return shape, math.prod(shape)


def _parameters(size, dtype, **parameters):
    """Parameters as Python floats or arrays of `dtype`, and `size`, or else the shape that they broadcast to."""
    values = []
    for name, value in parameters.items():
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
