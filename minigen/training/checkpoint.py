r"""Checkpoints: a NumPy .npz file whose every byte is accounted for.

A checkpoint is a zip archive of .npy entries, stored and not deflated, so no entry can be larger than the file, and
each has a CRC. `numpy.load` and any unzip program read it. The layout is canonical: entries lie back to back in the
order of their names, every record has the 64-bit form, dates are fixed. The same content therefore gives the same
bytes. A reader can demand that each record is exactly what the writer would have written: it parses a name, a CRC and a
size, writes the record again and compares. It interprets nothing else in the file.

How to read this file. A zip archive has three kinds of records, little-endian, each with a signature of four bytes:

    local record    PK\3\4   before the bytes of each entry: its name, CRC and size
    central record  PK\1\2   at the end of the file, one for each entry again, with the offset of the local record
    end records     PK\6\6, PK\6\7, PK\5\6   where the central records begin, and how many there are

The `Struct`s below are these records field by field ("<" little-endian, "4s" four bytes, "H", "I" and "Q" integers of
two, four and eight bytes). Sizes are 2³² - 1 in the old fields, which sends a reader to the 64-bit ones (`_WIDE`).
`_local_record` and `_directory_records` write; `_scan` walks through the local records and compares; `_Entry.read`
reads the bytes of one array.
"""

import json
import math
import os
import re
import stat
import struct
import zlib
from pathlib import Path

import numpy as np

from ..arrays.files import replacing

HEADER = "header"  # the entry that holds the JSON, as bytes
MAX_HEADER = 256 * 1024  # JSON grows when it is parsed; a real header is a few kilobytes
MAX_NAME = 512
DTYPES = ("<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1")

_LOCAL = struct.Struct("<4s5H3I2H")  # signature, version, flags, method, time, date, crc, sizes, lengths
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_WIDE, _WIDE_OFFSET = struct.Struct("<2H2Q"), struct.Struct("<2H3Q")  # the 64-bit extra fields
_END64, _LOCATOR, _END = struct.Struct("<4sQ2H2I4Q"), struct.Struct("<4sIQI"), struct.Struct("<4s4H2IH")
_VERSION, _UTF8, _DATE = 45, 0x800, 0x21  # the format's version 4.5; names in UTF-8; 1 January 1980
_NPY = re.compile(rb"\{'descr': '([<|][fiub]\d)', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n")


class CheckpointError(ValueError):
    """The file is not a checkpoint that this package wrote, or not one that fits the model."""


def write_checkpoint(path, arrays, header):
    """Write named arrays and a JSON header to `path`, which changes only when everything is on the disk.

    `arrays` maps names to ndarrays (float32, float64, integers or booleans, any shape); `header` is a dict
    that JSON can hold, without NaN. Raises ValueError or TypeError for content that the format cannot hold,
    and OSError (disk full, no permission) from the file system; the earlier file stays in both cases.
    """
    text = json.dumps(header, allow_nan=False, sort_keys=True).encode()
    if not isinstance(header, dict) or len(text) > MAX_HEADER:
        raise ValueError(f"header: expected a dict of at most {MAX_HEADER} bytes of JSON, got {len(text)}")
    if HEADER in arrays:
        raise ValueError(f"arrays: the name {HEADER!r} is taken by the JSON header")
    entries = {HEADER: np.frombuffer(text, np.uint8)}
    entries.update((name, _storable(name, arrays[name])) for name in sorted(arrays))
    directory, offset = [], 0
    with replacing(path) as file:
        for name, array in entries.items():
            npy, content = _npy_header(array.dtype.str, array.shape), array.reshape(-1).view(np.uint8)
            crc, size = zlib.crc32(content, zlib.crc32(npy)), len(npy) + content.nbytes
            local = _local_record(f"{name}.npy".encode(), crc, size)
            file.write(local)
            file.write(npy)
            file.write(content)
            directory.append((f"{name}.npy".encode(), crc, size, offset))
            offset += len(local) + size
        for record in _directory_records(directory, offset):
            file.write(record)


