"""`load` by name and from files, the carried digits, MNIST and its download."""

import gzip
import hashlib
import os
import struct
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from minigen import data
from minigen.data import DataError, load
from minigen.data import mnist as mnist_function
from minigen.data.loading import BUILT_IN
from minigen.data.mnist import FILES, fetch
from minigen.protocols import DataSpec

# The function of that name hides the module in the package.
mnist_module = import_module("minigen.data.mnist")


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("MINIGEN_DATA", raising=False)


def test_digits():
    binary, gray = load("digits"), load("digits:gray")
    assert binary.spec == DataSpec((8, 8, 1), "binary")
    assert gray.spec == DataSpec((8, 8, 1), "discrete", 17)
    for name, rows in (("train", 1294), ("validation", 144), ("test", 359)):
        assert getattr(binary, name).shape == (rows, 8, 8, 1)
        assert np.array_equal(getattr(binary, name), getattr(gray, name) >= 8)
        assert np.array_equal(binary.labels[name], gray.labels[name])
    assert binary.train.dtype == np.uint8
    assert not np.array_equal(load("digits", seed=1).test, binary.test)
    assert load("digits", kind="continuous").train.dtype == np.float32


def test_digits_are_those_of_scikit_learn():
    original = pytest.importorskip("sklearn.datasets").load_digits()
    gray = load("digits:gray")
    images = np.concatenate([gray.train, gray.validation, gray.test]).reshape(-1, 64)
    labels = np.concatenate([gray.labels[name] for name in ("train", "validation", "test")])
    mine, theirs = (np.column_stack(pair) for pair in ((images, labels), (original.data, original.target)))
    assert np.array_equal(mine[np.lexsort(mine.T)], theirs[np.lexsort(theirs.T)])


def test_the_carried_file_is_small_and_attributed():
    folder = Path(data.__file__).parent
    assert (folder / "digits.npz").stat().st_size < 60_000
    notice = (folder / "digits.txt").read_text()
    assert "Alpaydin" in notice and "Kaynak" in notice and "CC BY 4.0" in notice


def test_names_and_suggestions(tmp_path, monkeypatch):
    assert data.available() == list(BUILT_IN)
    for name, near in (("digit", "digits"), ("mnist:dynamc", "mnist:dynamic"), ("Digits", "digits")):
        with pytest.raises(ValueError, match=f"no file or data set '{name}'; did you mean '{near}'"):
            load(name)
    with pytest.raises(ValueError, match="valid: digits, digits:gray"):
        load("qqqq")
    for missing in ("missing.npz", "folder/missing", tmp_path / "missing.csv"):
        with pytest.raises(DataError, match="no such file"):
            load(missing)
    with pytest.raises(DataError, match="MINIGEN_DATA"):
        load("mnist")
    (tmp_path / "inner").mkdir()
    np.savez(tmp_path / "inner" / "flags.npz", x=np.eye(30, dtype=np.uint8))
    np.save(tmp_path / "reals.npy", np.eye(30))
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    assert data.available() == [*BUILT_IN, "flags", "reals"]
    assert load("flags").spec.kind == "binary" and load("reals").spec.kind == "continuous"
    with pytest.raises(ValueError, match="did you mean 'flags'"):
        load("flag")
    with pytest.raises(DataError, match="no MNIST files found"):
        load("mnist:fixed")


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (TypeError, {"name": None}),
        (TypeError, {"name": 3}),
        (TypeError, {"name": "digits", "seed": 0.5}),
        (ValueError, {"name": "digits", "seed": -1}),
        (ValueError, {"name": "digits", "length": 0}),
        (ValueError, {"name": "digits", "kind": "gray"}),
        (DataError, {"name": "digits:gray", "kind": "binary"}),
    ],
)
def test_bad_arguments(error, arguments):
    with pytest.raises(error):
        load(**arguments)


X = np.random.default_rng(0).integers(0, 2, (50, 4)).astype("u1")


