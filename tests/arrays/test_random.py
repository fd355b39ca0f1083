"""Generator: the layout of every draw, states, children, and answers to bad arguments."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.arrays import Generator, as_generator
from minigen.arrays.philox import philox_block

SEEDS = st.integers(0, 2**128 - 1)
DRAWS = {
    "random32": lambda g, n: g.random(n, np.float32),
    "random64": lambda g, n: g.random(n),
    "uniform": lambda g, n: g.uniform(-2, 3, n, np.float32),
    "normal32": lambda g, n: g.standard_normal(n, np.float32),
    "normal64": lambda g, n: g.normal(1.0, 2.0, n),
    "exponential32": lambda g, n: g.exponential(n, np.float32),
    "exponential64": lambda g, n: g.exponential(n),
    "gumbel32": lambda g, n: g.gumbel(n, np.float32),
    "gumbel64": lambda g, n: g.gumbel(n),
    "bernoulli": lambda g, n: g.bernoulli(0.3, n),
    "integers": lambda g, n: g.integers(10, size=n),
    "many rejected": lambda g, n: g.integers(0, 2**31 + 1, n),
    "wide": lambda g, n: g.integers(-(2**62), 2**62 + 1, n),
    "words": lambda g, n: g.words(n),
}


def word(generator, p, tweak=(0, 0)):
    """w(p) of the generator's stream, from the block function on plain integers."""
    k0, k1, s0, s1 = generator.stream
    key = (k0 ^ tweak[0], k1 ^ tweak[1])
    return philox_block(key, (p // 4 % 2**32, p // 4 // 2**32, s0, s1))[p % 4]


def double(generator, p, tweak=(0, 0)):
    return word(generator, p, tweak) + 2**32 * word(generator, p + 1, tweak)


@given(SEEDS, st.integers(0, 2**66 - 100), st.integers(0, 9))
def test_layout_of_real_draws(seed, p, n):
    def at(position=p):
        generator = Generator(seed)
        generator.state = {**generator.state, "position": position}
        return generator

    g = at()
    w = [word(g, p + i) for i in range(2 * n + 2)]
    u = [double(g, p + 2 * i) for i in range(n + 1)]
    assert at().words(n).tolist() == w[:n]
    assert at().random(n, np.float32).tolist() == [(x >> 8) / 2**24 for x in w[:n]]
    assert at().random(n).tolist() == [(x >> 11) / 2**53 for x in u[:n]]
    assert at().bernoulli(0.37, n).tolist() == [x < 0.37 * 2**32 for x in w[:n]]
    exponentials = [-math.log((x + 0.5) / 2**32) for x in w[:n]]
    np.testing.assert_allclose(at().exponential(n, np.float32), exponentials, rtol=1e-7)
    np.testing.assert_allclose(at().gumbel(n, "float32"), -np.log(exponentials), rtol=2e-7)
    np.testing.assert_allclose(at().exponential(n), [-math.log(((x >> 12) + 0.5) / 2**52) for x in u[:n]])
    np.testing.assert_array_equal(at().permutation(n), sorted(range(n), key=lambda i: u[i]))

    for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-14)):
        expected = []
        for j in range((n + 1) // 2):
            if dtype == np.float32:
                first, second = w[2 * j] / 2**32 + 2**-33, (w[2 * j + 1] >> 8) / 2**24
            else:
                first, second = (double(g, p + 4 * j + k) >> 11 for k in (0, 2))
                first, second = (first + 1) / 2**53, second / 2**53
            # Near 1 the uniform number is rounded to float32, and the logarithm sees it.
            r = math.sqrt(-2 * math.log(dtype(first)))
            expected += [r * math.cos(2 * math.pi * second), r * math.sin(2 * math.pi * second)]
        values = at().standard_normal(n, dtype)
        assert values.dtype == dtype
        np.testing.assert_allclose(values, expected[:n], rtol=tolerance, atol=10 * tolerance)


# Just above a power of two, about every second draw is rejected.
SPANS = [1, 2, 3, 10, 1000, 2**31 + 1, 3 * 2**30, 2**32 - 1, 2**32, 2**32 + 1, 3 * 2**61, 2**63 + 1, 2**64]


@pytest.mark.parametrize("span", SPANS)
@given(st.integers(0, 2**128 - 1), st.integers(0, 2**50), st.integers(0, 2**64), st.integers(0, 9))
def test_layout_of_integers(span, seed, p, low, n):
    low = min(low - 2**63, 2**63 - span)
    g = Generator(seed)
    g.position = p
    retry = (0x299F31D0, 0xA4093822)
    expected = []
    for i in range(n):
        for attempt in range(1000):
            tweak = (retry[0], retry[1] ^ attempt) if attempt else (0, 0)
            if span <= 2**32:
                product = word(g, p + i, tweak) * span
                value, accepted = product >> 32, product % 2**32 >= 2**32 % span
            else:
                value = double(g, p + 2 * i, tweak) >> (64 - (span - 1).bit_length())
                accepted = value < span
            if accepted:
                break
        expected.append(low + value)
    assert g.integers(low, low + span, n).tolist() == expected
    assert g.position == p + n * (1 if span <= 2**32 else 2)


@pytest.mark.parametrize("name", DRAWS)
@given(seed=SEEDS, start=st.integers(0, 9), sizes=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_pieces_equal_the_whole(name, seed, start, sizes):
    if name.startswith("normal"):
        sizes = [2 * n for n in sizes]
    whole, parts = Generator(seed), Generator(seed)
    whole.words(start), parts.words(start)
    together = DRAWS[name](whole, sum(sizes))
    assert np.array_equal(together, np.concatenate([DRAWS[name](parts, n) for n in sizes]))
    assert whole.state == parts.state


@pytest.mark.parametrize("name", DRAWS)
def test_pieces_equal_the_whole_across_chunks(name):
    whole, parts = Generator(4), Generator(4)
    together = DRAWS[name](whole, 100_000)
    assert np.array_equal(together, np.concatenate([DRAWS[name](parts, n) for n in (2, 33334, 66664)]))


@pytest.mark.parametrize("name", DRAWS)
def test_state_goes_out_and_in_mid_stream(name):
    generator = Generator(2**100 + 17)
    DRAWS[name](generator, 7)
    text = json.dumps(generator.state)
    expected = DRAWS[name](generator, 50)
    copies = [Generator.from_state(json.loads(text)) for _ in range(3)]
    copies[1], copies[2] = copy.deepcopy(copies[1]), pickle.loads(pickle.dumps(copies[2]))
    other = Generator(1)
    other.state = json.loads(text)
    for again in (*copies, other):
        assert np.array_equal(DRAWS[name](again, 50), expected)
        assert again.state == generator.state


def test_dtypes_and_shapes():
    g = Generator(0)
    for draw in (g.random, g.standard_normal, g.exponential, g.gumbel):
        for dtype in (np.float32, np.float64, "float32", np.dtype("float64")):
            assert draw((2, 3), dtype).dtype == np.dtype(dtype)
        assert draw(3).dtype == np.float64
        assert draw(()).shape == () and draw(0).shape == (0,) and draw((2, 0, 3)).shape == (2, 0, 3)
        # A Python number does not turn float32 arrays into float64.
        assert type(draw()) is float and type(draw(dtype=np.float32)) is float
    assert type(g.uniform()) is float and type(g.normal()) is float
    assert type(g.integers(3)) is int and type(g.bernoulli(0.5)) is bool
    assert g.bernoulli(np.full((2, 3), 0.5, np.float32)).shape == (2, 3)
    assert g.bernoulli(np.full(3, 0.5), (2, 3), np.float32).dtype == np.float32
    assert g.bernoulli(0.5, ()).shape == ()
    assert g.normal(np.zeros(3), 1.0, dtype=np.float32).shape == (3,)
    assert g.normal(np.zeros((2, 1)), np.ones(3), dtype=np.float32).dtype == np.float32
    assert g.uniform(np.zeros((2, 1)), np.ones(3), (4, 2, 3), np.float32).shape == (4, 2, 3)
    for dtype in ("int8", "uint8", "int32", "uint32", "int64", "uint64"):
        assert g.integers(0, 5, (2, 2), dtype).dtype == np.dtype(dtype)
    assert g.permutation(5).dtype == np.int64 and g.permutation(0).shape == (0,)


def test_bernoulli_and_parameters_are_exact_at_the_ends():
    g = Generator(1)
    assert not g.bernoulli(0.0, 100_000).any()
    assert g.bernoulli(1.0, 100_000).all()
    both = g.bernoulli(np.repeat(np.float32([0, 1]), 1000))
    assert not both[:1000].any() and both[1000:].all()
    assert g.normal(2.5, 0.0, 3).tolist() == [2.5] * 3
    assert g.uniform(2.5, 2.5, 3).tolist() == [2.5] * 3
    assert g.integers(7, 8, 5).tolist() == [7] * 5


def test_logarithms_of_zero_are_impossible():
    class Fixed(Generator):
        """A stream whose words are all equal."""

        __slots__ = ("value",)

        @property
        def block_words(self):
            return lambda key, counter, n: np.full(4 * n, self.value, np.uint32)

    g = Fixed(0)
    for value in (0, 1, 2**31, 2**32 - 1):
        g.value = value
        for dtype in (np.float32, np.float64):
            assert (0 <= g.random(4, dtype)).all() and (g.random(4, dtype) < 1).all()
            for draw in (g.standard_normal, g.exponential, g.gumbel):
                with np.errstate(all="raise"):
                    assert np.isfinite(draw(4, dtype)).all()
            assert (g.exponential(4, dtype) > 0).all()


def test_integers_reach_the_ends_of_every_dtype():
    g = Generator(2)
    for dtype in ("int8", "uint8", "int16", "uint16"):
        info = np.iinfo(dtype)
        values = g.integers(info.min, info.max, 1_500_000, dtype, endpoint=True)
        assert values.dtype == dtype and values.min() == info.min and values.max() == info.max
    for dtype in ("int64", "uint64"):
        info = np.iinfo(dtype)
        values = g.integers(info.min, info.max, 1000, dtype, endpoint=True).astype(float)
        width = float(info.max) - float(info.min)
        assert values.min() < info.min + 0.02 * width and values.max() > info.max - 0.02 * width
        edges = g.integers(int(info.max) - 1, info.max, 100, dtype, endpoint=True)
        assert set(edges.tolist()) == {int(info.max) - 1, int(info.max)}


def test_permutation_of_rows():
    x = np.arange(12.0).reshape(6, 2)
    y = Generator(3).permutation(x)
    assert np.array_equal(y, x[Generator(3).permutation(6)]) and np.array_equal(np.sort(y, axis=0), x)
    assert sorted(Generator(3).permutation(["a", "b", "c"])) == ["a", "b", "c"]


def test_children():
    g = Generator(9)
    g.words(5)
    before = g.state
    assert g.fold_in(3, 4).state == g.fold_in(3, 4).state == g.fold_in(3).fold_in(4).state
    assert g.state == before and g.fold_in(3, 4).position == 0
    # The position has no part in it, so a resumed run finds the same children.
    assert g.fold_in(3).state == Generator(9).fold_in(3).state
    a, b = g.split(), g.split()
    assert g.position == before["position"] + 2
    c, d = Generator.from_state(before).split(2)
    assert (a.state, b.state) == (c.state, d.state)
    assert g.split(0) == []


def test_streams_of_a_family_are_all_different():
    g = Generator(0)
    streams = [g.stream, *(Generator(seed).stream for seed in range(1, 3000))]
    streams += [Generator(2**k).stream for k in range(12, 128)]
    streams += [g.fold_in(i).stream for i in (*range(3000), *range(2**64 - 100, 2**64))]
    streams += [child.stream for child in g.split(3000)]
    streams += [g.fold_in(i, j).stream for i in range(40) for j in range(40)]
    streams += [grandchild.stream for child in g.split(40) for grandchild in child.split(40)]
    assert len(set(streams)) == len(streams)
    states = [{**g.state, "stream": list(stream), "position": 0} for stream in streams]
    first = {Generator.from_state(state).words(4).tobytes() for state in states}
    assert len(first) == len(streams)


def test_as_generator():
    g = Generator(5)
    assert as_generator(g) is g
    assert as_generator(5).state == as_generator(np.int64(5)).state == g.state
    a, b = np.random.default_rng(1), np.random.default_rng(1)
    first = as_generator(a)
    assert first.state == as_generator(b).state
    assert as_generator(a).state != first.state
    assert np.random.default_rng(1).bit_generator.state != a.bit_generator.state
    for bad in (None, True, np.True_, 1.0, "1", np.random.RandomState(0), [1], np.array([1])):
        with pytest.raises(TypeError, match="rng"):
            as_generator(bad)
    for bad in (-1, 2**128):
        with pytest.raises(ValueError, match="seed"):
            as_generator(bad)


NAN = float("nan")


@pytest.mark.parametrize(
    ("error", "match", "call"),
    [
        (TypeError, "seed", lambda g: Generator(1.0)),
        (TypeError, "seed", lambda g: Generator(True)),
        (TypeError, "seed", lambda g: Generator(None)),
        (ValueError, "dtype", lambda g: g.random(3, np.float16)),
        (ValueError, "dtype", lambda g: g.standard_normal(3, "int32")),
        (TypeError, "dtype", lambda g: g.gumbel(3, [])),
        (ValueError, "size", lambda g: g.random(-1)),
        (TypeError, "size", lambda g: g.random(2.0)),
        (TypeError, "size", lambda g: g.random((2, None))),
        (ValueError, "low <= high", lambda g: g.uniform(1, 0, 3)),
        (ValueError, "low", lambda g: g.uniform(NAN, 0, 3)),
        (ValueError, "high", lambda g: g.uniform(0, float("inf"), 3)),
        (ValueError, "scale", lambda g: g.normal(0, -1.0, 3)),
        (TypeError, "loc", lambda g: g.normal("a", 1.0, 3)),
        (ValueError, "broadcast", lambda g: g.normal(np.zeros(3), 1.0, 2)),
        (ValueError, "broadcast", lambda g: g.bernoulli(np.full((2, 3), 0.5), 3)),
        (ValueError, "from 0 to 1", lambda g: g.bernoulli(1.5, 3)),
        (ValueError, "from 0 to 1", lambda g: g.bernoulli(np.array([0.5, -0.1]))),
        (ValueError, "p", lambda g: g.bernoulli([0.5, NAN])),
        (ValueError, "expected low", lambda g: g.integers(3, 3, 2)),
        (ValueError, "expected low", lambda g: g.integers(0)),
        (ValueError, "expected low", lambda g: g.integers(0, 257, 2, np.uint8)),
        (ValueError, "low", lambda g: g.integers(-1, 3, 2, np.uint8)),
        (ValueError, "integer dtype", lambda g: g.integers(0, 2, 2, bool)),
        (TypeError, "high", lambda g: g.integers(0, 2.0, 2)),
        (ValueError, "permutation", lambda g: g.permutation(-1)),
        (TypeError, "permutation", lambda g: g.permutation(2.5)),
        (TypeError, "fold_in", lambda g: g.fold_in()),
        (ValueError, "fold_in", lambda g: g.fold_in(-1)),
        (TypeError, "fold_in", lambda g: g.fold_in(1.0)),
        (ValueError, "n", lambda g: g.split(-1)),
        (ValueError, "state", lambda g: Generator.from_state({})),
        (ValueError, "algorithm", lambda g: Generator.from_state({**g.state, "algorithm": "mt19937"})),
        (ValueError, "stream", lambda g: Generator.from_state({**g.state, "stream": [1, 2, 3]})),
        (ValueError, "stream", lambda g: Generator.from_state({**g.state, "stream": [1, 2, 3, 2**32]})),
        (TypeError, "stream", lambda g: Generator.from_state({**g.state, "stream": [1, 2, 3, "4"]})),
        (ValueError, "position", lambda g: Generator.from_state({**g.state, "position": -1})),
        (TypeError, "position", lambda g: Generator.from_state({**g.state, "position": 1.5})),
    ],
)
def test_bad_arguments_are_named_and_change_nothing(error, match, call):
    generator = Generator(7)
    generator.words(3)
    before = generator.state
    with pytest.raises(error, match=match):
        call(generator)
    assert generator.state == before