def read_checkpoint(path):
    """Read what `write_checkpoint` wrote: `(arrays, header)`.

    Every record is checked against the file's size before an array is allocated; the memory used is the
    file's size plus a few megabytes at most. Raises CheckpointError for anything that is not exactly a
    checkpoint.
    """
    path = Path(path)
    try:
        with open(path, "rb", opener=_open_regular) as file:
            entries = _scan(file, os.fstat(file.fileno()).st_size)
            if entries[0].name != HEADER or entries[0].dtype != "|u1" or entries[0].size > MAX_HEADER:
                raise CheckpointError("the first entry is not the JSON header")
            arrays = {entry.name: entry.read(file) for entry in entries}
        header = _parse_header(arrays.pop(HEADER).tobytes())
    except CheckpointError as error:
        raise CheckpointError(f"{path} is not a valid checkpoint: {error}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot read the checkpoint: {error.strerror or error}") from error
    return arrays, header


def _storable(name, array):
    if not isinstance(name, str) or not name or len(f"{name}.npy".encode()) > MAX_NAME:
        raise ValueError(f"arrays: expected names of at most {MAX_NAME} bytes, got {name!r}")
    if not isinstance(array, np.ndarray) or array.dtype.str not in DTYPES:
        what = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"arrays[{name!r}]: expected an array of one of {', '.join(DTYPES)}, got {what}")
    return np.asarray(array, order="C")


def _npy_header(dtype, shape):
    # NumPy's format 1.0: magic, length, a dict as text, padded with blanks so that the data start at a
    # multiple of 64
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _local_record(name, crc, size):
    wide = _WIDE.pack(1, 16, size, size)
    sizes = (2**32 - 1, 2**32 - 1, len(name), len(wide))
    return _LOCAL.pack(b"PK\3\4", _VERSION, _UTF8, 0, 0, _DATE, crc, *sizes) + name + wide


def _directory_records(entries, start):
    end = start
    for name, crc, size, offset in entries:
        wide = _WIDE_OFFSET.pack(1, 24, size, size, offset)
        sizes = (2**32 - 1, 2**32 - 1, len(name), len(wide), 0, 0, 0, 0, 2**32 - 1)
        record = _CENTRAL.pack(b"PK\1\2", _VERSION, _VERSION, _UTF8, 0, 0, _DATE, crc, *sizes) + name + wide
        end += len(record)
        yield record
    count = len(entries)
    last = _END64.pack(b"PK\6\6", 44, _VERSION, _VERSION, 0, 0, count, count, end - start, start)
    last += _LOCATOR.pack(b"PK\6\7", 0, end, 1)
    yield last + _END.pack(b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)


class _Entry:
    __slots__ = ("name", "dtype", "shape", "size", "position", "crc")

    def __init__(self, name, dtype, shape, size, position, crc):
        self.name, self.dtype, self.shape = name, dtype, shape
        self.size, self.position, self.crc = size, position, crc

    def read(self, file):
        # `size` counts the data after the .npy header, and has been held against the shape and the file's
        # size
        array = np.empty(self.size, np.uint8)
        file.seek(self.position)
        if file.readinto(array) != self.size:
            raise CheckpointError(f"the file ends inside entry {self.name!r}")
        if zlib.crc32(array, zlib.crc32(_npy_header(self.dtype, self.shape))) != self.crc:
            raise CheckpointError(f"entry {self.name!r} is damaged (its checksum differs)")
        if self.dtype == "|b1" and self.size and array.max() > 1:
            raise CheckpointError(f"entry {self.name!r} holds values that are not booleans")
        return array.view(self.dtype).reshape(self.shape)


def _open_regular(path, flags):
    # a pipe or a device could block or never end, so look before reading
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CheckpointError("it is not a regular file")
    return descriptor


