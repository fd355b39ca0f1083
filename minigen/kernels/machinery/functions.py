"""Elementary functions for use inside compiled loops, written so that the compiler vectorises them.

numba's own `math.exp` and its relatives call a scalar library function for each element. The functions here are
polynomials after a range reduction, without branches or tables, so that a loop over them runs at nearly the speed of
memory. float32 has versions of its own, with errors below 3 units in the last place over the whole range, subnormal
numbers included. For float64 the exponential is such a polynomial; the other functions call the library's.

How to read this
----------------
Every function follows one plan. exp(x) is the example (`_exp32`):

1. Write x = k·log 2 + r with a whole number k and |r| ≤ log(2)/2, so that exp(x) = 2^k·exp(r). Adding a large constant
   (ROUND) and subtracting it again rounds x / log 2 to k. log 2 comes in two parts, LN2_HIGH and LN2_LOW, so that r
   keeps all its digits.
2. A short polynomial gives exp(r), since r is small.
3. 2^k is assembled from its bits: a float32 consists of a sign, 8 bits of exponent plus 127, and 23 bits of fraction,
   so the integer (k + 127) << 23, read as a float32, is 2^k.

The logarithm goes the other way: it takes the exponent k out of the bits, and a polynomial gives log(1 + f) of the
fraction. An `x if … else y` in a loop becomes a choice between two computed values, not a branch.

The coefficients are minimax fits: least squares on Chebyshev nodes, reweighted until the relative errors level out.
Those of the float64 exponential interpolate it at Chebyshev nodes.
"""

import math

from numpy import float32 as f32
from numpy import int32, int64

from .compiling import Builtin, loop

# Reordering the sums would cancel the corrections that the range reductions carry along. The permission to reorder
# belongs to each instruction, so a loop that has it may inline these functions, and they stay exact.
exact_order = loop(fastmath={"contract"}, forceinline=True)


@Builtin
def bits_to_float():
    """int32 bits read as a float32: how 2^k is assembled from its exponent."""
    return _bitcast("float32", "int32")


@Builtin
def float_to_bits():
    """A float32 read as its int32 bits."""
    return _bitcast("int32", "float32")


@Builtin
def bits_to_double():
    """int64 bits read as a float64."""
    return _bitcast("float64", "int64")


@Builtin
def double_to_bits():
    """A float64 read as its int64 bits."""
    return _bitcast("int64", "float64")


def _bitcast(to, source):
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def bitcast(context, value):
        def generate(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(signature.return_type))
        return getattr(types, to)(getattr(types, source)), generate

    return bitcast


def by_type(single, double):
    """A function for loops: `single` for float32 arguments; `double`, a loop or a function of math, for float64."""
    def build():
        from numba.extending import overload

        def function(x):
            raise NotImplementedError("for compiled loops only")

        fast = single.compile()
        exact = getattr(double, "compile", lambda: double)()

        @overload(function, inline="never")
        def _(x):
            return (lambda x: fast(x)) if x.bitwidth == 32 else (lambda x: exact(x))

        return function

    return Builtin(build)


LOG2_E = f32(1 / math.log(2))
LN2_HIGH = f32(round(math.log(2) * 4096) / 4096)  # 12 bits, so that its product with an exponent is exact
LN2_LOW = f32(math.log(2) - round(math.log(2) * 4096) / 4096)
# x + ROUND has the nearest integer to x in its last bits, and (x + ROUND) - ROUND is that integer.
ROUND, ROUND_BITS = f32(1.5 * 2**23), int32(0x4B400000)
SQRT_HALF_BITS = int32(0x3F3504F3)
SIGN, FRACTION = int32(-(2**31)), int32(2**23 - 1)
INF, NAN = f32(math.inf), f32(math.nan)
ZERO, HALF, ONE, TWO = f32(0), f32(0.5), f32(1), f32(2)
E0, E1, E2, E3, E4 = map(f32, (
    0.49999999, 0.16666541993618011, 0.04166628047823906, 0.008366644382476807, 0.0013946554390713573))
L0, L1, L2, L3, L4, L5, L6, L7 = map(f32, (
    0.3333333134651184, -0.2500081956386566, 0.20001226663589478, -0.16623356938362122, 0.14201757311820984,
    -0.13160182535648346, 0.1276157796382904, -0.07634497433900833))
