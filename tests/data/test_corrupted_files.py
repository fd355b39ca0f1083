"""Corrupted data files: a DataError or a valid data set, nothing executed, memory bounded."""

import gzip
import io
import itertools
import struct
import tracemalloc
import warnings

import numpy as np
import pytest

import fuzz
from minigen.data import DataError, Dataset, load
from minigen.data.errors import FREE_BYTES


def valid_files():
    """One valid file of each format, by name."""
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2, (60, 5)).astype("u1")
    files = {}
    for name, save in (("stored.npz", np.savez), ("packed.npz", np.savez_compressed)):
        stream = io.BytesIO()
        save(stream, train=bits, valid=bits[:9], test=bits[:8])
        files[name] = stream.getvalue()
    stream = io.BytesIO()
    np.savez(stream, x=rng.standard_normal((40, 3)).astype("f4"), fold=np.arange(40))
    files["real.npz"] = stream.getvalue()
    for name, array in (("grey.npy", bits * 9), ("real.npy", rng.standard_normal((30, 4)))):
        stream = io.BytesIO()
        np.save(stream, array)
        files[name] = stream.getvalue()
    images = rng.integers(0, 256, (30, 4, 4)).astype("u1")
    files["images-idx3-ubyte"] = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    files["images-idx3-ubyte.gz"] = gzip.compress(files["images-idx3-ubyte"])
    table = "\n".join(",".join(f"{value:.3f}" for value in row) for row in rng.standard_normal((30, 4)))
    files["named.csv"] = f"a,b,c,d\n{table}\n".encode()
    files["plain.csv"] = "\n".join(" ".join(map(str, row)) for row in (bits * 7).tolist()).encode()
    files["text.txt"] = ("Dæmons and dragons, grüße und Küsse. " * 60).encode()
    return files


FILES = valid_files()
# A valid array is copied a few times on its way to a data set; files may claim FREE_BYTES.
PEAK = 4 * FREE_BYTES


def outcome(path, label):
    """Whether the file at `path` loads; fails on any error but DataError, and on memory beyond the bound."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            data = load(path)
        assert isinstance(data, Dataset), label
        for split in (data.train, data.validation, data.test):
            assert split.shape[1:] == data.spec.shape and len(split), label
        loaded = True
    except DataError as error:
        assert str(path) in str(error), (label, str(error))
        loaded = False
    except Exception as error:
        raise AssertionError(f"{path.name}: {label}: {type(error).__name__}: {error}") from error
    assert tracemalloc.get_traced_memory()[1] - before < PEAK, label
    return loaded


@pytest.fixture
def memory():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def corrupt(name, folder, count, seed):
    """How many of `count` mutations of a valid file still load."""
    path, rng = folder / name, np.random.default_rng(seed)
    loaded = 0
    for label, content in itertools.islice(fuzz.mutations(FILES[name], rng), count):
        path.write_bytes(content)
        loaded += outcome(path, label)
    return loaded


@pytest.mark.parametrize("name", FILES)
def test_valid_files_load(tmp_path, name, memory):
    (tmp_path / name).write_bytes(FILES[name])
    assert outcome(tmp_path / name, "valid")


@pytest.mark.parametrize("name", FILES)
def test_corrupted_files(tmp_path, name, memory):
    loaded = corrupt(name, tmp_path, 60, seed=1)
    # The mutations do harm; text has little that could be broken.
    assert loaded < 60 if name.endswith(".txt") else loaded < 40


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_ten_thousand_corrupted_files(tmp_path, name, memory):
    corrupt(name, tmp_path, 10_000 // len(FILES) + 1, seed=2)


def test_hostile_archives(tmp_path, memory):
    canary = tmp_path / "executed"
    loaded = []
    for label, content in fuzz.hostile_npz(canary):
        path = tmp_path / "a.npz"
        path.write_bytes(content)
        if outcome(path, label):
            loaded.append(label)
        assert not canary.exists(), label
    # Harmless all the same: a version of the format that is right, and an archive behind which another stands.
    assert set(loaded) <= {"header version 2"}


def test_hostile_arrays_and_other_formats(tmp_path, memory):
    canary = tmp_path / "executed"
    evil = fuzz.canary_pickle(canary)
    contents = {
        "a pickle": evil,
        "a pickled array": fuzz.npy("|O", (1,), evil),
        "a zip": FILES["stored.npz"],
        "gzip in gzip": gzip.compress(FILES["images-idx3-ubyte.gz"]),
        "a gzip bomb": gzip.compress(bytes(1 << 26), 9),
        "zeros": bytes(4096),
        "ones": b"\xff" * 4096,
        "one long line": b"1," * 50_000,
        "many lines": b"\n" * 100_000,
        "many short rows": b"1\n" * 50_000,
        "deep brackets": b"(" * 10_000,
        "a long number": b"9" * 10_000,
        "quotes": b'"' * 9_999,
    }
    contents.update({f"size {size}": fuzz.npy("|u1", (size, 3), bytes(12)) for size in fuzz.HUGE})
    for label, content in contents.items():
        for name in ("a.npz", "a.npy", "a.csv", "a.txt", "a.gz", "a.idx"):
            (tmp_path / name).write_bytes(content)
            outcome(tmp_path / name, f"{label} as {name}")
            assert not canary.exists(), label
