"""Random numbers made by compiled loops and on a GPU, equal to those of `arrays.random` to the last bit.

Values are made in chunks of 1024 words. A word depends on its position in the stream alone, so the number of threads
does not matter. Sums and products are neither fused nor reordered, so the machine and the compiler do not matter.
Importing this module makes `Generator` use it: for many numbers at once the compiled loops, for few NumPy.
"""

import math

import numpy as np
from numpy import float32 as f32
from numpy import int32, int64, uint32, uint64

from ..arrays import array_module, box_muller
from ..arrays.philox import MASK64, MULTIPLIERS, WEYL
from ..arrays.pool import run
from ..arrays.random import RULES, Generator
from .machinery import cuda
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import bits_to_double, bits_to_float, double_to_bits, float_to_bits

BLOCKS = 256  # of four words each, in a chunk
WORDS = 4 * BLOCKS
GRAIN = 16  # chunks that are worth a thread

M0, M1 = uint64(MULTIPLIERS[0]), uint64(MULTIPLIERS[1])
W0, W1 = uint32(WEYL[0]), uint32(WEYL[1])
UP = uint64(32)
UNIT32, UNIT64 = f32(2.0**-24), 2.0**-53
WORD32, HALFWORD32 = f32(2.0**-32), f32(2.0**-33)
ONE, TWO, MINUS_TWO = f32(1), f32(2), f32(-2)
LN2, LN2_64 = f32(box_muller.LN2), box_muller.LN2
HALF32, HALF64 = int32(box_muller.LAYOUT["float32"][2]), int64(box_muller.LAYOUT["float64"][2])
TURN32, TURN64 = f32(math.tau * 2.0**-24), math.tau * 2.0**-53
# The series of box_muller. For float32 they are written out below: loops over terms take the compiler longer.
A0, A1, A2, A3 = map(f32, box_muller.ATANH["float32"])
S0, S1, S2, S3 = map(f32, box_muller.SINE["float32"])
C0, C1, C2, C3, C4 = map(f32, box_muller.COSINE["float32"])
ATANH64, SINE64, COSINE64 = (tuple(terms["float64"]) for terms in (box_muller.ATANH, box_muller.SINE,
                                                                   box_muller.COSINE))

exact = loop(fastmath=False, forceinline=True)


@loop(fastmath=False)
def _blocks(stream, first, count, out):
    """The words of `count` (at most BLOCKS) blocks from number `first`, modulo 2^64."""
    a, b, c, d = (np.empty(BLOCKS, np.uint32), np.empty(BLOCKS, np.uint32), np.empty(BLOCKS, np.uint32),
                  np.empty(BLOCKS, np.uint32))
    key0, key1, word2, word3 = stream[0], stream[1], stream[2], stream[3]
    for i in range(count):
        number = first + uint64(i)
        c0, c1, c2, c3, k0, k1 = uint32(number), uint32(number >> UP), word2, word3, key0, key1
        for _ in range(10):
            p, q = uint64(c0) * M0, uint64(c2) * M1
            c0, c1, c2, c3 = uint32(q >> UP) ^ c1 ^ k0, uint32(q), uint32(p >> UP) ^ c3 ^ k1, uint32(p)
            k0, k1 = uint32(k0 + W0), uint32(k1 + W1)
        a[i], b[i], c[i], d[i] = c0, c1, c2, c3
    for i in range(count):
        out[4 * i], out[4 * i + 1], out[4 * i + 2], out[4 * i + 3] = a[i], b[i], c[i], d[i]