S0, S1, S2, S3, S4, S5 = map(f32, (
    0.12837912142276764, -0.37612324953079224, 0.11280179768800735, -0.02671131119132042, 0.004917551297694445,
    -0.0005631422391161323))
T0, T1, T2, T3, T4, T5 = map(f32, (
    0.0026191684883087873, 1.1176213026046753, 0.6542400121688843, 0.08879972994327545, -0.014831848442554474,
    0.0011572212679311633))

# The same for float64.
LOG2_E_64 = 1 / math.log(2)
LN2_HIGH_64, LN2_LOW_64 = 0.693147180369123816490, 1.90821492927058770002e-10  # the first has 32 bits
ROUND_64, ROUND_BITS_64 = 1.5 * 2.0**52, int64(0x4338000000000000)
D0, D1, D2, D3, D4, D5, D6, D7, D8, D9 = (
    0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
    0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
    2.510038549551032e-08)


@exact_order
def _expm1_reduced(r):
    """exp(r) - 1 for |r| ≤ log(2)/2."""
    return r + r * r * ((((E4 * r + E3) * r + E2) * r + E1) * r + E0)


@exact_order
def _log1p_reduced(f):
    """log(1 + f) - f for 1 + f between √½ and √2."""
    p = ((((((L7 * f + L6) * f + L5) * f + L4) * f + L3) * f + L2) * f + L1) * f + L0
    return f * f * (f * p - HALF)


@exact_order
def _exp32(x):
    """2^k·exp(r) for x = k·log 2 + r. The power is split in two factors, since 2^k alone may be no float32."""
    x = f32(89) if x > f32(89) else x
    x = f32(-104) if x < f32(-104) else x
    shifted = x * LOG2_E + ROUND
    k = shifted - ROUND
    p = _expm1_reduced((x - k * LN2_HIGH) - k * LN2_LOW) + ONE
    n = int32(float_to_bits(shifted) - ROUND_BITS)
    half = n >> int32(1)
    return p * bits_to_float((half + int32(127)) << int32(23)) * bits_to_float((n - half + int32(127)) << int32(23))


