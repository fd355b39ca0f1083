"""Compiled convolutions against their references and against scipy, and how much memory they take."""

import itertools
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import signal

from minigen import kernels
from minigen.arrays import blas, pool
from minigen.kernels.convolution import gather

SQUARE = tuple(itertools.product((-1, 0, 1), repeat=2))


@st.composite
def problems(draw):
    """(x, w, y, taps, stride): of any rank, with taps that repeat, come in any order or never meet the data."""
    rank = draw(st.integers(1, 3))
    extents = tuple(draw(st.integers(1, 6)) for _ in range(rank))
    stride = draw(st.integers(1, 3))
    taps = tuple(draw(st.lists(st.tuples(*[st.integers(-4, 4)] * rank), max_size=7)))
    return problem(draw(st.integers(1, 3)), extents, draw(st.integers(1, 5)), draw(st.integers(1, 5)), taps, stride,
                   draw(st.sampled_from(["f4", "f8"])))


def problem(batch, extents, channels_in, channels_out, taps, stride, dtype):
    random = np.random.default_rng(len(taps) + channels_in)

    def normal(*shape):
        return random.standard_normal(shape).astype(dtype)

    space = tuple(-(-n // stride) for n in extents)
    return (normal(batch, *extents, channels_in), normal(len(taps), channels_in, channels_out),
            normal(batch, *space, channels_out), taps, stride)


def calls(x, w, y, taps, stride):
    """The arguments of each kernel."""
    bias = y.sum(axis=tuple(range(y.ndim - 1)))
    rectify = y.size % 2 == 0
    return {"conv": (x, w, taps, stride, bias, rectify), "conv_transpose": (y, w, taps, stride, x.shape[1:-1]),
            "conv_weight": (x, y, taps, stride), "conv_vjp": (y, x, w, taps, stride, rectify)}


def agree(case):
    """Compiled and reference results differ by rounding alone: by some units of the sum of the terms' sizes."""
    x, w, y, taps, stride = case
    sizes = calls(abs(x), abs(w), abs(y), taps, stride)
    for name, args in calls(*case).items():
        kernel = getattr(kernels, name)
        result, expected, scale = kernel.fast(*args), kernel.reference(*args), kernel.reference(*sizes[name])
        if result is NotImplemented:
            continue
        for a, b, s in zip(*(r if isinstance(r, tuple) else (r,) for r in (result, expected, scale)), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert (abs(a - b) <= 40 * np.finfo(a.dtype).eps * s).all()


@settings(max_examples=200)
@given(problems())
@example(problem(2, (3,), 1, 1, (), 1, "f4"))
@example(problem(2, (3,), 1, 2, ((9,), (-9,)), 1, "f4"))
@example(problem(1, (5, 4), 2, 3, ((0, 0),), 1, "f4"))
@example(problem(1, (5, 4), 2, 3, ((0, 0),), 2, "f8"))
@example(problem(1, (1, 1), 2, 3, SQUARE, 3, "f8"))
def test_compiled_is_reference(case):
    agree(case)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("threads", [1, 3])
def test_many_blocks_groups_and_threads(dtype, threads, monkeypatch):
    """Blocks that end inside rows, taps cut into groups, runs cut between them, pieces for several threads."""
    monkeypatch.setattr(gather, "BLOCK_BYTES", 20_000)
    monkeypatch.setattr(gather, "COLUMNS", 32)
    monkeypatch.setattr(gather, "FLOPS", 1 << 10)
    monkeypatch.setattr(pool, "thread_count", lambda: threads)
    gather.neighbourhood.cache_clear()
    agree(problem(3, (9, 11), 12, 5, tuple(itertools.product((-2, -1, 0, 1, 3), repeat=2)), 1, dtype))
    agree(problem(3, (9, 11), 5, 12, tuple(itertools.product((-2, -1, 0, 1, 3), repeat=2)), 2, dtype))
    gather.neighbourhood.cache_clear()


def test_layouts_and_mixed_dtypes():
    x, w, y, taps, stride = problem(8, (12, 10), 6, 7, SQUARE, 1, "f4")
    for args in ((x[::-1, :, ::2], w, taps, 1), (x, w.transpose(0, 2, 1)[:, :6, :6], taps, 1),
                 (x[..., ::2], w[:, :3], taps, 1)):
        np.testing.assert_allclose(kernels.conv(*args), kernels.conv.reference(*args), rtol=1e-4, atol=1e-4)
    assert kernels.conv(x, w.astype("f8"), taps, 1).dtype == np.float64


def test_not_a_number_stays_in_its_neighbourhood():
    x, w, *_ = problem(4, (16, 16), 4, 4, SQUARE, 1, "f4")
    x[1, 5, 6, 2], x[2, 0, 0, 0] = np.nan, np.inf
    result = np.isfinite(kernels.conv(x, w, SQUARE, 1)).all(axis=-1)
    expected = np.ones(result.shape, bool)
    expected[1, 4:7, 5:8] = expected[2, :2, :2] = False
    np.testing.assert_array_equal(result, expected)


def test_square_kernel_is_scipys_correlation():
    x, w, *_ = problem(2, (20, 24), 3, 4, SQUARE, 1, "f8")
    result = kernels.conv(x, w, SQUARE, 1)
    for b, o in itertools.product(range(2), range(4)):
        planes = [signal.correlate2d(x[b, :, :, i], w[:, i, o].reshape(3, 3), mode="same") for i in range(3)]
        np.testing.assert_allclose(result[b, :, :, o], sum(planes), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["conv", "conv_transpose", "conv_weight", "conv_vjp"])
def test_memory_is_that_of_some_blocks(name):
    """No array of all neighbourhoods is made: that would be 25 times x."""
    taps = tuple(itertools.product(range(-2, 3), repeat=2))
    x, w, y, *_ = problem(16, (64, 64), 16, 16, taps, 1, "f4")
    args, kernel = calls(x, w, y, taps, 1)[name], getattr(kernels, name)
    args = args[:5] if name == "conv" else args  # rectified, x has a second array
    kernel(*args)
    tracemalloc.start()
    try:
        results = kernel(*args)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    size = sum(r.nbytes for r in (results if isinstance(results, tuple) else (results,)))
    threads = pool.thread_count()
    assert peak <= size + threads * 2 * (gather.BLOCK_BYTES + w.nbytes) + 2 * w.nbytes + 50_000


def test_several_python_threads_at_once():
    x, w, y, taps, _ = problem(8, (28, 28), 16, 16, SQUARE, 1, "f4")
    alone = kernels.conv_vjp(y, x, w, taps, 1)
    with ThreadPoolExecutor(4) as threads:
        for together in threads.map(lambda _: kernels.conv_vjp(y, x, w, taps, 1), range(12)):
            assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_in_a_forked_child():
    """Also when it was forked while products ran on one thread."""
    x, w, y, taps, _ = problem(8, (28, 28), 16, 16, SQUARE, 1, "f4")
    expected = kernels.conv(x, w, taps, 1)
    get_number = blas._numpy_openblas()[1] or (lambda: None)
    before = get_number()
    with blas.one_blas_thread():
        child = os.fork()
        if child == 0:
            right = get_number() == before and np.array_equal(kernels.conv(x, w, taps, 1), expected)
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_absent_taps_cost_nothing():
    """Taps that never meet the data, and phases without taps, lead to no product."""
    shape = gather.neighbourhood(((-9, 0), (0, 0), (0, 8)), 1, (8, 8), (8, 8), 3)
    assert shape.order == [1] and shape.columns == 3
    runs = gather.neighbourhood(SQUARE, 1, (8, 8), (8, 8), 2).groups[0]
    np.testing.assert_array_equal(runs[3], [3, 3, 3])
