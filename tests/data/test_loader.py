"""The loader: each row once an epoch, and states from which nothing differs."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.arrays import Generator
from minigen.data import Batch, Loader, binarize

X = np.arange(23)[:, None] * np.array([[1, 100]])


@given(st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 99))
def test_an_epoch_has_each_row_once(batch_size, shuffle, drop_last, seed):
    drop_last = drop_last and batch_size <= 23
    loader = Loader(X, batch_size, seed, shuffle, drop_last)
    for _ in range(3):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert all(len(batch) == batch_size for batch in batches[:-1])
        rows = np.concatenate([batch.x for batch in batches])
        assert len(rows) == (23 // batch_size * batch_size if drop_last else 23)
        assert len(np.unique(rows[:, 0])) == len(rows)
        assert np.array_equal(rows, X[rows[:, 0]])
        if not shuffle:
            assert np.array_equal(rows, X[: len(rows)])


def test_epochs_and_seeds_differ():
    loader = Loader(X, 23, 0)
    first, second = next(iter(loader)).x, next(iter(loader)).x
    assert not np.array_equal(first, second)
    assert np.array_equal(next(iter(Loader(X, 23, 0))).x, first)
    assert not np.array_equal(next(iter(Loader(X, 23, 1))).x, first)
    # Two loaders made of one generator have orders of their own.
    rng = Generator(0)
    assert not np.array_equal(next(iter(Loader(X, 23, rng))).x, next(iter(Loader(X, 23, rng))).x)


def stream(loader):
    """The loader's batches, epoch after epoch."""
    while True:
        yield from loader


@given(st.integers(0, 30), st.integers(1, 30), st.booleans())
def test_a_restored_loader_goes_on_as_if_never_stopped(before, batch_size, shuffle):
    x = np.arange(23 * 4).reshape(23, 4) % 17

    def make(seed):
        return Loader(x, batch_size, seed, shuffle, transform=binarize.Dynamic(17))

    loader = make(5)
    batches = stream(loader)
    for _ in range(before):
        next(batches)
    state = json.loads(json.dumps(loader.state))
    expected = list(itertools.islice(batches, 20))
    other = make(6)
    next(iter(other))
    other.state = state
    for mine, theirs in zip(stream(other), expected, strict=False):
        assert np.array_equal(mine.x, theirs.x)
    # The same loader can be set back as well.
    loader.state = state
    assert np.array_equal(next(iter(loader)).x, expected[0].x)


def test_a_loop_that_was_left_goes_on():
    loader, whole = Loader(X, 5, 3), list(Loader(X, 5, 3))
    first = next(iter(loader))
    assert np.array_equal(first.x, whole[0].x) and (loader.epoch, loader.position) == (0, 1)
    rest = list(loader)
    assert len(rest) == 4 and all(np.array_equal(a.x, b.x) for a, b in zip(rest, whole[1:], strict=True))
    assert (loader.epoch, loader.position) == (1, 0)


def test_the_state_counts_the_batch_in_hand():
    loader = Loader(X, 5, 3)
    states = [(loader.epoch, loader.position) for _ in loader]
    assert states == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 0)]


def test_transforms_have_randomness_of_their_own():
    seen = []

    def transform(batch, rng):
        seen.append(rng.random())
        return batch

    loader = Loader(X, 5, 3, transform=transform)
    list(loader), list(loader)
    assert len(set(seen)) == 10


def test_what_comes_with_an_example_stays_with_it():
    rows = np.arange(23)
    whole = Batch(X, condition=rows[:, None] * 2.0, labels=rows, observed=X % 2 == 0, length=rows % 5)
    batches = list(Loader(whole, 4, 0))
    assert sum(map(len, batches)) == 23
    for batch in batches:
        row = batch.x[:, 0]
        assert np.array_equal(batch.labels, row) and np.array_equal(batch.condition[:, 0], 2.0 * row)
        assert np.array_equal(batch.observed, batch.x % 2 == 0) and np.array_equal(batch.length, row % 5)


def test_random_batches_leave_the_order_alone():
    loader = Loader(X, 5, 3, transform=binarize.Dynamic(2201))
    state = loader.state
    first, again, other = loader.random_batch(1), loader.random_batch(1), loader.random_batch(2)
    assert loader.state == state and np.array_equal(first.x, again.x) and not np.array_equal(first.x, other.x)
    plain = Loader(X, 5, 3).random_batch(1).x[:, 0]
    assert len(set(plain)) == 5


def test_bad_arguments():
    for bad in ([[1]], None, (), np.float64(3), Batch(X, labels=[1] * 23)):
        with pytest.raises(TypeError, match="examples"):
            Loader(bad, 2, 0)
    with pytest.raises(ValueError, match="examples: expected at least one"):
        Loader(X[:0], 2, 0)
    for bad, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match="batch_size"):
            Loader(X, bad, 0)
    with pytest.raises(ValueError, match="batch_size: expected at most the 23 rows"):
        Loader(X, 24, 0, drop_last=True)
    with pytest.raises(TypeError, match="rng"):
        Loader(X, 2, None)
    loader = Loader(X, 5, 0)
    before = loader.state
    for change in ({"epoch": -1}, {"position": 5}, {"generator": {}}, {"other": 1}):
        with pytest.raises(ValueError, match="state"):
            loader.state = {**before, **change}
        assert loader.state == before