@pytest.mark.parametrize(
    ("arrays", "sizes"),
    [
        ({"train": X, "valid": X[:9], "test": X[:8]}, (50, 9, 8)),
        ({"train": X, "validation": X[:9], "test": X[:8]}, (50, 9, 8)),
        ({"x_train": X, "y_train": np.arange(50), "x_test": X[:8], "y_test": np.arange(8)}, (45, 5, 8)),
        ({"x": X, "fold": np.arange(50)}, (36, 4, 10)),
        ({"x": X, "y": np.arange(50)}, (36, 4, 10)),
        ({"anything": X}, (36, 4, 10)),
    ],
)
def test_npz_arrays_by_name(tmp_path, arrays, sizes):
    np.savez(tmp_path / "some.npz", **arrays)
    got = load(tmp_path / "some.npz")
    assert got.name == "some" and got.spec.kind == "binary"
    assert (len(got.train), len(got.validation), len(got.test)) == sizes
    assert (got.labels is not None) == any(name.startswith("y") for name in arrays)


def test_npz_without_known_arrays(tmp_path):
    np.savez(tmp_path / "a.npz", weights=X, bias=X)
    with pytest.raises(DataError, match="expected arrays train, validation and test, or x; got bias, weights"):
        load(tmp_path / "a.npz")


def test_errors_name_the_file_and_the_array(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, train=X, valid=X[:, :3], test=X)
    with pytest.raises(DataError, match=rf"{path}: validation: expected examples of shape \(4,\) as in train"):
        load(path)
    bad = X.astype(float)
    bad[5, 1] = np.nan
    np.savez(path, train=X.astype(float), test=bad)
    with pytest.raises(DataError, match=f"{path}: test: expected a finite number, got nan in row 5, column 1"):
        load(path)
    np.savez(path, train=np.array([[1, 2], "a"], dtype=object))
    with pytest.raises(DataError, match=rf"{path}: array 'train': expected .* objects \(a pickle\)"):
        load(path)


def test_endings(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match="ends in .npz.*got '.xlsx'"):
        load(tmp_path / "a.xlsx")
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(DataError, match="no ending"):
        load(tmp_path / "a")
    (tmp_path / "a.csv").write_text("\n".join(f"{i},{i % 3}" for i in range(40)))
    assert load(tmp_path / "a.csv").spec == DataSpec((2,), "discrete", 40)


def write_mnist(folder, images=(60, 20), packed=True, side=28):
    rng = np.random.default_rng(0)
    for part, n in zip(("train", "t10k"), images, strict=True):
        x = struct.pack(">4B3I", 0, 0, 8, 3, n, side, side) + rng.integers(0, 256, n * side**2).astype("u1").tobytes()
        y = struct.pack(">4B1I", 0, 0, 8, 1, n) + (np.arange(n) % 10).astype("u1").tobytes()
        for stem, content in ((f"{part}-images-idx3-ubyte", x), (f"{part}-labels-idx1-ubyte", y)):
            if packed:
                (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / stem.replace("-idx", ".idx")).write_bytes(content)


@pytest.mark.parametrize("packed", [True, False])
def test_mnist_folder(tmp_path, monkeypatch, packed):
    write_mnist(tmp_path, packed=packed)
    gray = mnist_function(tmp_path)
    assert gray.spec == DataSpec((28, 28, 1), "discrete", 256)
    assert [len(s) for s in (gray.train, gray.validation, gray.test)] == [50, 10, 20]
    assert gray.labels["train"].tolist() == [i % 10 for i in range(50)]
    assert np.array_equal(load(tmp_path).train, gray.train)
    monkeypatch.setenv("MINIGEN_DATA", str(tmp_path))
    threshold, fixed, dynamic = (load(f"mnist:{name}") for name in ("threshold", "fixed", "dynamic"))
    for binary in (threshold, fixed, dynamic):
        assert binary.spec == DataSpec((28, 28, 1), "binary")
        assert binary.test.dtype == np.uint8 and np.array_equal(binary.labels["test"], gray.labels["test"])
    assert np.array_equal(threshold.train, gray.train >= 128)
    assert np.array_equal(load("mnist:fixed").train, fixed.train)
    assert not np.array_equal(load("mnist:fixed", seed=1).train, fixed.train)
    # Held-out splits are one fixed draw; training batches are drawn anew.
    assert np.array_equal(dynamic.test, fixed.test) and np.array_equal(dynamic.validation, fixed.validation)
    assert np.array_equal(dynamic.train, gray.train) and dynamic.transform is not None
    a, b = dynamic.transform(dynamic.train, 1), dynamic.transform(dynamic.train, 2)
    assert a.dtype == np.uint8 and not np.array_equal(a, b)
    for split in ("train", "validation", "test"):
        p = getattr(gray, split).ravel() / 255
        z = (getattr(fixed, split).ravel() - p).sum() / np.sqrt((p * (1 - p)).sum())
        assert abs(z) < 4.5
    assert stats.pearsonr(fixed.validation[:10].ravel(), fixed.test[:10].ravel()).pvalue > 1e-5


