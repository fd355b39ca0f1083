"""Readers of .npy and .npz: every good array comes back, everything else is a DataError that names the place."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fuzz
from minigen.data import DataError, read_npy, read_npz
from minigen.data.errors import FREE_BYTES, MAX_BYTES, MAX_RATIO, allowance

DTYPES = st.sampled_from(["?", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8"])


@given(
    st.dictionaries(
        st.text("abcxyz_ é", min_size=1, max_size=8),
        DTYPES.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
    st.booleans(),
)
def test_what_numpy_writes_comes_back(tmp_path_factory, arrays, compressed, fortran):
    folder = tmp_path_factory.mktemp("npz")
    if fortran:
        arrays = {name: np.asfortranarray(x) if x.ndim else x for name, x in arrays.items()}
    (np.savez_compressed if compressed else np.savez)(folder / "a.npz", **arrays)
    back = read_npz(folder / "a.npz")
    assert list(back) == list(arrays)
    for name, x in arrays.items():
        np.save(folder / "a.npy", x)
        for y in (back[name], read_npy(folder / "a.npy")):
            assert y.dtype == x.dtype.newbyteorder("=") and y.dtype.isnative and y.flags.c_contiguous
            assert y.shape == x.shape
            assert np.array_equal(y, x, equal_nan=x.dtype.kind == "f")


def test_headers_of_version_2_and_of_python_2(tmp_path):
    path = tmp_path / "a.npy"
    path.write_bytes(fuzz.npy("<i2", (2, 3), np.arange(6, dtype="<i2").tobytes(), version=2))
    assert read_npy(path).tolist() == [[0, 1, 2], [3, 4, 5]]
    path.write_bytes(fuzz.npy("|u1", "(2L, 3L)", bytes(range(6))))
    assert read_npy(path).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"hello, world", "signature"),
        (b"\x93NUMPY", "signature"),
        (b"\x93NUMPY\x01\x00", "header is cut off"),
        (b"\x93NUMPY\x09\x00" + bytes(99), "format 1 or 2, got 9.0"),
        (fuzz.npy("|u1", (4, 3), bytes(12))[:-1], "needs 140 bytes with its header, got 139"),
        (fuzz.npy("|u1", (4, 3), bytes(13)), "needs 140 bytes with its header, got 141"),
        (fuzz.npy("|O", (1,), fuzz.canary_pickle("never")), "objects \\(a pickle\\)"),
        (fuzz.npy("<c8", (1,), bytes(8)), "got dtype '<c8'"),
        (fuzz.npy("<U2", (1,), bytes(8)), "got dtype '<U2'"),
        (fuzz.npy("[('a', '<f4')]", (1,), bytes(4)), "floating-point numbers, got dtype"),
        (fuzz.npy("|u1", (2**40, 2**40)), "shape of non-negative integers"),
        (fuzz.npy("|u1", (2**31, 2**31)), "needs 4611686018427387904 bytes|needs 46116860184273880"),
        (fuzz.npy("|u1", (-1, 3)), "shape of non-negative integers"),
        (fuzz.npy("|u1", "(True, 3)", bytes(3)), "shape of non-negative integers"),
        (fuzz.npy("|u1", (1,) * 9, bytes(1)), "at most 8 axes, got 9"),
        (fuzz.npy("|u1", "__import__('os')", bytes(1)), "header is damaged"),
        (fuzz.npy("|b1", (2,), b"\x01\x07"), "booleans of 0 and 1, got byte 7"),
    ],
)
def test_bad_npy_files(tmp_path, content, expected):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_npy(path)
    assert str(path) in str(caught.value)


def test_bad_npz_files_are_named(tmp_path):
    path = tmp_path / "a.npz"
    good = fuzz.npy("|u1", (4, 3), bytes(12))

    def expect(message, content):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            read_npz(path)
        assert str(path) in str(caught.value)

    expect("empty archive", fuzz.zipped([]))
    expect("not a readable .npz file", b"PK\x03\x04 but no more")
    expect("'read.me': expected only arrays", fuzz.zipped([("read.me", b"")]))
    expect("array 'b': not an .npy array", fuzz.zipped([("a.npy", good), ("b.npy", b"")]))
    expect("stored or deflated", fuzz.zipped([("a.npy", good)], zipfile.ZIP_LZMA))
    expect("objects", fuzz.zipped([("a.npy", fuzz.npy("|O", (1,), b"x"))]))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = fuzz.zipped([("a.npy", good), ("a.npy", good)])
    expect("two arrays are named 'a'", twice)
    expect("Bad CRC-32", fuzz.zipped([("a.npy", good)], zipfile.ZIP_STORED).replace(bytes(12), b"\x01" * 12, 1))
    encrypted = bytearray(fuzz.zipped([("a.npy", good)]))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    expect("without encryption", bytes(encrypted))


def test_what_is_no_file(tmp_path):
    for path in (tmp_path / "missing.npz", tmp_path, "a\0b", tmp_path / ("x" * 300)):
        for read in (read_npz, read_npy):
            with pytest.raises(DataError, match="cannot be read|got a folder"):
                read(path)


def test_limits_on_claims():
    assert allowance(0) == FREE_BYTES and allowance(2**40) == MAX_BYTES
    assert allowance(2**20) == FREE_BYTES + MAX_RATIO * 2**20


def test_zip_bombs_take_no_memory(tmp_path):
    path = tmp_path / "bomb.npz"
    for content in (fuzz.zip_bomb(size=1 << 28), fuzz.zip_bomb(size=1 << 27, honest=False)):
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError):
            read_npz(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * len(content) + 2**20


def test_sparse_arrays_that_compress_well_are_read(tmp_path):
    x = np.zeros((60_000, 784), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", x=x)
    assert read_npz(tmp_path / "a.npz")["x"].shape == x.shape


def test_entries_are_read_without_a_second_copy(tmp_path):
    x = np.random.default_rng(0).random((4000, 250))
    np.savez_compressed(tmp_path / "a.npz", x=x)
    np.save(tmp_path / "a.npy", x)
    for read in (read_npz, read_npy):
        tracemalloc.start()
        read(tmp_path / f"a.{'npz' if read is read_npz else 'npy'}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < x.nbytes + 6 * 2**20


def test_numpy_reads_the_helper_files():
    # The helpers' own .npy files are right where they mean to be.
    x = np.load(io.BytesIO(fuzz.npy("<f4", (2, 2), np.arange(4, dtype="<f4").tobytes())))
    assert x.tolist() == [[0, 1], [2, 3]]
