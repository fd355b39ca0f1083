"""Checkpoints against NumPy and zipfile as independent readers, and against damaged and hostile files."""

import io
import itertools
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fuzz
from minigen.training.checkpoint import (
    MAX_HEADER,
    CheckpointError,
    _local_record,
    _npy_header,
    read_checkpoint,
    write_checkpoint,
)

ARRAYS = {
    "model/encoder.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "model/flags": np.array([True, False]),
    "optimizer/moment": np.linspace(0, 1, 5),
    "optimizer/count": np.array(7),
    "empty": np.zeros((0, 3), np.uint8),
}
HEADER = {"step": 7, "config": {"model": "vae", "hidden": [200, 200]}, "rng": {"key": [1, 2]}}


@pytest.fixture
def valid(tmp_path):
    path = tmp_path / "valid.npz"
    write_checkpoint(path, ARRAYS, HEADER)
    return path


@pytest.fixture
def small(tmp_path):
    """A checkpoint of so few bytes that each can be tried."""
    path = tmp_path / "small.npz"
    write_checkpoint(path, {"w": np.arange(3, dtype=np.float32)}, {"step": 7})
    return path


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


names = st.text(min_size=1, max_size=40).filter(lambda name: name != "header" and name.isprintable())
dtypes = st.sampled_from(["f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))
headers = st.dictionaries(st.text(), st.integers() | st.text(), max_size=4)


@given(st.dictionaries(names, arrays, max_size=5), headers)
def test_round_trip(tmp_path_factory, content, header):
    path = tmp_path_factory.mktemp("c") / "a.npz"
    write_checkpoint(path, content, header)
    found, found_header = read_checkpoint(path)
    assert_same(found, content)
    assert found_header == header


def test_numpy_and_zipfile_read_it(valid):
    with np.load(valid, allow_pickle=False) as loaded:
        assert_same({name: loaded[name] for name in loaded if name != "header"}, ARRAYS)
        assert json.loads(loaded["header"].tobytes()) == HEADER
    with zipfile.ZipFile(valid) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


def test_same_content_same_bytes(tmp_path, valid):
    again = tmp_path / "again.npz"
    write_checkpoint(again, dict(reversed(ARRAYS.items())), dict(reversed(HEADER.items())))
    assert again.read_bytes() == valid.read_bytes()


def test_fortran_and_strided_arrays_are_stored_by_value(tmp_path):
    x = np.arange(24.0).reshape(2, 3, 4)
    write_checkpoint(tmp_path / "a.npz", {"t": x.T, "s": x[:, ::2, ::-1]}, {})
    found, _ = read_checkpoint(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["t"], x.T)
    np.testing.assert_array_equal(found["s"], x[:, ::2, ::-1])


@pytest.mark.parametrize(
    "arrays, header, error",
    [
        ({"a": np.array([object()])}, {}, TypeError),
        ({"a": np.array(["text"])}, {}, TypeError),
        ({"a": np.zeros(2, ">f8")}, {}, TypeError),
        ({"a": np.zeros(2, complex)}, {}, TypeError),
        ({"a": [1.0, 2.0]}, {}, TypeError),
        ({"header": np.zeros(2)}, {}, ValueError),
        ({"": np.zeros(2)}, {}, ValueError),
        ({"x" * 600: np.zeros(2)}, {}, ValueError),
        ({}, {"loss": float("nan")}, ValueError),
        ({}, {"long": "x" * MAX_HEADER}, ValueError),
        ({}, [1, 2], ValueError),
    ],
)
def test_what_cannot_be_stored_is_refused_and_the_old_file_stays(valid, arrays, header, error):
    before = valid.read_bytes()
    with pytest.raises(error):
        write_checkpoint(valid, arrays, header)
    assert valid.read_bytes() == before
    assert os.listdir(valid.parent) == [valid.name]


def test_every_truncation_is_refused(small):
    content = small.read_bytes()
    for length in range(len(content)):
        small.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            read_checkpoint(small)


def test_every_single_changed_byte_is_refused(small):
    content = bytearray(small.read_bytes())
    for position in range(len(content)):
        content[position] ^= 1 << (position % 8)
        small.write_bytes(content)
        with pytest.raises(CheckpointError):
            read_checkpoint(small)
        content[position] ^= 1 << (position % 8)


def relabel(content, name, description, shape):
    """The checkpoint with one entry's npy header replaced, and records and checksums made right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    changed = []
    for entry, body in entries:
        if entry == f"{name}.npy":
            body = fuzz.npy(description, shape, body[10 + struct.unpack("<H", body[8:10])[0] :])
        changed.append((entry, body))
    return canonical(changed)


def canonical(entries):
    """A file of the layout that the writer uses, with any names and bodies."""
    import zlib

    from minigen.training.checkpoint import _directory_records

    out, directory = b"", []
    for name, body in entries:
        crc = zlib.crc32(body)
        directory.append((name.encode(), crc, len(body), len(out)))
        out += _local_record(name.encode(), crc, len(body)) + body
    return out + b"".join(_directory_records(directory, len(out)))


def json_entry(text):
    return ("header.npy", _npy_header("|u1", (len(text),)) + text)


def test_the_test_writer_makes_valid_files(valid):
    with zipfile.ZipFile(valid) as archive:
        entries = [(info.filename, archive.read(info)) for info in archive.infolist()]
    assert canonical(entries) == valid.read_bytes()


@pytest.mark.parametrize("description", [d for d in fuzz.DESCRIPTIONS if d not in ("<i8", "|u1", "|b1")])
def test_other_dtypes_are_refused(valid, description):
    valid.write_bytes(relabel(valid.read_bytes(), "optimizer/moment", description, (5,)))
    with pytest.raises(CheckpointError):
        read_checkpoint(valid)


@pytest.mark.parametrize(
    "shape",
    [(n,) for n in fuzz.HUGE]
    + [(0, n) for n in fuzz.HUGE]
    + [(2**32, 2**32), (0, 2**40, 2**40), (4,), (5, 0), (1,) * 40 + (5,)]
    + ["(-5,)", "(5.0,)", "5", "(5", "(True,)"],
)
def test_lying_shapes_are_refused_without_allocation(valid, shape):
    valid.write_bytes(relabel(valid.read_bytes(), "optimizer/moment", "<f8", shape))
    tracemalloc.start()
    with pytest.raises(CheckpointError):
        read_checkpoint(valid)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


@pytest.mark.parametrize(
    "text",
    [
        b"", b"null", b"[1]", b'{"a": NaN}', b'{"a": Infinity}', b"{", b"\xff\xfe", b"[" * 200_000,
        b'{"a":' * 40_000, b'{"a": ' + b"9" * 5000 + b"}", b" " * (MAX_HEADER + 1),
    ],
)
def test_bad_headers_are_refused(valid, text):
    valid.write_bytes(canonical([json_entry(text)]))
    with pytest.raises(CheckpointError):
        read_checkpoint(valid)


def test_hostile_layouts_are_refused(valid):
    good, header = _npy_header("|u1", (3,)) + b"abc", json_entry(b"{}")
    cases = {
        "no header": [("a.npy", good)],
        "header is not bytes": [("header.npy", _npy_header("<f4", (1,)) + b"1234")],
        "twice the same name": [header, ("a.npy", good), ("a.npy", good)],
        "no .npy": [header, ("a", good)],
        "only .npy": [header, (".npy", good)],
        "boolean 2": [header, ("a.npy", _npy_header("|b1", (1,)) + b"\2")],
        "fortran": [header, ("a.npy", fuzz.npy("|u1", (3,), b"abc", fortran=True))],
        "version 2": [header, ("a.npy", fuzz.npy("|u1", (3,), b"abc", version=2))],
        "empty entry": [header, ("a.npy", b"")],
    }
    for label, entries in cases.items():
        valid.write_bytes(canonical(entries))
        with pytest.raises(CheckpointError):
            read_checkpoint(valid)
            pytest.fail(label)


def test_hostile_files_do_nothing(tmp_path):
    canary, path = tmp_path / "executed", tmp_path / "evil.npz"
    for label, content in fuzz.hostile_npz(canary, ("header", "model/w")):
        path.write_bytes(content)
        tracemalloc.start()
        with pytest.raises(CheckpointError):
            read_checkpoint(path)
            pytest.fail(label)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3 * len(content) + 1_000_000, label
        assert not canary.exists()


def mutants(content, rng):
    """Corrupted checkpoints: half of them damaged inside an entry, with records and checksums right again."""
    whole = fuzz.mutations(content, rng)
    entries = fuzz.unzipped(content)
    inside = [fuzz.mutations(body, rng) for _, body in entries]
    while True:
        yield next(whole)
        pick = int(rng.integers(len(entries)))
        label, body = next(inside[pick])
        yield f"inside, {label}", canonical(entries[:pick] + [(entries[pick][0], body)] + entries[pick + 1 :])


def corrupt(path, valid, count, seed):
    content = valid.read_bytes()
    refused = 0
    for label, changed in itertools.islice(mutants(content, np.random.default_rng(seed)), count):
        path.write_bytes(changed)
        try:
            found, header = read_checkpoint(path)
        except CheckpointError:
            refused += 1
        else:  # changed values with a right checksum are another checkpoint: NumPy must read the same
            if changed != content:
                with np.load(path, allow_pickle=False) as loaded:
                    assert_same(found, {name: loaded[name] for name in loaded if name != "header"})
                assert label.startswith("inside")
    return refused


def test_mutated_checkpoints_are_refused(tmp_path, valid):
    assert corrupt(tmp_path / "m.npz", valid, 600, 0) > 450


@pytest.mark.slow
def test_ten_thousand_mutated_checkpoints_are_refused(tmp_path, valid):
    assert corrupt(tmp_path / "m.npz", valid, 10_000, 1) > 8_000


@pytest.mark.parametrize("entries", [1, 4000])
def test_memory_is_a_small_multiple_of_the_file(tmp_path, entries):
    path = tmp_path / "large.npz"
    part = np.ones(4_000_000 // entries, np.float32)
    write_checkpoint(path, {f"{i:05d}": part for i in range(entries)}, {})
    size = path.stat().st_size
    tracemalloc.start()
    found = read_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found[0]) == entries
    assert peak < 1.2 * size + 2_000_000


def test_other_things_than_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "pipe", tmp_path / "folder", tmp_path / "missing", "/dev/zero"):
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from minigen.training.checkpoint import write_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checkpoint(sys.argv[1], {"w": np.zeros(100_000)}, {})
except OSError as error:
    print("refused", error.errno)
"""


def test_a_full_disk_leaves_the_earlier_file_and_no_rest(valid):
    before = valid.read_bytes()
    command = [sys.executable, "-c", FULL_DISK, valid]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("refused"), done.stderr
    assert valid.read_bytes() == before
    assert os.listdir(valid.parent) == [valid.name]
