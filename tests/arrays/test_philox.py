"""The Philox block function against the published vectors, and array code against plain integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.arrays.philox import CHUNK, FEW, philox_block, philox_words

WORD = st.integers(0, 2**32 - 1)

# "philox4x32 10" in the known-answer file of the Random123 library: counter, key, output.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_published_vectors(counter, key, output):
    assert philox_block(key, counter) == output
    # Enough blocks for the array code; the first is the published one.
    words = philox_words(key, counter, FEW + 1)
    assert words.dtype == np.uint32
    assert tuple(words[:4]) == output


@given(st.tuples(WORD, WORD), st.tuples(WORD, WORD, WORD, WORD), st.integers(0, 40))
def test_array_code_equals_integers(key, counter, n):
    low = counter[0] + 2**32 * counter[1]
    expected = []
    for block in range(n):
        now = (low + block) % 2**64
        expected += philox_block(key, (now % 2**32, now // 2**32, counter[2], counter[3]))
    words = philox_words(key, counter, n)
    assert words.shape == (4 * n,)
    assert words.tolist() == expected


@pytest.mark.parametrize("low", [2**32 - 2, 2**64 - 3, CHUNK - 2])
def test_lower_half_of_the_counter_carries_and_wraps(low):
    n = CHUNK + 9
    words = philox_words((5, 6), (low % 2**32, low // 2**32, 7, 8), n).reshape(n, 4)
    for block in (0, 1, 2, 3, CHUNK - 1, CHUNK, n - 1):
        now = (low + block) % 2**64
        assert tuple(words[block]) == philox_block((5, 6), (now % 2**32, now // 2**32, 7, 8))