def _scan(file, file_size):
    """Walk the records, insisting on the canonical layout; return the entries without having read their data."""
    entries, directory, names, offset = [], [], set(), 0
    while True:
        file.seek(offset)
        fixed = file.read(_LOCAL.size)
        if len(fixed) < _LOCAL.size:
            raise CheckpointError("it ends too early")
        signature, *_, crc, _, _, name_length, extra_length = _LOCAL.unpack(fixed)
        if signature != b"PK\3\4":
            break
        if name_length > MAX_NAME or extra_length != _WIDE.size:
            raise CheckpointError(f"the record at byte {offset} is not one that a checkpoint has")
        rest = file.read(name_length + extra_length)
        if len(rest) < name_length + extra_length:
            raise CheckpointError("it ends inside a record")
        raw, size = rest[:name_length], _WIDE.unpack(rest[name_length:])[2]
        if fixed + rest != _local_record(raw, crc, size):
            raise CheckpointError(f"the record at byte {offset} is not one that a checkpoint has")
        start = offset + len(fixed) + len(rest)
        if size > file_size - start:
            raise CheckpointError(f"an entry claims {size} bytes, more than the file has left")
        name = _decode_name(raw)
        if name in names:
            raise CheckpointError(f"it holds {name!r} twice")
        dtype, shape, header_length = _read_npy_header(file, size, name)
        names.add(name)
        entries.append(_Entry(name, dtype, shape, size - header_length, start + header_length, crc))
        directory.append((raw, crc, size, offset))
        offset = start + size
    if not entries:
        raise CheckpointError("it has no entries")
    file.seek(offset)
    for record in _directory_records(directory, offset):
        if file.read(len(record)) != record:
            raise CheckpointError("its directory does not agree with its entries")
    if file.read(1):
        raise CheckpointError("it goes on after its end")
    return entries


def _decode_name(raw):
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise CheckpointError("an entry's name is not UTF-8") from None
    if not name.endswith(".npy") or len(name) == 4:
        raise CheckpointError(f"entry {name!r} is not an array")
    return name[:-4]


def _read_npy_header(file, size, name):
    prefix = file.read(10)
    if size < 10 or len(prefix) < 10 or prefix[:8] != b"\x93NUMPY\x01\x00":
        raise CheckpointError(f"entry {name!r} is not in NumPy's format 1.0")
    length = struct.unpack("<H", prefix[8:])[0]
    if length > min(size - 10, 1024):  # 32 axes of 20 digits fit
        raise CheckpointError(f"entry {name!r} has a header of {length} bytes")
    text = file.read(length)
    match = _NPY.fullmatch(text)
    if match is None or match[1].decode() not in DTYPES:
        raise CheckpointError(f"entry {name!r} is not an array of plain numbers")
    dtype, numbers = match[1].decode(), [n for n in re.split(rb", ?", match[2]) if n]
    if len(numbers) > 32 or any(len(n) > 18 or not n.isdigit() for n in numbers):
        raise CheckpointError(f"entry {name!r} claims an impossible shape")
    shape = tuple(int(n) for n in numbers)
    if prefix + text != _npy_header(dtype, shape):
        raise CheckpointError(f"entry {name!r} has an unusual header")
    # an axis of length 0 hides the others from the product, and NumPy bounds the product without it
    if math.prod(shape) * int(dtype[2]) != size - 10 - length or math.prod(n or 1 for n in shape) >= 2**59:
        raise CheckpointError(f"entry {name!r} claims shape {shape}, which disagrees with its {size} bytes")
    return dtype, shape, 10 + length


def _parse_header(text):
    def refuse(constant):
        raise CheckpointError(f"its header holds {constant}")

    try:
        header = json.loads(text.decode(), parse_constant=refuse)
    except CheckpointError:
        raise
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"its header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise CheckpointError("its header is not a JSON object")
    return header