@loop(fastmath=False)
def _chunk(stream, position, begin, count, words):
    """`count` (at most WORDS) words from number `begin`, a multiple of WORDS, after `position`: words[skip:].

    The position is (block, skip), the number of a block and of a word in it.
    """
    first = position[0] + uint64(begin // 4)
    skip = int64(position[1])
    _blocks(stream, first, min(BLOCKS, (skip + count + 3) // 4), words)
    if skip + count > WORDS:
        _blocks(stream, first + uint64(BLOCKS), 1, words[WORDS:])
    return skip


@loop
def _copy(source, target):
    """target[:] = source. Written so, numba would take a second longer to compile it, for an error's message."""
    for i in range(target.size):
        target[i] = source[i]


@loop(fastmath=False)
def _words(start, stop, stream, position, out):
    words = np.empty(WORDS + 4, np.uint32)
    for begin in range(start * WORDS, min(stop * WORDS, out.size), WORDS):
        count = min(WORDS, out.size - begin)
        skip = _chunk(stream, position, begin, count, words)
        _copy(words[skip : skip + count], out[begin : begin + count])


@loop(fastmath=False)
def _uniform32(start, stop, stream, position, out):
    words = np.empty(WORDS + 4, np.uint32)
    for begin in range(start * WORDS, min(stop * WORDS, out.size), WORDS):
        count = min(WORDS, out.size - begin)
        skip = _chunk(stream, position, begin, count, words)
        chunk, values = words[skip : skip + count], out[begin : begin + count]
        for i in range(count):
            values[i] = f32(int32(chunk[i] >> uint32(8))) * UNIT32


@loop(fastmath=False)
def _uniform64(start, stop, stream, position, out):
    words = np.empty(WORDS + 4, np.uint32)
    for begin in range(start * WORDS, min(stop * WORDS, 2 * out.size), WORDS):
        count = min(WORDS, 2 * out.size - begin)
        skip = _chunk(stream, position, begin, count, words)
        chunk, values = words[skip : skip + count], out[begin // 2 : (begin + count) // 2]
        for i in range(values.size):
            double = uint64(chunk[2 * i]) | uint64(chunk[2 * i + 1]) << UP
            values[i] = np.float64(int64(double >> uint64(11))) * UNIT64


@loop(fastmath=False)
def _normal32(start, stop, stream, position, out):
    words, pairs = np.empty(WORDS + 4, np.uint32), np.empty(WORDS, np.float32)
    even = out.size + out.size % 2
    for begin in range(start * WORDS, min(stop * WORDS, even), WORDS):
        count = min(WORDS, even - begin)
        skip = _chunk(stream, position, begin, count, words)
        chunk = words[skip : skip + count]
        for j in range(count // 2):
            radius = np.sqrt(_log32(f32(chunk[2 * j]) * WORD32 + HALFWORD32) * MINUS_TWO)
            turn = int32(chunk[2 * j + 1] >> uint32(8))
            quadrant = (turn + int32(1 << 21)) >> int32(22)
            x = f32(turn - (quadrant << int32(22))) * TURN32
            q = x * x
            sine = (((q * S3 + S2) * q + S1) * q + S0) * q * x + x
            cosine = ((((q * C4 + C3) * q + C2) * q + C1) * q + C0) * q + ONE
            odd = quadrant & int32(1)
            first, second = (cosine if odd else sine), (sine if odd else cosine)
            pairs[2 * j] = radius * (-second if (quadrant + int32(1)) & int32(2) else second)
            pairs[2 * j + 1] = radius * (-first if quadrant & int32(2) else first)
        count = min(count, out.size - begin)
        _copy(pairs[:count], out[begin : begin + count])


@loop(fastmath=False)
def _normal64(start, stop, stream, position, out):
    words, pairs = np.empty(WORDS + 4, np.uint32), np.empty(WORDS // 2, np.float64)
    even = out.size + out.size % 2
    for begin in range(start * WORDS, min(stop * WORDS, 2 * even), WORDS):
        count = min(WORDS, 2 * even - begin)
        skip = _chunk(stream, position, begin, count, words)
        chunk = words[skip : skip + count]
        for j in range(count // 4):
            a = (uint64(chunk[4 * j]) | uint64(chunk[4 * j + 1]) << UP) >> uint64(11)
            b = (uint64(chunk[4 * j + 2]) | uint64(chunk[4 * j + 3]) << UP) >> uint64(11)
            radius = np.sqrt(_log64(np.float64(int64(a) + 1) * UNIT64) * -2.0)
            turn = int64(b)
            quadrant = (turn + (1 << 50)) >> 51
            x = np.float64(turn - (quadrant << 51)) * TURN64
            q = x * x
            sine = _series(q, SINE64) * x + x
            cosine = _series(q, COSINE64) + 1.0
            odd = quadrant & 1
            first, second = (cosine if odd else sine), (sine if odd else cosine)
            pairs[2 * j] = radius * (-second if (quadrant + 1) & 2 else second)
            pairs[2 * j + 1] = radius * (-first if quadrant & 2 else first)
        begin, count = begin // 2, count // 2
        count = min(count, out.size - begin)
        _copy(pairs[:count], out[begin : begin + count])


@exact
def _log32(u):
    bits = float_to_bits(u)
    k = (bits - HALF32) >> int32(23)
    f = bits_to_float(bits - (k << int32(23))) - ONE
    s = f / (f + TWO)
    w = s * s
    return (((w * A3 + A2) * w + A1) * w + A0) * w * s + s * TWO + f32(k) * LN2


@exact
def _log64(u):
    bits = double_to_bits(u)
    k = (bits - HALF64) >> 52
    f = bits_to_double(bits - (k << 52)) - 1.0
    s = f / (f + 2.0)
    return _series(s * s, ATANH64) * s + s * 2.0 + np.float64(k) * LN2_64


@exact
def _series(q, terms):
    total = q * terms[-1]
    for i in range(len(terms) - 2, -1, -1):
        total = (total + terms[i]) * q
    return total


_LOOPS = {("words", "uint32"): (_words, 1), ("uniform", "float32"): (_uniform32, 1),
          ("uniform", "float64"): (_uniform64, 2), ("normal", "float32"): (_normal32, 1),
          ("normal", "float64"): (_normal64, 2)}  # the loop, and the words that a value takes


@kernel
def fill_random(out, kind, stream, start, n_words, *parameters):
    """Fill the flat array `out` with values of a kind ("words", "uniform", "normal", "integers") from a stream.

    They are made of the stream's `n_words` words from position `start`, by the rules of `arrays.random`.
    """
    generator = Generator(0)
    generator.stream = tuple(stream)
    values = RULES[kind](generator, start, n_words, out.size, out.dtype, *parameters)
    out[...] = array_module(out).asarray(values)


@fill_random.example
def _(make):
    out = np.zeros(2 * make.count(2), make.dtype)  # normals come in pairs
    return [out, make.choice(["normal", "uniform"]), Generator(1).stream, make.integer(0, 9),
            out.size * out.itemsize // 4]


@fill_random.compiled(above=0)
def _(out, kind, stream, start, n_words, *parameters):
    if (kind, out.dtype.name) not in _LOOPS:
        return NotImplemented
    fast, width = _LOOPS[kind, out.dtype.name]
    position = np.array([(start >> 2) & MASK64, start & 3], np.uint64)
    run(fast, -(-out.size * width // WORDS), GRAIN, np.array(stream, np.uint32), position, out)



def _stream_arguments(stream, start):
    """What every source of random numbers takes: four words and a position or, of a stream on the device, its state."""
    on_device = hasattr(stream, "dtype")
    words = [np.uint32(word) for word in ((0, 0, 0, 0) if on_device else stream)]
    return *words, np.uint64((start >> 2) & MASK64), np.uint32(start & 3), stream if on_device else None


@fill_random.on_device
def _(out, kind, stream, start, n_words, *parameters):
    state = _stream_arguments(stream, start)
    if kind == "integers":
        (span,) = parameters
        shift = np.int32(64 - (span - 1).bit_length())
        cuda.launch("philox", "integers", "float32", out.size, *state, out, out.size, np.uint64(span % 2**64), shift,
                    exact=True)
    else:
        dtype = "float32" if kind == "words" else out.dtype
        cuda.launch("philox", {"words": "words", "uniform": "uniform", "normal": "normal"}[kind], dtype,
                    -(-out.size * out.itemsize // 16), *state, out, out.size, exact=True)


Generator.fill = staticmethod(fill_random)
