"""Kinds of data found in arrays, splits, and what is said of arrays that are no data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.data import DataError, Dataset, from_arrays, split, split_indices
from minigen.protocols import DataSpec

RNG = np.random.default_rng(0)
FLOATS = RNG.standard_normal((40, 3))
BITS = RNG.integers(0, 2, (40, 3))


@pytest.mark.parametrize(
    ("x", "kind", "levels", "dtype"),
    [
        (BITS.astype("u1"), "binary", None, "uint8"),
        (BITS.astype(bool), "binary", None, "uint8"),
        (BITS.astype("i8"), "binary", None, "uint8"),
        (np.zeros((40, 3), "u1"), "binary", None, "uint8"),
        ((BITS * 5).astype("u1"), "discrete", 6, "uint8"),
        ((BITS * 300).astype("i4"), "discrete", 301, "int32"),
        (FLOATS, "continuous", None, "float64"),
        (FLOATS.astype("f4"), "continuous", None, "float32"),
        (FLOATS.astype("f2"), "continuous", None, "float32"),
        (BITS.astype("f8"), "continuous", None, "float64"),
    ],
)
def test_kinds_are_told_from_the_values(x, kind, levels, dtype):
    data = from_arrays("a", {"x": x})
    assert data.spec == DataSpec((3,), kind, levels)
    rows = np.concatenate([data.train, data.validation, data.test])
    assert rows.dtype == dtype and rows.shape == x.shape
    # Nothing lost, nothing twice.
    assert np.array_equal(np.sort(rows, axis=0), np.sort(x.astype(dtype), axis=0))


@pytest.mark.parametrize(
    ("x", "kind", "levels", "dtype"),
    [
        (BITS.astype("f4"), "binary", None, "uint8"),
        (BITS.astype("f4"), "discrete", 2, "uint8"),
        (BITS.astype(bool), "discrete", 2, "uint8"),
        (np.zeros((40, 3), "u1"), "discrete", 2, "uint8"),
        (BITS.astype("f8") * 300, "discrete", 301, "uint16"),
        (BITS.astype("u1"), "continuous", None, "float32"),
        (BITS.astype("i8") * (2**24 + 1), "continuous", None, "float64"),
        (BITS.astype("i8") * -(2**63), "continuous", None, "float64"),
    ],
)
def test_another_kind_can_be_asked_for(x, kind, levels, dtype):
    data = from_arrays("a", {"x": x}, kind=kind)
    assert data.spec == DataSpec((3,), kind, levels) and data.test.dtype == dtype
    with pytest.raises(ValueError, match="kind: expected one of"):
        from_arrays("a", {"x": x}, kind="bits")


def with_value(value, where, dtype=float):
    x = np.zeros((40, 3), dtype)
    x[where] = value
    return x


@pytest.mark.parametrize(
    ("arrays", "kind", "expected"),
    [
        ({"x": with_value(np.nan, (7, 2))}, None, "x: expected a finite number, got nan in row 7, column 2"),
        ({"x": with_value(-np.inf, (39, 0))}, None, "got -inf in row 39, column 0"),
        ({"x": with_value(np.nan, (7, 2)).reshape(40, 3, 1)}, None, r"row 7, index \(2, 0\)"),
        ({"x": with_value(2.5, (3, 1))}, "discrete", "an integer in discrete data, got 2.5 in row 3, column 1"),
        ({"x": with_value(2, (3, 1), int)}, "binary", "0 or 1 in binary data, got 2 in row 3, column 1"),
        ({"x": with_value(-4, (3, 1), int)}, None, "0 to 65535 in discrete data .* got -4 in row 3, column 1"),
        ({"x": with_value(2**40, (3, 1), int)}, None, "got 1099511627776 in row 3, column 1"),
        (
            {"train": BITS, "test": BITS[:, :2]},
            None,
            r"test: expected examples of shape \(3,\) as in train, got \(2,\)",
        ),
        ({"train": BITS, "test": BITS[:0]}, None, "test: expected at least one example"),
        ({"x": BITS[:, :0]}, None, r"at least one number, got shape \(40, 0\)"),
        ({"x": np.array(["a", "b"])}, None, "expected numbers, got an array of dtype <U1"),
        ({"x": np.array([[1, None]])}, None, "dtype object"),
        ({"x": BITS * 1j}, None, "complex"),
        ({"x": BITS[:, 0]}, None, r"2 to 5 axes, the first for examples, got shape \(40,\)"),
        ({"x": np.zeros((2,) * 6)}, None, "2 to 5 axes"),
        ({"x": [[1, 2], [3]]}, None, "x: expected rows of one length"),
        ({"x": BITS[:3]}, None, "3 rows are too few to split into 3 parts"),
        ({"train": BITS[:1], "test": BITS}, None, "1 rows are too few"),
    ],
)
def test_arrays_that_are_no_data(arrays, kind, expected):
    with pytest.raises(DataError, match=f"file.npz: .*{expected}|file.npz: {expected}"):
        from_arrays("name", arrays, kind=kind, source="file.npz")


def test_only_known_splits():
    for names in ((), ("test",), ("x", "train"), ("x", "test"), ("train", "dev")):
        with pytest.raises(ValueError, match="arrays: expected 'x' alone"):
            from_arrays("a", dict.fromkeys(names, BITS))


def test_splits_that_are_given_stay_and_the_others_are_cut():
    x = np.arange(1000.0).reshape(500, 2)
    a, b, c = x[:300], x[300:400], x[400:]
    whole = from_arrays("a", {"train": a, "validation": b, "test": c})
    assert whole.train is not None and np.array_equal(whole.train, a)
    assert np.array_equal(whole.validation, b) and np.array_equal(whole.test, c)
    no_validation = from_arrays("a", {"train": a, "test": c})
    assert np.array_equal(no_validation.test, c) and no_validation.validation.shape == (30, 2)
    no_test = from_arrays("a", {"train": a, "validation": b})
    assert np.array_equal(no_test.validation, b) and no_test.test.shape == (60, 2)
    neither = from_arrays("a", {"train": a})
    assert [len(s) for s in (neither.train, neither.validation, neither.test)] == [216, 24, 60]
    for data in (no_validation, no_test, neither):
        assert set(data.train[:, 0]) <= set(a[:, 0])


def test_seeds_and_labels():
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    y = np.arange(100, dtype=np.uint8)
    data = from_arrays("a", {"x": x}, seed=3, labels={"x": y})
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(data, name)[:, 0], 2 * data.labels[name])
        assert data.labels[name].dtype == np.int64
    again, other = from_arrays("a", {"x": x}, seed=3), from_arrays("a", {"x": x}, seed=4)
    assert np.array_equal(data.test, again.test) and np.array_equal(data.train, again.train)
    assert not np.array_equal(data.test, other.test)
    for bad in (y[:50], y[:, None], y.astype(float)):
        with pytest.raises(DataError, match="a: x: expected 100 integer labels"):
            from_arrays("a", {"x": x}, labels={"x": bad})


@given(st.integers(0, 300), st.lists(st.floats(0.01, 1), min_size=1, max_size=4), st.integers(0, 2**64))
def test_split_indices(n, weights, seed):
    fractions = [w / sum(weights) for w in weights]
    try:
        parts = split_indices(n, fractions, seed)
    except ValueError as error:
        assert "too few" in str(error) and n < 200
        return
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    for part, fraction in zip(parts, fractions, strict=True):
        assert len(part) > 0 and abs(len(part) - n * fraction) <= 1 + 1e-6
    for part, again in zip(parts, split_indices(n, fractions, seed), strict=True):
        assert np.array_equal(part, again)


def test_split_refuses():
    for fractions in ((), (0.5, 0.6), (0.5, 0), (-1, 1), (float("nan"),)):
        with pytest.raises(ValueError, match="fractions"):
            split(BITS, fractions, 0)
    with pytest.raises(ValueError, match="x"):
        split(3.0, (0.5,), 0)
    with pytest.raises(TypeError, match="rng"):
        split(BITS, (0.5,), None)
    a, b = split(BITS, (0.5, 0.25), 0)
    assert a.shape == (20, 3) and b.shape == (10, 3)


GOOD = {"train": BITS.astype("u1"), "validation": BITS.astype("u1"), "test": BITS.astype("u1")}


@pytest.mark.parametrize(
    ("spec", "change", "expected"),
    [
        (DataSpec((3,), "binary"), {"test": BITS}, "test: binary data are uint8, got int64"),
        (DataSpec((3,), "binary"), {"train": GOOD["train"] * 2}, "train: expected 0 to 1, got 2 in row"),
        (DataSpec((3, 1), "binary"), {}, r"train: expected examples of shape \(3, 1\), got \(3,\)"),
        (DataSpec((3,), "discrete", 2), {"test": FLOATS}, "test: discrete data are integers, got float64"),
        (DataSpec((3,), "discrete", 2), {"test": BITS - 1}, "test: expected 0 to 1, got -1"),
        (DataSpec((3,), "continuous"), {}, "train: continuous data are float32 or float64, got uint8"),
        (DataSpec((3,), "binary"), {"test": BITS[:0]}, "test: expected an array with rows"),
        (DataSpec((3,), "binary"), {"validation": [[0, 1, 0]]}, "validation: expected an array with rows, got list"),
        (DataSpec((3,), "binary"), {"labels": {"test": np.zeros(3, int)}}, "test: expected 40 integer labels"),
    ],
)
def test_dataset_checks_its_arrays(spec, change, expected):
    with pytest.raises(DataError, match=expected):
        Dataset("a", spec, **{**GOOD, **change})


def test_a_transform_frees_the_training_rows():
    spec = DataSpec((3,), "binary")
    data = Dataset("a", spec, **{**GOOD, "train": BITS * 200}, transform=lambda batch, rng: batch > 100)
    assert data.train.max() == 200
    with pytest.raises(DataError):
        Dataset("a", spec, **{**GOOD, "test": BITS * 200}, transform=lambda batch, rng: batch)
    mixed = DataSpec((2,), ("binary", "continuous"))
    x = np.column_stack([BITS[:, 0], FLOATS[:, 0]])
    assert Dataset("a", mixed, x, x, x).spec is mixed


SPLITS = ("train", "validation", "test")


def five(spec=None, **changes):
    """A Dataset with all five arrays for each split."""
    rng, sizes = np.random.default_rng(0), dict(zip(SPLITS, (8, 3, 4), strict=True))
    tables = {
        "labels": {split: rng.integers(0, 3, n) for split, n in sizes.items()},
        "observed": {split: np.ones((n, 5), bool) for split, n in sizes.items()},
        "condition": {split: rng.normal(size=(n, 2)).astype("float32") for split, n in sizes.items()},
        "length": {split: rng.integers(0, 6, n) for split, n in sizes.items()},
    }
    spec = spec or DataSpec((5,), "discrete", 4, condition=DataSpec((2,), "continuous"))
    return Dataset("five", spec, *(rng.integers(0, 4, (n, 5)) for n in sizes.values()), **{**tables, **changes})


def test_a_split_is_one_batch():
    data = five()
    for name_of_split in SPLITS:
        batch = data.batch(name_of_split)
        assert batch.x is getattr(data, name_of_split)
        for name in ("labels", "observed", "condition", "length"):
            assert getattr(batch, name) is getattr(data, name)[name_of_split]
    plain = five(spec=DataSpec((5,), "discrete", 4), labels=None, observed=None, condition=None, length=None)
    assert plain.batch("test").present("labels", "observed", "condition", "length") == {}
    with pytest.raises(ValueError, match="split: expected train, validation, test, got 'tset'"):
        data.batch("tset")


@pytest.mark.parametrize("changes, words", [
    ({"condition": None}, "condition: the spec has continuous data of shape"),
    ({"spec": DataSpec((5,), "discrete", 4)}, "a condition"),
    ({"condition": {}}, "five: train: condition: expected an array of 8 rows, got None"),
    ({"condition": {split: np.zeros((n, 3), "float32") for split, n in zip(SPLITS, (8, 3, 4), strict=True)}},
     r"train: condition: expected examples of shape \(2,\), got \(3,\)"),
    ({"length": {split: np.full(n, 6) for split, n in zip(SPLITS, (8, 3, 4), strict=True)}}, "length: expected 0 to 5"),
    ({"length": {split: np.zeros(n) for split, n in zip(SPLITS, (8, 3, 4), strict=True)}},
     "length: expected 8 integers"),
    ({"labels": {"train": np.zeros(7, int)}}, "expected 8 integer labels"),
])
def test_arrays_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(DataError, match=words):
        five(**changes)


def test_arrays_are_split_with_all_that_comes_with_them():
    rows = np.arange(100)
    data = from_arrays("rows", {"x": rows[:, None] % 7}, labels={"x": rows % 5}, condition={"x": rows[:, None] * 1.0},
                       condition_spec=DataSpec((1,), "continuous"), length={"x": rows % 2})
    for name_of_split in SPLITS:
        batch = data.batch(name_of_split)
        number = batch.condition[:, 0].astype(int)
        np.testing.assert_array_equal(batch.x[:, 0], number % 7)
        np.testing.assert_array_equal(batch.labels, number % 5)
        np.testing.assert_array_equal(batch.length, number % 2)
    assert sorted(np.concatenate([data.batch(split).condition[:, 0] for split in SPLITS])) == list(rows)
