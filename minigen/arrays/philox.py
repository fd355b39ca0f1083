"""The block function of Philox 4x32-10 as array code: the reference for every compiled version.

Philox is a bijection of 128-bit counters, keyed by 64 bits: ten rounds, each multiplying two of the counter's
words by constants and mixing the halves of the products with the other two words and the round's key.

    round:  (c0, c1, c2, c3)  ->  (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0))
    key of the next round:  (k0 + W0, k1 + W1)  modulo 2^32

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), section 4.3, with
the constants of their Random123 library.
"""

import numpy as np

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK32 = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF

# Blocks computed at a time, so that the arrays of a chunk stay in the second-level cache.
CHUNK = 8192
# Up to this many blocks, plain Python integers are faster than array operations.
FEW = 4


def philox_block(key, counter):
    """The four output words of one block: `key` is two and `counter` four integers below 2^32."""
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(ROUNDS):
        a, b = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & MASK32, (a >> 32) ^ c3 ^ k1, a & MASK32
        k0, k1 = (k0 + WEYL[0]) & MASK32, (k1 + WEYL[1]) & MASK32
    return c0, c1, c2, c3


def philox_words(key, counter, n_blocks, xp=np):
    """Random words of `n_blocks` consecutive blocks, shape `(4 * n_blocks,)`, uint32.

    `key` is two and `counter` four integers below 2^32, least significant word first. Block b is Philox of
    the counter (low + b modulo 2^64, words 2 and 3 unchanged), where low = counter[0] + 2^32 counter[1]: the
    lower half of the counter runs, the upper half names a stream. Words 4b to 4b + 3 of the result are the
    four output words of block b in order. `xp` is numpy or cupy.
    """
    low = counter[0] | counter[1] << 32
    if n_blocks <= FEW:
        lows = [(low + block) & MASK64 for block in range(n_blocks)]
        words = [philox_block(key, (n & MASK32, n >> 32, *counter[2:])) for n in lows]
        return xp.array(words, dtype=xp.uint32).reshape(-1)
    out = xp.empty((n_blocks, 4), dtype=xp.uint32)
    for begin in range(0, n_blocks, CHUNK):
        _fill(out[begin : begin + CHUNK], key, (low + begin) & MASK64, counter[2], counter[3], xp)
    return out.reshape(-1)


def _fill(out, key, low, word2, word3, xp):
    # Words are kept in the lower halves of uint64, the pairs (c0, c2) and (c1, c3) as the rows of two arrays,
    # so that one array operation serves both halves of a round. Reversing the rows swaps the halves.
    n = len(out)
    even = xp.empty((2, n), dtype=xp.uint64)
    odd = xp.empty((2, n), dtype=xp.uint64)
    product = xp.empty((2, n), dtype=xp.uint64)
    numbers = xp.arange(n, dtype=xp.uint64)
    numbers += xp.uint64(low)
    xp.bitwise_and(numbers, MASK32, out=even[0])
    xp.right_shift(numbers, 32, out=odd[0])
    even[1] = word2
    odd[1] = word3
    swapped = product[::-1]
    multipliers = xp.array(MULTIPLIERS, dtype=xp.uint64).reshape(2, 1)
    keys = [[(k + r * w) & MASK32 for k, w in zip(key, WEYL, strict=True)] for r in range(ROUNDS)]
    keys = xp.array(keys, dtype=xp.uint64).reshape(ROUNDS, 2, 1)
    for r in range(ROUNDS):
        xp.multiply(even, multipliers, out=product)
        xp.right_shift(swapped, 32, out=even)
        even ^= odd
        even ^= keys[r]
        xp.bitwise_and(swapped, MASK32, out=odd)
    out[:, 0::2] = even.T
    out[:, 1::2] = odd.T
