"""Batches: rows of all entries together, and the refusal of entries of another length."""

import numpy as np
import pytest

from minigen.data import Batch, as_batch

X = np.arange(12.0).reshape(4, 3)
FULL = Batch(X, np.arange(8).reshape(4, 2), np.array([0, 1, -1, 2]), X > 3, np.array([3, 1, 2, 3]))


def test_rows_are_taken_of_every_entry():
    for rows in (slice(1, 3), np.array([3, 0]), np.array([True, False, False, True])):
        batch = FULL[rows]
        assert len(batch) == 2
        for name in ("x", "condition", "labels", "observed", "length"):
            np.testing.assert_array_equal(getattr(batch, name), getattr(FULL, name)[rows])
    assert Batch(X)[1:].labels is None


def test_a_function_meets_each_array_that_is_there():
    doubled = Batch(X, labels=np.arange(4)).map(lambda array: 2 * array)
    np.testing.assert_array_equal(doubled.x, 2 * X)
    np.testing.assert_array_equal(doubled.labels, [0, 2, 4, 6])
    assert doubled.condition is doubled.observed is doubled.length is None


def test_present_entries_become_keywords():
    assert Batch(X).present("condition", "observed") == {}
    assert set(FULL.present("condition", "observed")) == {"condition", "observed"}


def test_entries_of_another_length_are_refused():
    for name in ("condition", "labels", "observed", "length"):
        with pytest.raises(ValueError, match=f"{name}: expected 4 rows"):
            Batch(X, **{name: np.zeros(3)})


def test_an_array_becomes_a_batch_once():
    assert as_batch(FULL) is FULL and as_batch(X).x is X
