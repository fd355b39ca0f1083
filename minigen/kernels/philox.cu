#include "common.cuh"

// Random numbers, to the last bit those of arrays/random.py: Philox 4x32-10 and the rules in its table. To be compiled
// without fused multiply-adds, which round once where the rules round twice.

typedef unsigned int Word;
typedef unsigned long long Double;

struct Block { Word w[4]; };

// What every draw is given: the stream's four words and a position (block, word in it), or where `state` is not null
// the stream there, and the position after the one there: k0, k1, s0, s1, and the number of words, low and high half.
#define STREAM Word k0, Word k1, Word s0, Word s1, Double block, Word skip, const Word *state
#define FIND_STREAM                                                              \
    if (state) {                                                                 \
        Double words = (Double)state[4] | (Double)state[5] << 32;                \
        k0 = state[0]; k1 = state[1]; s0 = state[2]; s1 = state[3];              \
        words += skip;                                                           \
        block += words >> 2;                                                     \
        skip = words & 3;                                                        \
    }

__device__ inline Block philox(Word k0, Word k1, Word c0, Word c1, Word c2, Word c3) {
    for (int round = 0; round < 10; ++round) {
        Double a = (Double)0xD2511F53u * c0, b = (Double)0xCD9E8D57u * c2;
        c0 = (Word)(b >> 32) ^ c1 ^ k0;
        c2 = (Word)(a >> 32) ^ c3 ^ k1;
        c1 = (Word)b;
        c3 = (Word)a;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    Block out = {{c0, c1, c2, c3}};
    return out;
}

// The four words from number 4 i after a position.
__device__ inline Block four(Word k0, Word k1, Word s0, Word s1, Double block, Word skip, Index i) {
    Double b = block + i;
    Block first = philox(k0, k1, (Word)b, (Word)(b >> 32), s0, s1);
    if (skip == 0) return first;
    ++b;
    Block second = philox(k0, k1, (Word)b, (Word)(b >> 32), s0, s1), out;
    for (int j = 0; j < 4; ++j) out.w[j] = j + skip < 4 ? first.w[j + skip] : second.w[j + skip - 4];
    return out;
}

__device__ inline Double pair(Word low, Word high) { return (Double)low | (Double)high << 32; }

// In these three each thread makes four words, so four values of float or two of double.

KERNEL words(STREAM, Word *out, Index n) {
    FIND_STREAM
    FOR_EACH(i, (n + 3) / 4) {
        Block block4 = four(k0, k1, s0, s1, block, skip, i);
        for (int j = 0; j < 4 && 4 * i + j < n; ++j) out[4 * i + j] = block4.w[j];
    }
}

KERNEL uniform(STREAM, Real *out, Index n) {
    FIND_STREAM
    const int values = 16 / sizeof(Real);
    FOR_EACH(i, (n + values - 1) / values) {
        Block b = four(k0, k1, s0, s1, block, skip, i);
        for (int j = 0; j < values && values * i + j < n; ++j)
            out[values * i + j] = values == 4 ? (Real)(b.w[j] >> 8) * (Real)(1.0 / 16777216)
                                              : (Real)(pair(b.w[2 * j & 3], b.w[(2 * j + 1) & 3]) >> 11)
                                                    * (Real)(1.0 / 9007199254740992);
    }
}

// Σ terms[i] q^(i + 1), the highest power first, as in box_muller.py.
template <int n> __device__ inline Real series(Real q, const double (&terms)[n]) {
    Real total = q * (Real)terms[n - 1];
    for (int i = n - 2; i >= 0; --i) total = (total + (Real)terms[i]) * q;
    return total;
}

__device__ inline Real log_of(float u) {
    const double atanh_terms[] = {2. / 3, 2. / 5, 2. / 7, 2. / 9};
    int bits = (int)__float_as_uint(u), k = (bits - 0x3F3504F3) >> 23;
    float f = __uint_as_float((Word)(bits - (k << 23))) - 1, s = f / (f + 2);
    return series(s * s, atanh_terms) * s + s * 2 + k * (Real)0.693147180559945309417;
}

__device__ inline Real log_of(double u) {
    const double atanh_terms[] = {2. / 3, 2. / 5, 2. / 7, 2. / 9, 2. / 11, 2. / 13, 2. / 15, 2. / 17, 2. / 19, 2. / 21};
    long long bits = __double_as_longlong(u), k = (bits - 0x3FE6A09E667F3BCDLL) >> 52;
    double f = __longlong_as_double(bits - (k << 52)) - 1, s = f / (f + 2);
    return series(s * s, atanh_terms) * s + s * 2 + k * (Real)0.693147180559945309417;
}

// r cos t and r sin t, t = 2 pi turn / 2^width, by the transform of Box and Muller.
__device__ inline void box_muller(Real u, long long turn, int width, Real *even, Real *odd) {
    const double sine_terms[] = {-1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800.,
                                 -1. / 1307674368000., 1. / 355687428096000.};
    const double cosine_terms[] = {-1. / 2, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800, 1. / 479001600,
                                   -1. / 87178291200., 1. / 20922789888000., -1. / 6402373705728000.};
    const double short_sine[] = {-1. / 6, 1. / 120, -1. / 5040, 1. / 362880};
    const double short_cosine[] = {-1. / 2, 1. / 24, -1. / 720, 1. / 40320, -1. / 3628800};
    bool single = sizeof(Real) == 4;
    Real radius = sqrt(log_of(u) * -2);
    long long quadrant = (turn + (1LL << (width - 3))) >> (width - 2);
    Real x = (Real)(turn - (quadrant << (width - 2))) * (Real)(6.283185307179586476925 / (1LL << width)), q = x * x;
    Real sine = (single ? series(q, short_sine) : series(q, sine_terms)) * x + x;
    Real cosine = (single ? series(q, short_cosine) : series(q, cosine_terms)) + 1;
    Real first = quadrant & 1 ? cosine : sine, second = quadrant & 1 ? sine : cosine;
    *even = radius * ((quadrant + 1) & 2 ? -second : second);
    *odd = radius * (quadrant & 2 ? -first : first);
}

KERNEL normal(STREAM, Real *out, Index n) {
    FIND_STREAM
    const int values = 16 / sizeof(Real);
    FOR_EACH(i, (n + values - 1) / values) {
        Block b = four(k0, k1, s0, s1, block, skip, i);
        Real made[4];
        if (values == 4) {
            for (int j = 0; j < 4; j += 2) {
                Real u = (Real)b.w[j] * (Real)(1.0 / 4294967296) + (Real)(1.0 / 8589934592);
                box_muller(u, b.w[j + 1] >> 8, 24, &made[j], &made[j + 1]);
            }
        } else {
            Real u = (Real)((pair(b.w[0], b.w[1]) >> 11) + 1) * (Real)(1.0 / 9007199254740992);
            box_muller(u, pair(b.w[2], b.w[3]) >> 11, 53, &made[0], &made[1]);
        }
        for (int j = 0; j < values && values * i + j < n; ++j) out[values * i + j] = made[j];
    }
}

// Integers below `span` (0 means 2^64): from one word each if span ≤ 2^32, else from two; a rejected one is made again
// with key (k0 ^ 0x299F31D0, k1 ^ 0xA4093822 ^ attempt).
KERNEL integers(STREAM, Double *out, Index n, Double span, int shift) {
    FIND_STREAM
    bool single = span != 0 && span <= (1ull << 32);
    FOR_EACH(i, n) {
        Double number = skip + (single ? i : 2 * i), value = 0;
        bool accepted = false;
        for (Word attempt = 0; !accepted; ++attempt) {
            Word key0 = attempt ? k0 ^ 0x299F31D0u : k0, key1 = attempt ? k1 ^ 0xA4093822u ^ attempt : k1;
            Word made[2];
            for (int j = 0; j < 2; ++j) {
                Double b = block + ((number + j) >> 2);
                made[j] = philox(key0, key1, (Word)b, (Word)(b >> 32), s0, s1).w[(number + j) & 3];
            }
            if (single) {
                Double product = made[0] * span;
                accepted = (product & 0xFFFFFFFFull) >= (1ull << 32) % span;
                value = product >> 32;
            } else {
                value = pair(made[0], made[1]) >> shift;
                accepted = value <= span - 1;
            }
        }
        out[i] = value;
    }
}

// The state of the child that belongs to `number` (or, for a split, to the position plus `number`): see stream.py.
KERNEL child(const Word *state, Word tweak0, Word tweak1, Double number, int split, Word *out) {
    if (threadIdx.x != 0 || blockIdx.x != 0) return;
    if (split) number += (Double)state[4] | (Double)state[5] << 32;
    Block b = philox(state[0] ^ tweak0, state[1] ^ tweak1, (Word)number, (Word)(number >> 32), state[2], state[3]);
    for (int j = 0; j < 4; ++j) out[j] = b.w[j];
    out[4] = out[5] = 0;
}

// Put a stream and a position, in words, into a state.
KERNEL set_state(Word *state, Word k0, Word k1, Word s0, Word s1, Double words) {
    if (threadIdx.x != 0 || blockIdx.x != 0) return;
    state[0] = k0; state[1] = k1; state[2] = s0; state[3] = s1;
    state[4] = (Word)words;
    state[5] = (Word)(words >> 32);
}

// Move a state on by so many words: the last thing that a captured step does.
KERNEL advance_state(Word *state, Double words) {
    if (threadIdx.x != 0 || blockIdx.x != 0) return;
    words += (Double)state[4] | (Double)state[5] << 32;
    state[4] = (Word)words;
    state[5] = (Word)(words >> 32);
}
