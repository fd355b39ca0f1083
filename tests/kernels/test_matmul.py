"""Matrix products that are cut for threads, and sums of rows, against NumPy's of float64."""

import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernels.agreement import check_kernel, values
from minigen import kernels
from minigen.arrays import blas, pool

MODULE = sys.modules["minigen.kernels.matmul"]  # in the package its name is the kernel's
SIZES = st.integers(1, 70)


@pytest.fixture
def three_threads(monkeypatch):
    """Products of any size are cut for three threads."""
    monkeypatch.setattr(pool, "thread_count", lambda: 3)
    for name, value in (("thread_count", lambda: 3), ("ALONE", 0), ("PART", 1), ("STEP", 4)):
        monkeypatch.setattr(MODULE, name, value)


def agree(x, y):
    found = kernels.matmul.fast(x, y)
    assert found.dtype == x.dtype
    terms = np.abs(x).astype(float) @ np.abs(y).astype(float)
    assert (abs(found - x.astype(float) @ y.astype(float)) <= 20 * np.finfo(x.dtype).eps * terms).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SIZES, SIZES, SIZES, st.booleans(), st.booleans(), st.sampled_from(["f4", "f8"]))
def test_products_along_every_axis(three_threads, rows, inner, columns, turned_x, turned_y, dtype):
    x, y = values(rows, dtype, (rows, inner), (inner, columns))
    agree(np.ascontiguousarray(x.T).T if turned_x else x, np.ascontiguousarray(y.T).T if turned_y else y)


@pytest.mark.parametrize("stack", [(5,), (2, 3), (1,)])
def test_stacks(three_threads, stack):
    x, y = values(3, "f4", (*stack, 9, 40), (*stack, 40, 12))
    agree(x, y)
    agree(x, np.ascontiguousarray(y.swapaxes(-1, -2)).swapaxes(-1, -2))


@pytest.mark.parametrize("shapes", [
    ((70, 30), (30,)), ((30,), (30, 70)), ((4, 70, 30), (30, 20)), ((70, 30), (4, 30, 9)),
])
def test_what_is_left_to_numpy(three_threads, shapes):
    x, y = values(0, "f4", *shapes)
    assert kernels.matmul.fast(x, y) is NotImplemented
    np.testing.assert_array_equal(kernels.matmul(x, y), x @ y)
    with pytest.raises(ValueError):
        kernels.matmul(*values(0, "f4", (70, 30), (31, 70)))
    assert kernels.matmul(*values(0, "f4", (70, 30)), *values(0, "f8", (30, 70))).dtype == np.float64


def test_large_products_leave_the_librarys_threads_asleep(monkeypatch):
    """Every part is a product with one thread: another would take its core from the loops that follow."""
    inside = []
    monkeypatch.setattr(np, "matmul", lambda a, b, out, product=np.matmul: (
        inside.append(blas._state["users"]), product(a, b, out=out)))
    x, y = values(1, "f4", (400, 300), (300, 200))
    kernels.matmul(x, y)
    assert inside and all(users > 0 for users in inside)


@given(st.integers(1, 2000), st.integers(1, 40), st.sampled_from([np.float32, np.float64]))
def test_sums_of_rows(count, width, dtype):
    (x,) = values(count, dtype, (count, width))
    found, exact = kernels.sum_rows.fast(x), x.astype(np.longdouble).sum(axis=0)
    assert found.dtype == dtype and found.shape == (width,)
    assert (abs(found - exact) <= 20 * np.finfo(dtype).eps * abs(x).astype(float).sum(axis=0)).all()


def test_sums_of_rows_over_threads_and_axes():
    x = np.round(values(0, np.float32, (40, 50, 50, 3))[0])  # sums of small integers are exact
    check_kernel("sum_rows", x)
    np.testing.assert_array_equal(kernels.sum_rows(x), x.reshape(-1, 3).sum(axis=0))
    x[3, 2, 1, 0] = np.nan
    assert np.isnan(kernels.sum_rows(x)).tolist() == [True, False, False]
