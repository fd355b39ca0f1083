"""Normal numbers from random words by operations that every machine rounds alike.

The transform of Box and Muller takes a logarithm, a sine and a cosine, which different libraries round differently.
Here they are Taylor series after a range reduction, in sums, products, quotients and square roots, which IEEE 754
defines to the last bit. So array code, compiled loops and a GPU give the same numbers, as long as none of them
contracts a product and a sum into one rounding.

    log u = k ln 2 + 2 atanh(s),  u = 2^k m,  s = (m - 1) / (m + 1),  m between sqrt(1/2) and sqrt(2)
    an angle 2 pi b / 2^n is a multiple of pi / 2, split off the integer b exactly, and a rest of at most pi / 4

The errors are a few units in the last place. Source: Box and Muller, "A note on the generation of random normal
deviates" (1958).
"""

import math

import numpy as np

LN2 = math.log(2)
# 2 atanh(s) = 2 s + s (w ATANH[0] + w^2 ATANH[1] + ...), w = s^2 <= 0.0295
ATANH = {"float32": [2 / (2 * i + 3) for i in range(4)], "float64": [2 / (2 * i + 3) for i in range(10)]}
# sin x = x + x (q SINE[0] + q^2 SINE[1] + ...), cos x = 1 + q COSINE[0] + ..., q = x^2 <= (pi / 4)^2
SINE = {"float32": [(-1) ** i / math.factorial(2 * i + 1) for i in range(1, 5)],
        "float64": [(-1) ** i / math.factorial(2 * i + 1) for i in range(1, 9)]}
COSINE = {"float32": [(-1) ** i / math.factorial(2 * i) for i in range(1, 6)],
          "float64": [(-1) ** i / math.factorial(2 * i) for i in range(1, 10)]}
# (integer type of the same width, bits of the mantissa, bits of sqrt(1/2), bits of a uniform number)
LAYOUT = {"float32": ("int32", 23, 0x3F3504F3, 24), "float64": ("int64", 52, 0x3FE6A09E667F3BCD, 53)}


def normals(words, n, dtype):
    """`n` normal numbers from uint32 `words`.

    One word for a number in float32, two in float64, with n rounded up to an even number.
    """
    if dtype == np.float32:
        uniform = words[0::2].astype(dtype)
        uniform *= 2.0**-32
        uniform += 2.0**-33
        turn = words[1::2] >> 8
    else:
        doubles = words.astype("<u4", copy=False).view("<u8") >> 11
        uniform = (doubles[0::2] + 1).astype(dtype)
        uniform *= 2.0**-53
        turn = doubles[1::2]
    radius = log(uniform)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    sine, cosine = sine_cosine(turn, dtype)
    values = np.empty((len(radius), 2), dtype)
    np.multiply(radius, cosine, out=values[:, 0])
    np.multiply(radius, sine, out=values[:, 1])
    return values.reshape(-1)[:n]


def log(u):
    """log u of normal (not subnormal) positive numbers."""
    integer, mantissa, half, _ = LAYOUT[u.dtype.name]
    bits = u.view(integer)
    k = (bits - half) >> mantissa
    f = (bits - (k << mantissa)).view(u.dtype) - 1.0
    s = f / (f + 2.0)
    result = _series(s * s, ATANH[u.dtype.name]) * s
    result += s * 2.0
    result += k.astype(u.dtype) * LN2
    return result


def sine_cosine(turn, dtype):
    """sin and cos of 2 pi turn / 2^24, or 2^53 for float64, of unsigned integers."""
    integer, _, _, width = LAYOUT[np.dtype(dtype).name]
    turn = turn.astype(integer)
    quadrant = (turn + (1 << width - 3)) >> (width - 2)
    x = (turn - (quadrant << (width - 2))).astype(dtype)
    x *= math.tau * 2.0**-width
    q = x * x
    sine = _series(q, SINE[x.dtype.name]) * x + x
    cosine = _series(q, COSINE[x.dtype.name]) + 1.0
    odd = (quadrant & 1) == 1
    first, second = np.where(odd, cosine, sine), np.where(odd, sine, cosine)
    return np.where((quadrant & 2) == 2, -first, first), np.where(((quadrant + 1) & 2) == 2, -second, second)


def _series(q, terms):
    """q terms[0] + q^2 terms[1] + ..., summed from the highest power down."""
    total = q * terms[-1]
    for term in reversed(terms[:-1]):
        total += term
        total *= q
    return total