@exact_order
def _exp64(x):
    """As `_exp32`."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    shifted = x * LOG2_E_64 + ROUND_64
    k = shifted - ROUND_64
    r = (x - k * LN2_HIGH_64) - k * LN2_LOW_64
    p = ((((((((D9 * r + D8) * r + D7) * r + D6) * r + D5) * r + D4) * r + D3) * r + D2) * r + D1) * r + D0
    n = double_to_bits(shifted) - ROUND_BITS_64
    half = n >> 1
    return ((r + r * r * p) + 1.0) * bits_to_double((half + 1023) << 52) * bits_to_double((n - half + 1023) << 52)


@exact_order
def _one_minus_exp(x):
    """1 - exp(x) for x from -80 to 0."""
    shifted = x * LOG2_E + ROUND
    k = shifted - ROUND
    power = bits_to_float((float_to_bits(shifted) - ROUND_BITS + int32(127)) << int32(23))
    return (ONE - power) - power * _expm1_reduced((x - k * LN2_HIGH) - k * LN2_LOW)


@exact_order
def _expm1_32(x):
    """2·(2^(k-1)·(exp(r) - 1) + (2^(k-1) - ½)): the halved power is finite wherever the result is."""
    c = f32(89) if x > f32(89) else x
    c = f32(-18) if c < f32(-18) else c
    shifted = c * LOG2_E + ROUND
    k = shifted - ROUND
    power = bits_to_float((float_to_bits(shifted) - ROUND_BITS + int32(126)) << int32(23))
    y = TWO * (power * _expm1_reduced((c - k * LN2_HIGH) - k * LN2_LOW) + (power - HALF))
    return x if abs(x) < f32(1e-8) else y


@exact_order
def _log32(x):
    """e·log 2 + log(1 + f), x = 2^e·(1 + f)."""
    subnormal = x < f32(2**-126)
    bits = float_to_bits(x * f32(2**23) if subnormal else x) - SQRT_HALF_BITS
    e = f32(int32((bits >> int32(23)) - (int32(23) if subnormal else int32(0))))
    f = bits_to_float((bits & FRACTION) + SQRT_HALF_BITS) - ONE
    y = ((_log1p_reduced(f) + e * LN2_LOW) + f) + e * LN2_HIGH
    outside = -INF if x == ZERO else NAN
    return (y if x < INF else x) if x > ZERO else outside


@exact_order
def _log1p32(x):
    """log u for u = 1 + x; the part of x that the sum lost is added to the fraction."""
    u = ONE + x
    lost = x - (u - ONE) if x < ONE else ONE - (u - x)
    bits = float_to_bits(u) - SQRT_HALF_BITS
    n = int32(bits >> int32(23))
    e, down = f32(n), int32(127) - n
    f = bits_to_float((bits & FRACTION) + SQRT_HALF_BITS) - ONE
    f += lost * bits_to_float((down if down > int32(0) else int32(0)) << int32(23))
    y = ((_log1p_reduced(f) + e * LN2_LOW) + f) + e * LN2_HIGH
    y = x if u == ONE else y
    outside = -INF if u == ZERO else NAN
    return (y if x < INF else x) if u > ZERO else outside


@exact_order
def _log1p_unit(x):
    """log(1 + x) for x from 0 to 1."""
    u = ONE + x
    e = ONE if u > f32(math.sqrt(2)) else ZERO
    scale = ONE - HALF * e
    f = (u * scale - ONE) + (x - (u - ONE)) * scale
    return ((_log1p_reduced(f) + e * LN2_LOW) + f) + e * LN2_HIGH


@exact_order
def _tanh32(x):
    """(1 - e) / (1 + e) with e = exp(-2|x|); 1 - e is computed exactly near x = 0. It is 1 for |x| above 9.1."""
    a = abs(x)
    t = _one_minus_exp(f32(-2) * (f32(9.1) if a > f32(9.1) else a))
    return bits_to_float(float_to_bits(t / (TWO - t)) | (float_to_bits(x) & SIGN))


@exact_order
def _sigmoid32(x):
    e = _exp32(-abs(x))
    return (ONE if x >= ZERO else e) / (ONE + e)


@exact_order
def _softplus32(x):
    return (x if x > ZERO else ZERO) + _log1p_unit(_exp32(-abs(x)))


@exact_order
def _erf32(x):
    """x + x·P(x²) below 1, 1 - exp(-Q(|x|)) above, 1 beyond 4."""
    a = abs(x)
    a = f32(4) if a > f32(4) else a
    u = a * a
    small = a + a * (((((S5 * u + S4) * u + S3) * u + S2) * u + S1) * u + S0)
    tail = _one_minus_exp(-(((((T5 * a + T4) * a + T3) * a + T2) * a + T1) * a + T0))
    return bits_to_float(float_to_bits(small if a < ONE else tail) | (float_to_bits(x) & SIGN))


@exact_order
def _sigmoid64(x):
    e = _exp64(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@exact_order
def _softplus64(x):
    return (x if x > 0.0 else 0.0) + math.log1p(_exp64(-abs(x)))


@exact_order
def _ordered32(x):
    bits = float_to_bits(x)
    return int32(bits ^ ((bits >> int32(31)) & int32(2**31 - 1)))


@exact_order
def _unordered32(n):
    return bits_to_float(n ^ ((n >> int32(31)) & int32(2**31 - 1)))


@exact_order
def _ordered64(x):
    bits = double_to_bits(x)
    return bits ^ ((bits >> 63) & (2**63 - 1))


@exact_order
def _unordered64(n):
    return bits_to_double(n ^ ((n >> 63) & (2**63 - 1)))


exp = by_type(_exp32, _exp64)
expm1 = by_type(_expm1_32, math.expm1)
log = by_type(_log32, math.log)
log1p = by_type(_log1p32, math.log1p)
tanh = by_type(_tanh32, math.tanh)
sigmoid = by_type(_sigmoid32, _sigmoid64)
softplus = by_type(_softplus32, _softplus64)
erf = by_type(_erf32, math.erf)
# Integers in the same order as the floating numbers, with NaN above all: a maximum of integers vectorises.
ordered = by_type(_ordered32, _ordered64)
unordered = by_type(_unordered32, _unordered64)
