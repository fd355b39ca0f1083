"""Sums of exponentials, random categories, constant columns and saved states on arrays."""

import numpy as np
import pytest
from scipy.special import logsumexp as oracle

from minigen.arrays.categories import categories, category_by_cumulative, category_of_rows
from minigen.arrays.columns import constant_columns
from minigen.arrays.constants import LOG_2PI
from minigen.arrays.logsumexp import logsumexp
from minigen.arrays.states import misfits


def test_log_2_pi():
    assert LOG_2PI == pytest.approx(1.8378770664093454835606594728112, abs=1e-15)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_logsumexp_of_large_small_and_infinite_terms(axis):
    x = np.random.default_rng(0).normal(0, 300, (5, 7, 3))
    x[2] = -np.inf
    x[0, 3] = np.inf
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(logsumexp(x, axis), oracle(x, axis=axis), rtol=1e-14)
    assert logsumexp(x.astype(np.float32), axis).dtype == np.float32


def test_categories_come_in_proportion_to_their_weights():
    weights = np.array([0.0, 3.0, 1.0, 0.0, 6.0, 0.0])  # no category of weight 0, at either end or between
    rng, n = np.random.default_rng(1), 20_000
    rows = category_of_rows(np.tile(weights, (n, 1)), rng)
    for values in (categories(weights, n, rng), rows):
        assert values.shape == (n,) and values.dtype == np.int64
        share, p = np.bincount(values, minlength=6) / n, weights / 10
        assert (np.abs(share - p) <= 4.5 * np.sqrt(p * (1 - p) / n)).all()


class Fixed:
    """A generator whose uniform numbers are all the same."""

    def __init__(self, u):
        self.u = u

    def random(self, size):
        return np.full(size, self.u)


WEIGHTS = np.array([[0.0, 0.1, 0.0, 0.2, 0.0], [3.0, 0.0, 0.0, 1e-9, 0.0], [0.0, 0.0, 0.0, 0.0, 7e-300]])


@pytest.mark.parametrize(("u", "expected"), [(0.0, [1, 0, 4]), (1 - 2.0**-53, [3, 3, 4]), (0.5, [3, 0, 4])])
def test_categories_of_weight_0_never_come(u, expected):
    np.testing.assert_array_equal(category_of_rows(WEIGHTS, Fixed(u)), expected)
    np.testing.assert_array_equal(category_by_cumulative(np.cumsum(WEIGHTS, axis=1), Fixed(u)), expected)
    for row, index in zip(WEIGHTS, expected, strict=True):
        np.testing.assert_array_equal(categories(row, 2, Fixed(u)), [index, index])


def test_the_last_category_is_the_greatest():
    weights, rng = np.full(10, 0.1), Fixed(1 - 2.0**-53)  # the weights' sum is not 1
    assert (categories(weights, 3, rng) == 9).all()
    assert (category_of_rows(np.tile(weights, (3, 1)), rng) == 9).all()


def test_constant_columns_are_found_at_any_size_and_unit():
    n = 200_000
    x = np.tile(np.array([0.1, 1e9, -1e-9, 0.0]), (n, 1))
    spread = x + np.random.default_rng(2).normal(size=x.shape) * np.array([1e-9, 10.0, 1e-15, 1e-100])
    assert constant_columns(x.mean(axis=0), x.std(axis=0), n).all()
    assert not constant_columns(spread.mean(axis=0), spread.std(axis=0), n).any()


def test_one_unit_in_the_last_place_of_float32_is_constant():
    ulp = np.spacing(np.float32(1e6))
    x = (np.float32(1e6) + ulp * np.array([0, 0, 0, 1], np.float32)[:, None]).astype(np.float64)
    assert constant_columns(x.mean(axis=0), x.std(axis=0), 4, np.float32).all()
    assert not constant_columns(x.mean(axis=0), x.std(axis=0), 4).any()


def test_what_does_not_fit_in_a_state_is_named():
    present = {"a": np.zeros(2, np.float32), "b": np.zeros(3), "c": np.zeros(1)}
    assert misfits(present, dict(present)) == []
    told = misfits(present, {"a": np.zeros(2), "b": np.zeros((3, 1)), "d": np.zeros(1)})
    assert told == ["missing c", "unexpected d", "a: expected shape (2,) and dtype float32, got (2,) and float64",
                    "b: expected shape (3,) and dtype float64, got (3, 1) and float64"]
