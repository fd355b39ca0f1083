"""Random numbers by compiled loops and by CUDA: bit for bit those of the array code."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.arrays import Generator, box_muller, pool
from minigen.arrays.random import RULES
from minigen.kernels.device_stream import DeviceGenerator
from minigen.kernels.philox import fill_random
from shim import emulator, standin

KINDS = [("words", "uint32", 1), ("uniform", "float32", 1), ("uniform", "float64", 2), ("normal", "float32", 1),
         ("normal", "float64", 2)]
STREAM = (0x12345678, 0x9ABCDEF0, 3, 0xFFFFFFFF)


def expected(kind, dtype, width, n, start, stream=STREAM, *parameters):
    """The values by array code."""
    generator = Generator(0)
    generator.stream = stream
    n_words = width * (n + n % 2 if kind == "normal" else n)
    return n_words, RULES[kind](generator, start, n_words, n, np.dtype(dtype), *parameters)


@pytest.mark.parametrize(("kind", "dtype", "width"), KINDS)
@given(st.integers(0, 2**66 - 1), st.integers(0, 4000))
def test_compiled(kind, dtype, width, start, n):
    n_words, values = expected(kind, dtype, width, n, start)
    out = np.empty(n, dtype)
    fill_random(out, kind, STREAM, start, n_words)
    np.testing.assert_array_equal(out.view(np.uint8), values.astype(dtype, copy=False).view(np.uint8))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_any_number_of_threads(threads, monkeypatch):
    monkeypatch.setitem(pool._state, "threads", threads)
    g = Generator(5)
    g.random(dtype=np.float32)  # an odd position
    draws = [g.random(100_001, np.float32), g.standard_normal(70_001), g.integers(0, 3 * 2**30, 50_000)]
    monkeypatch.setattr(Generator, "fill", None)
    g = Generator(5)
    g.random(dtype=np.float32)
    for draw, again in zip(draws, [g.random(100_001, np.float32), g.standard_normal(70_001),
                                   g.integers(0, 3 * 2**30, 50_000)], strict=True):
        np.testing.assert_array_equal(draw, again)


def test_two_threads_at_once():
    draws = {}

    def draw(seed):
        draws[seed] = [Generator(seed).standard_normal(200_000, np.float32) for _ in range(5)]

    workers = [threading.Thread(target=draw, args=(seed,)) for seed in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed in (1, 2):
        for values in draws[seed]:
            np.testing.assert_array_equal(values, Generator(seed).standard_normal(200_000, np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_series_are_accurate(dtype):
    """Within 2 units in the last place of what NumPy has, and 1.7e-16 or 1e-7 for the bounded ones."""
    random = np.random.default_rng(0)
    u = np.concatenate([random.random(50_000) * 10.0 ** -random.integers(0, 9, 50_000), 1 - random.random(9999) / 1e5,
                        [1.0, 2.0**-33, 2.0**-32, 0.5]]).astype(dtype)
    exact = np.log(u.astype(np.longdouble))
    assert (np.abs(box_muller.log(u) - exact) <= 2 * np.spacing(np.abs(exact).astype(dtype))).all()
    width = 24 if dtype == "float32" else 53
    turn = random.integers(0, 2**width, 50_000)
    turn[:9] = np.arange(9) * 2 ** (width - 3) % 2**width
    angle = 2 * np.arccos(np.longdouble(-1)) * turn.astype(np.longdouble) / 2**width
    for result, value in zip(box_muller.sine_cosine(turn, dtype), (np.sin(angle), np.cos(angle)), strict=True):
        assert np.abs(result - value).max() < 1.7 * np.finfo(dtype).eps / 2 * 1.2


@pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)
class TestCuda:
    """The CUDA sources, run on the CPU."""

    @pytest.mark.parametrize(("kind", "dtype", "width"), KINDS)
    def test_draws(self, kind, dtype, width):
        with standin.installed() as cupy:
            for n, start in ((1, 0), (7, 3), (1001, 1), (512, 2**40 + 2), (6, 2**66 - 3)):
                n_words, values = expected(kind, dtype, width, n, start)
                out = cupy.empty(n, dtype)
                fill_random.device(out, kind, STREAM, start, n_words)
                np.testing.assert_array_equal(out.get(), values)

    def test_integers(self):
        with standin.installed() as cupy:
            for span in (1, 3, 10, 2**31 + 1, 3 * 2**30, 2**32, 2**32 + 1, 3 * 2**61, 2**63 + 1, 2**64):
                width = 1 if span <= 2**32 else 2
                n_words, values = expected("integers", "uint64", width, 300, 5, STREAM, span)
                out = cupy.empty(300, "uint64")
                fill_random.device(out, "integers", STREAM, 5, n_words, span)
                np.testing.assert_array_equal(out.get(), values)

    def test_methods_on_the_device(self):
        """Every method with `xp` gives on the device what it gives on the CPU, and moves on as far."""
        draws = {
            "random": lambda g, xp: g.random((3, 5), np.float32, xp=xp),
            "normal": lambda g, xp: g.standard_normal((2, 3), xp=xp),
            "exponential": lambda g, xp: g.exponential(9, xp=xp),
            "gumbel": lambda g, xp: g.gumbel((4, 2), np.float32, xp=xp),
            "bernoulli": lambda g, xp: g.bernoulli(0.3, (50,), np.float32, xp=xp),
            "bernoulli_each": lambda g, xp: g.bernoulli(xp.asarray(np.linspace(0, 1, 40)), (3, 40)),
            "integers": lambda g, xp: g.integers(-5, 1000, (7, 7), np.int32, xp=xp),
        }
        with standin.installed() as cupy:
            for name, draw in draws.items():
                ours, theirs = Generator(3), Generator(3)
                ours.words(3), theirs.words(3)
                result, value = draw(ours, cupy), draw(theirs, np)
                assert isinstance(result, cupy.ndarray) and result.dtype == value.dtype, name
                np.testing.assert_array_equal(result.get(), value)
                assert ours.position == theirs.position

    def test_streams_on_the_device(self):
        """Draws, children and splits equal the host's, and replays after `advance` go on where they ended."""
        def draws(rng, xp):
            child, parts = rng.fold_in(7, 2**40), rng.split(2)
            return [rng.standard_normal(5, np.float32, xp=xp), child.random(6, xp=xp),
                    parts[1].integers(9, size=4, xp=xp), rng.bernoulli(0.5, 3, xp=xp)]

        host = Generator(2**100 + 11)
        host.words(2**20 + 1)
        with standin.installed() as cupy:
            device = DeviceGenerator(cupy)
            device.set(host)
            with standin.no_synchronisation():
                first = draws(device, cupy)
                device.advance()
                device.position = 0  # as when the launches of the first time are replayed
                second = draws(device, cupy)
            for result in (first, second):
                for a, b in zip(result, draws(host, np), strict=True):
                    np.testing.assert_array_equal(a.get(), b)
            with pytest.raises(TypeError, match="on the device"):
                device.random(3)
