"""The compiled updates against their references: what they leave in each array, for all their settings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.agreement import DTYPES, TOLERANCE, values
from minigen import kernels
from minigen.arrays import pool

SCALES = st.sampled_from([1.0, 0.25])
DECAYS = st.sampled_from([0.0, 0.1])


def check(name, arrays, *settings, fixed=1):
    """The update by its reference and compiled leave the same in all arrays, and array number `fixed` as it was."""
    kernel = getattr(kernels, name)
    expected, result = ([a if a is None else a.copy() for a in arrays] for _ in range(2))
    for _ in range(2):
        kernel.reference(*expected, *settings)
        assert kernel.fast(*result, *settings) is None
    for i, (a, b, before) in enumerate(zip(result, expected, arrays, strict=True)):
        if before is not None:
            assert a.dtype == before.dtype
            tolerance = 2 * TOLERANCE[a.dtype.char]
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
            assert np.array_equal(a, before) == (i == fixed)


def drawn(dtype, n, seed, count):
    """Parameter, gradient and as many arrays of state, the last one positive."""
    arrays = values(seed, dtype, *[(n,)] * count, scale=1.0)
    arrays[-1] = np.abs(arrays[-1])
    return arrays


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decoupled", [True, False])
@given(n=st.integers(1, 300), step=st.integers(1, 1000), decay=DECAYS, scale=SCALES)
def test_adam(dtype, decoupled, n, step, decay, scale):
    check("adam_update", drawn(dtype, n, n, 4), step, 0.01, 0.9, 0.99, 1e-8, decay, decoupled, scale)


@pytest.mark.parametrize("dtype", DTYPES)
@given(n=st.integers(1, 300), momentum=st.sampled_from([0.0, 0.9]), nesterov=st.booleans(), decay=DECAYS, scale=SCALES)
def test_sgd(dtype, n, momentum, nesterov, decay, scale):
    parameter, gradient, velocity = drawn(dtype, n, n, 3)
    check("sgd_update", [parameter, gradient, velocity if momentum else None], 0.01, momentum, nesterov, decay, scale)


@pytest.mark.parametrize("dtype", DTYPES)
@given(n=st.integers(1, 300), decay=DECAYS, scale=SCALES)
def test_rmsprop(dtype, n, decay, scale):
    check("rmsprop_update", drawn(dtype, n, n, 3), 0.01, 0.95, 1e-8, decay, scale)


@pytest.mark.parametrize("dtype", DTYPES)
@given(n=st.integers(1, 300), weight=st.sampled_from([0.01, 0.9]))
def test_average(dtype, n, weight):
    check("average_update", drawn(dtype, n, n, 2), weight)


def test_an_average_of_what_has_not_moved_is_exact():
    (x,) = values(0, np.float32, (70000,))
    average = x.copy()
    kernels.average_update(average, x, 0.1)
    np.testing.assert_array_equal(average, x)


def test_threads_change_nothing():
    results = []
    before = pool.thread_count()
    try:
        for threads in (1, 2, 3):
            pool.set_thread_count(threads)
            arrays = drawn(np.float32, 300_000, 0, 4)
            kernels.adam_update(*arrays, 3, 0.01, 0.9, 0.99, 1e-8, 0.1, False, 0.5)
            results.append(b"".join(a.tobytes() for a in arrays))
    finally:
        pool.set_thread_count(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_is(bad):
    arrays = drawn(np.float32, 5000, 0, 4)
    arrays[1][17] = bad
    with np.errstate(invalid="ignore"):
        kernels.adam_update(*arrays, 3, 0.01, 0.9, 0.99, 1e-8)
    assert not np.isfinite(arrays[0][17]) and np.isfinite(np.delete(arrays[0], 17)).all()


def test_arrays_with_gaps_are_updated_by_array_code():
    parameter, gradient = values(0, np.float32, (9000,), (9000,))
    expected = parameter[::2] - np.float32(0.5) * gradient[::2]
    kernels.sgd_update(parameter[::2], gradient[::2], None, 0.5)
    np.testing.assert_allclose(parameter[::2], expected, rtol=1e-6)
