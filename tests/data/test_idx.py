"""The IDX reader."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigen.data import DataError, read_idx

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array, code=None, shape=None):
    """The bytes of an IDX file, with another type code or shape if given."""
    name = array.dtype.str[1:]
    shape = array.shape if shape is None else shape
    head = bytes([0, 0, CODES[name] if code is None else code, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    return head + array.astype(f">{name}").tobytes()


@given(
    st.sampled_from(list(CODES)).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(max_dims=5, max_side=4))),
    st.booleans(),
)
def test_every_type_comes_back(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "a.idx"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    back = read_idx(path)
    assert back.dtype == array.dtype and back.dtype.isnative
    assert np.array_equal(back, array, equal_nan=array.dtype.kind == "f")


GOOD = np.arange(24, dtype="u1").reshape(2, 3, 4)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0\0", "not an IDX file"),
        (b"\0\1" + idx(GOOD)[2:], "not an IDX file"),
        (idx(GOOD, code=7), "not an IDX file"),
        (b"\0\0\x08\0", "1 to 8 axes, got 0"),
        (b"\0\0\x08\xff", "1 to 8 axes, got 255"),
        (idx(GOOD)[:10], "ends inside its header"),
        (idx(GOOD)[:-1], "got 39|got 23"),
        (idx(GOOD) + b"\0", "got 41|go on after the 24"),
        (idx(GOOD, shape=(2, 3, 5)), "needs"),
        (idx(GOOD, shape=(2**32 - 1,) * 3), "needs|unpacks to"),
        (idx(GOOD[:0], shape=(0, 2**32 - 1)), "expected data"),
    ],
)
def test_bad_files(tmp_path, content, expected, packed):
    path = tmp_path / "a-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=expected) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "a.gz"
    packed = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (9, 99)).astype("u1")))
    for bad in (
        packed[:-9],
        packed[:30],
        packed + b"rest",
        packed[:-8] + bytes(8),
        packed[:90] + bytes([packed[90] ^ 255]) + packed[91:],
    ):
        path.write_bytes(bad)
        with pytest.raises(DataError, match="not a readable gzip file"):
            read_idx(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        read_idx(path)


def test_gzip_bombs_take_no_memory(tmp_path):
    path = tmp_path / "a.gz"
    zeros = gzip.compress(bytes(1 << 27), 9)
    claim = bytes([0, 0, 8, 2]) + struct.pack(">2I", 1 << 17, 1 << 10)
    for content in (gzip.compress(claim) + zeros, zeros, gzip.compress(idx(GOOD)) + zeros):
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(DataError):
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20


def test_mnist_files(data_folder):
    if not (data_folder / "mnist").is_dir():
        pytest.skip(f"no mnist folder in {data_folder}")
    labels = read_idx(data_folder / "mnist" / "t10k-labels-idx1-ubyte.gz")
    images = read_idx(data_folder / "mnist" / "t10k-images-idx3-ubyte.gz")
    assert images.shape == (10_000, 28, 28) and images.dtype == np.uint8 and images.max() == 255
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
