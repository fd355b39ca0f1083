"""Streams of random words, the state of every generator: a key, a counter and how far it has run.

A stream is named by 128 bits, four 32-bit words `(k0, k1, s0, s1)`; a seed below 2^128 is that name, least
significant word first. It is a sequence of 32-bit words w(0), w(1), ...:

    w(p) = word p mod 4 of the output of Philox 4x32-10 for key (k0, k1)
           and counter (b mod 2^32, b // 2^32, s0, s1), where b = p // 4

The position is the number of words consumed, however they were asked for. Stream and position are the whole
state.

A stream has children, which are streams too. The name of `fold_in(i)` is the four words of Philox for key
(k0 ^ F0, k1 ^ F1) and counter (i mod 2^32, i // 2^32, s0, s1). `split()` at position p does the same with S
for F and p for i, and moves on by one word. Philox is a bijection of counters under one key, so the children
that one stream makes in one of these two ways certainly differ from each other. Any two other streams agree
with probability 2^-128, so among n streams of any descent there is a collision with probability below
n^2 2^-129 (10^9 streams: 2 10^-21). F and S keep the words that name children apart from the words that a
stream gives out.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
"""

import numpy as np

from .checks import integer
from .philox import MASK32, MASK64, philox_block, philox_words

ALGORITHM = "philox4x32-10"

# Digits of pi, 64 bits each, the less significant word first.
FOLD = (0x85A308D3, 0x243F6A88)
SPLIT = (0x03707344, 0x13198A2E)


class Stream:
    """A stream of random 32-bit words and a position in it, as defined in this module's docstring.

    `seed` is an integer from 0 to 2^128 - 1; different seeds are different streams. Raises TypeError or
    ValueError for any other seed.
    """

    __slots__ = ("stream", "position")

    # Makes the words of consecutive blocks. A compiled version with the same signature may replace it.
    block_words = staticmethod(philox_words)

    def __init__(self, seed: int):
        seed = integer("seed", seed, 0, 2**128 - 1)
        self.stream = tuple(seed >> shift & MASK32 for shift in (0, 32, 64, 96))
        self.position = 0

    def __repr__(self):
        seed = sum(word << 32 * i for i, word in enumerate(self.stream))
        return f"{type(self).__name__}({seed:#x}) at position {self.position}"

    @property
    def state(self) -> dict:
        """Stream and position as a dict that JSON can hold; assign such a dict to go there."""
        return {"algorithm": ALGORITHM, "stream": list(self.stream), "position": self.position}

    @state.setter
    def state(self, value: dict):
        if not isinstance(value, dict) or set(value) != {"algorithm", "stream", "position"}:
            raise ValueError(f"state: expected a dict of algorithm, stream and position, got {value!r}")
        if value["algorithm"] != ALGORITHM:
            raise ValueError(f"state: expected algorithm {ALGORITHM!r}, got {value['algorithm']!r}")
        if not isinstance(value["stream"], (list, tuple)) or len(value["stream"]) != 4:
            raise ValueError(f"state: expected a stream of four integers, got {value['stream']!r}")
        stream = tuple(integer("state: stream word", word, 0, MASK32) for word in value["stream"])
        position = integer("state: position", value["position"], 0, 2**66 - 1)
        self.stream, self.position = stream, position

    @classmethod
    def from_state(cls, state: dict) -> "Stream":
        """The generator whose `state` this is. Raises ValueError or TypeError for anything else."""
        generator = cls(0)
        generator.state = state
        return generator

    def split(self, n: int | None = None):
        """A generator with a new stream, or a list of `n` such generators; moves on by one word for each."""
        if n is None:
            return self._child(SPLIT, self.reserve(1))
        n = integer("n", n, 0)
        start = self.reserve(n)
        return [self._child(SPLIT, start + i) for i in range(n)]

    def fold_in(self, *numbers: int) -> "Stream":
        """The generator that belongs to `numbers` (epoch, step, ...) in this stream.

        It depends on the stream and the numbers, not on the position, and `self` is left as it is: the same
        numbers give the same generator again. `fold_in(a, b)` is `fold_in(a).fold_in(b)`. Numbers are
        integers from 0 to 2^64 - 1. Raises TypeError or ValueError for other values, and without a number.
        """
        if not numbers:
            raise TypeError("fold_in: expected at least one integer")
        generator = self
        for number in numbers:
            generator = generator._child(FOLD, integer("fold_in", number, 0, MASK64))
        return generator

    def _child(self, tweak, number):
        k0, k1, s0, s1 = self.stream
        child = type(self).__new__(type(self))
        counter = (number & MASK32, number >> 32 & MASK32, s0, s1)
        child.stream = philox_block((k0 ^ tweak[0], k1 ^ tweak[1]), counter)
        child.position = 0
        return child

    def reserve(self, n: int) -> int:
        """Move on by `n` words and return the position before: for kernels that make the words themselves."""
        start = self.position
        self.position = start + n
        return start

    def words(self, n: int) -> np.ndarray:
        """The next `n` words of the stream, uint32, shape `(n,)`."""
        return self._words(self.reserve(n), n)

    def _words(self, start, n, key=None):
        """`n` words from position `start`, under this stream's key or another."""
        first, skip = start >> 2, start & 3
        counter = (first & MASK32, first >> 32 & MASK32, *self.stream[2:])
        words = self.block_words(self.stream[:2] if key is None else key, counter, (skip + n + 3) >> 2)
        return words[skip : skip + n]
