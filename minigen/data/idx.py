"""Reads IDX files, the format of MNIST: a type code, the extents, and the numbers, all big-endian."""

import gzip
import math
import struct
import zlib

import numpy as np

from .errors import DataError, check_claim, opened
from .read_values import read_values

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 8


def read_idx(path) -> np.ndarray:
    """The array in an IDX file, plain or compressed by gzip (told by its first bytes, not by its name).

    The extents in its header must fit the data, and are checked against the limits in `errors.py` before anything is
    allocated. Raises DataError for anything else.

    Format: two zero bytes, the code of the type, the number of axes, each extent in 4 bytes, the data; source:
    Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
    """
    with opened(path) as (file, size):
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) if packed else file as stream:
                return _read_array(stream, size, packed, path)
        except (EOFError, zlib.error, struct.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: not a readable gzip file: {error}") from error


def _read_array(stream, file_size, packed, path):
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        raise DataError(f"{path}: not an IDX file (it starts with {start.hex()!r})")
    if not 1 <= start[3] <= _MAX_AXES:
        raise DataError(f"{path}: expected 1 to {_MAX_AXES} axes, got {start[3]}")
    extents = stream.read(4 * start[3])
    if len(extents) < 4 * start[3]:
        raise DataError(f"{path}: the file ends inside its header")
    shape = struct.unpack(f">{start[3]}I", extents)
    dtype = np.dtype(_DTYPES[start[2]])
    count, header_size = math.prod(shape), 4 + 4 * start[3]
    expected = header_size + count * dtype.itemsize
    if packed:
        check_claim(path, expected, file_size)
    elif expected != file_size:
        raise DataError(f"{path}: shape {shape} of {dtype} needs {expected} bytes with its header, got {file_size}")
    array = read_values(stream, count, dtype, path)
    if stream.read(1):
        raise DataError(f"{path}: the data go on after the {array.nbytes} bytes that shape {shape} needs")
    # An extent of 0 beside huge ones needs no memory, but NumPy cannot make such a shape.
    if count == 0:
        raise DataError(f"{path}: expected data, got shape {shape}")
    return array.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