def test_bad_mnist_folders(tmp_path):
    with pytest.raises(DataError, match="expected train-images-idx3-ubyte.gz there"):
        load(tmp_path)
    write_mnist(tmp_path)
    with pytest.raises(ValueError, match="variant: expected one of gray"):
        mnist_function(tmp_path, variant="grey")
    with pytest.raises(ValueError, match="binary"):
        mnist_function(tmp_path, variant="dynamic", kind="discrete")
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes((tmp_path / "train-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(DataError, match="t10k: expected images and as many labels"):
        load(tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match="expected t10k-labels-idx1-ubyte.gz there"):
        load(tmp_path)


def test_download(tmp_path, monkeypatch):
    # A mirror on this disk, behind one that does not answer and one with other content.
    wrong, right, folder = tmp_path / "wrong", tmp_path / "right", tmp_path / "new" / "mnist"
    wrong.mkdir(), right.mkdir()
    write_mnist(right)
    write_mnist(wrong, images=(30, 20))
    sizes = {stem: (right / f"{stem}.gz").read_bytes() for stem in FILES}
    mirrors = [f"{place.as_uri()}/" for place in (tmp_path / "nowhere", wrong, right)]
    monkeypatch.setattr(mnist_module, "MIRRORS", mirrors)
    digests = {stem: (len(content), hashlib.sha256(content).hexdigest()) for stem, content in sizes.items()}
    monkeypatch.setattr(mnist_module, "FILES", digests)
    got = mnist_function(folder, download=True)
    assert len(got.train) == 50
    assert sorted(os.listdir(folder)) == sorted(f"{stem}.gz" for stem in FILES)
    # What is there is kept, whatever its digest: it may be a recompressed copy.
    copy = folder / "train-labels-idx1-ubyte.gz"
    copy.write_bytes(gzip.compress(gzip.decompress(copy.read_bytes()), 1))
    before = copy.read_bytes()
    monkeypatch.setattr(mnist_module, "MIRRORS", mirrors[:2])
    assert len(mnist_function(folder, download=True).train) == 50
    assert copy.read_bytes() == before
    copy.unlink()
    with pytest.raises(DataError, match="could not be downloaded: .*nowhere.*; .*wrong.*SHA-256"):
        fetch(folder)
    assert not copy.exists() and len(os.listdir(folder)) == 3
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be written"):
        fetch(tmp_path / "file")


def test_published_digests_are_whole():
    for size, digest in FILES.values():
        assert size > 0 and len(digest) == 64 and int(digest, 16) > 0


def test_real_files(data_folder):
    for name, spec, sizes in (
        ("binarized_mnist.npz", DataSpec((784,), "binary"), (50_000, 10_000, 10_000)),
        ("binary/nltcs.npz", DataSpec((16,), "binary"), (16_181, 2_157, 3_236)),
        ("red_wine.npz", DataSpec((11,), "continuous"), (1_151, 128, 320)),
        ("mnist", DataSpec((28, 28, 1), "discrete", 256), (50_000, 10_000, 10_000)),
    ):
        if not (data_folder / name).exists():
            pytest.skip(f"no {name} in {data_folder}")
        got = load(data_folder / name)
        assert got.spec == spec
        assert (len(got.train), len(got.validation), len(got.test)) == sizes
