"""Missing values become masks, tables have kinds by column, and a column may hold the labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen.data import DataError, Dataset, MissingValues, from_arrays, load
from minigen.protocols import DataSpec

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 3))
SEEN = RNG.random((50, 3)) > 0.2
HOLED = np.where(SEEN, X, np.nan)
SPLITS = ("train", "validation", "test")


def joined(data, what):
    """An attribute of all splits, the rows in one order."""
    parts = [getattr(data, split) if what is None else getattr(data, what)[split] for split in SPLITS]
    return np.concatenate(parts)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_nan_becomes_a_mask(dtype):
    data = from_arrays("a", {"x": HOLED.astype(dtype)}, missing=True)
    assert data.spec == DataSpec((3,), "continuous")
    x, seen = joined(data, None), joined(data, "observed")
    assert x.dtype == (np.float64 if dtype == "f8" else np.float32) and (x[~seen] == 0).all()
    back = np.where(seen, x, np.nan)
    # every row as before, with its own mask
    assert sorted(map(str, back.tolist())) == sorted(map(str, HOLED.astype(dtype).astype(x.dtype).tolist()))
    assert all(data.observed[split].shape == getattr(data, split).shape for split in SPLITS)


def test_nothing_missing_is_no_mask():
    assert from_arrays("a", {"x": X}, missing=True).observed is None
    assert from_arrays("a", {"x": X}, missing=True, observed={"x": np.ones((50, 3), bool)}).observed is None
    assert load("digits", missing=True).observed is None


def test_splits_that_are_given_and_cut_have_their_masks():
    data = from_arrays("a", {"train": X, "test": HOLED[:9]}, missing=True)
    assert data.observed["train"].all() and data.observed["validation"].all() and data.validation.shape == (5, 3)
    np.testing.assert_array_equal(data.observed["test"], SEEN[:9])


def test_masks_may_be_given_for_integers_too():
    bits = RNG.integers(0, 2, (50, 3))
    data = from_arrays("a", {"x": bits}, observed={"x": SEEN})
    assert data.spec.kind == "binary" and data.train.dtype == np.uint8
    assert joined(data, "observed").sum() == SEEN.sum() and (joined(data, None)[~joined(data, "observed")] == 0).all()
    levels = from_arrays("a", {"x": np.where(SEEN, bits * 4, np.nan)}, kind="discrete", missing=True)
    assert levels.spec == DataSpec((3,), "discrete", 5)
    both = from_arrays("a", {"train": X, "test": HOLED[::-1]}, observed={"test": SEEN}, missing=True)
    np.testing.assert_array_equal(both.observed["test"], SEEN & SEEN[::-1])
    one = from_arrays("a", {"train": bits, "test": bits}, observed={"test": SEEN})
    assert one.observed["train"].all() and one.observed["validation"].all() and not one.observed["test"].all()
    with pytest.raises(DataError, match=r"x: observed: expected booleans of shape \(50, 3\), got bool \(50, 2\)"):
        from_arrays("a", {"x": bits}, observed={"x": SEEN[:, :2]})


def test_without_asking_the_place_is_named():
    for place in ((4, 1), (0, 0)):
        x = X.copy()
        x[place] = np.nan
        with pytest.raises(MissingValues, match=f"a number, got nan in row {place[0]}, column {place[1]}|finite"):
            from_arrays("a", {"x": x})
    x[7, 2] = np.inf
    for missing in (True, False):
        with pytest.raises(DataError):
            from_arrays("a", {"x": x}, missing=missing)
    with pytest.raises(DataError, match="expected a finite number, got inf in row 7, column 2"):
        from_arrays("a", {"x": x}, missing=True)


@pytest.mark.parametrize("observed", [
    {"train": SEEN}, {split: SEEN.astype(int) for split in SPLITS}, {split: SEEN[:, :2] for split in SPLITS},
])
def test_a_dataset_checks_its_masks(observed):
    with pytest.raises(DataError, match="observed: expected booleans"):
        Dataset("a", DataSpec((3,), "continuous"), X, X, X, observed=observed)


CELLS = st.one_of(st.none(), st.integers(-5, 9), st.floats(-9, 9))


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=12, max_size=20), st.booleans(),
       st.sampled_from([",", ";", "\t"]))
def test_empty_cells_of_a_table(tmp_path_factory, rows, named, delimiter):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    first = [["a", "b", "c"]] if named else [[1, 2, 3]]  # a first line without a number would be names
    lines = [delimiter.join("" if cell is None else repr(cell) for cell in row) for row in (first + rows)]
    lines = [line.replace("'", "") for line in lines]
    path.write_text("\n".join(lines) + "\n")
    table = rows if named else first + rows
    holed = any(cell is None for row in table for cell in row)
    if holed:
        with pytest.raises(MissingValues, match="line .*, column .*: expected a number, got an empty cell"):
            load(path)
    whole = all(cell is None or isinstance(cell, int) for row in table for cell in row)
    if whole and min(cell or 0 for row in table for cell in row) < 0:
        with pytest.raises(DataError, match="discrete"):
            load(path, missing=True)
        return
    data = load(path, missing=True)
    assert (data.observed is not None) == holed and (data.spec.kind == "continuous") == (not whole)
    seen = joined(data, "observed") if holed else np.ones(joined(data, None).shape, bool)
    got = np.where(seen, joined(data, None), np.nan)
    expected = [[np.nan if cell is None else cell for cell in row] for row in table]
    assert sorted(map(str, got.tolist())) == sorted(map(str, np.array(expected, float).tolist()))


def test_tables_with_missing_cells_still_name_what_is_wrong(tmp_path):
    path = tmp_path / "a.csv"
    for content, expected in [("1,2\n,x\n", "line 2, column 2: expected a number, got 'x'"),
                              ("1,2\n,\n3\n", "line 3: expected 2 columns"),
                              ("1,2\n,nan\n3,inf\n", "x: expected a finite number, got inf in row 2, column 1")]:
        path.write_text(content)
        with pytest.raises(DataError, match=expected):
            load(path, missing=True)


TABLE = np.column_stack([X[:, 0], RNG.integers(0, 2, 50), RNG.integers(0, 4, 50)])
KINDS = ("continuous", "binary", "discrete")


def test_kinds_by_column(tmp_path):
    np.save(tmp_path / "a.npy", TABLE)
    for kind in (KINDS, list(KINDS), "continuous,binary,discrete", "continuous, binary, discrete"):
        data = load(tmp_path / "a.npy", kind=kind)
        assert data.spec == DataSpec((3,), KINDS, (None, None, 4)) and data.train.dtype == np.float64
    holed = np.where(SEEN, TABLE, np.nan)
    data = from_arrays("a", {"x": holed}, kind=KINDS, missing=True)
    assert data.spec.levels[2] == 1 + int(np.nanmax(holed[:, 2])) and data.observed is not None
    integers = from_arrays("a", {"x": TABLE[:, 1:].astype(int)}, kind=("binary", "continuous"))
    assert integers.test.dtype == np.float64


@pytest.mark.parametrize("kind, x, error, words", [
    (("continuous", "bits", "binary"), TABLE, ValueError, "kind: expected one of .*'bits'"),
    ("continuous,binary", TABLE, DataError, r"2 kinds are for a table of as many columns, got shape \(50, 3\)"),
    (KINDS, TABLE.reshape(50, 3, 1), DataError, "3 kinds are for a table"),
    (("continuous", "continuous", "binary"), TABLE, DataError, r"0 or 1 in binary data, got \d.0 in row \d+, column 2"),
    (("discrete", "binary", "discrete"), TABLE, DataError, "an integer in discrete data.* in row 0, column 0"),
    (("continuous", "binary", "discrete"), -TABLE, DataError, "0 or 1 in binary data, got -1.0 in row .*, column 1"),
])
def test_kinds_that_do_not_fit(kind, x, error, words):
    with pytest.raises(error, match=words):
        from_arrays("a", {"x": x}, kind=kind)


def test_a_dataset_checks_its_columns():
    spec = DataSpec((3,), KINDS, (None, None, 3))
    with pytest.raises(DataError, match=r"train: expected an integer 0 to 2, got 3.0 in row \d+, column 2"):
        Dataset("a", spec, TABLE, TABLE, TABLE)
    with pytest.raises(DataError, match="a finite number, got nan"):
        Dataset("a", spec, HOLED, HOLED, HOLED)


def write_iris(path, names="a,b,species"):
    lines = [f"{u:.2f},{v:.2f},{i % 3}" for i, (u, v, _) in enumerate(X)]
    path.write_text("\n".join([*([names] if names else []), *lines]))


@pytest.mark.parametrize("column", ["species", 2, -1, "2", "-1"])
def test_a_column_of_labels(tmp_path, column):
    write_iris(tmp_path / "iris.csv")
    data = load(tmp_path / "iris.csv", labels=column)
    assert data.spec == DataSpec((2,), "continuous")
    rows = {(round(u, 2), round(v, 2)): i % 3 for i, (u, v, _) in enumerate(X)}
    for split in SPLITS:
        for (u, v), label in zip(getattr(data, split), data.labels[split], strict=True):
            assert rows[round(u, 2), round(v, 2)] == label
    assert data.labels["train"].dtype == np.int64
    assert load(tmp_path / "iris.csv").spec.shape == (3,)


def test_labels_of_splits_and_missing_ones(tmp_path):
    table = TABLE.copy()
    np.savez(tmp_path / "a.npz", train=table, test=table[:9])
    data = load(tmp_path / "a.npz", labels=2)
    np.testing.assert_array_equal(data.labels["test"], table[:9, 2])
    table[3, 2] = table[5, 0] = np.nan
    np.save(tmp_path / "a.npy", table)
    with pytest.raises(MissingValues, match="labels in column 2: expected integers from 0, got nothing in row 3"):
        load(tmp_path / "a.npy", labels=2)
    data = load(tmp_path / "a.npy", labels=2, missing=True)
    assert sum((data.labels[split] == -1).sum() for split in SPLITS) == 1
    assert (~joined(data, "observed")).sum() == 1
    (tmp_path / "a.csv").write_text("u,v,y\n" + "1.5,2,1\n" * 20 + "2.5,3,\n" * 3 + ",1,0\n")
    data = load(tmp_path / "a.csv", labels="y", missing=True)
    assert sum((data.labels[split] == -1).sum() for split in SPLITS) == 3 and (~joined(data, "observed")).sum() == 1


@pytest.mark.parametrize("labels, words", [
    ("specie", "no column 'specie'; did you mean 'species'"), (3, "expected a column from 0 to 2, got 3"),
    (True, "no column True"), (1.5, "no column 1.5"), ("a", "labels in column 'a': expected integers"),
])
def test_columns_that_hold_no_labels(tmp_path, labels, words):
    write_iris(tmp_path / "iris.csv")
    with pytest.raises(ValueError, match=words):
        load(tmp_path / "iris.csv", labels=labels)


def test_what_has_no_columns(tmp_path):
    write_iris(tmp_path / "plain.csv", names=None)
    with pytest.raises(ValueError, match="no line of names, only numbers 0 to 2"):
        load(tmp_path / "plain.csv", labels="species")
    (tmp_path / "a.txt").write_text("hello " * 100)
    np.save(tmp_path / "image.npy", np.zeros((9, 4, 4)))
    np.save(tmp_path / "one.npy", np.zeros((9, 1)))
    for name in ("digits", tmp_path / "a.txt", tmp_path / "image.npy", tmp_path / "one.npy"):
        with pytest.raises(ValueError, match="labels: .*(not a table|no tables|one column alone)"):
            load(name, labels=0)


def test_labels_before_columns_with_holes(tmp_path):
    (tmp_path / "a.csv").write_text("y,u,v\n" + "0,1.5,\n1,,2.5\n" * 10)
    data = load(tmp_path / "a.csv", labels="y", missing=True)
    for split in SPLITS:
        label = data.labels[split]
        np.testing.assert_array_equal(data.observed[split], np.column_stack([label == 0, label == 1]))
