"""Reads NumPy's .npy and .npz files without trusting them: no pickles, no size that the file does not justify."""

import ast
import math
import re
import struct
import zipfile
import zlib

import numpy as np

from .errors import MAX_BYTES, DataError, check_claim, opened
from .read_values import read_values

_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_MAX_AXES = 8
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
# All errors that zipfile raises for a damaged archive.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    LookupError,
    OSError,
)


def read_npy(path) -> np.ndarray:
    """The array of numbers in an .npy file. Raises DataError for anything else."""
    with opened(path) as (file, size):
        return _read_array(file, size, str(path))


def read_npz(path) -> dict[str, np.ndarray]:
    """The arrays of numbers in an .npz file by name, in the file's order. Raises DataError for anything else.

    Entries may be stored or deflated. What the archive says about its entries is checked before anything is
    unpacked or allocated: their sum must fit the limits in `errors.py`, and the size of an entry must be that
    of its .npy header and of the array that this describes.
    """
    with opened(path) as (file, size):
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_entries(archive, size, path)
        except DataError:
            raise
        except _ZIP_ERRORS as error:
            raise DataError(f"{path}: not a readable .npz file: {error or type(error).__name__}") from error


def _read_entries(archive, file_size, path):
    arrays, total = {}, 0
    entries = archive.infolist()
    if not entries:
        raise DataError(f"{path}: expected at least one array, got an empty archive")
    for info in entries:
        total += info.file_size
        check_claim(path, total, file_size)
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{path}: {info.filename!r}: expected a stored or deflated entry without encryption")
    for info in entries:
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            raise DataError(f"{path}: {name!r}: expected only arrays (entries named *.npy)")
        if name in arrays:
            raise DataError(f"{path}: two arrays are named {name!r}")
        with archive.open(info) as stream:
            arrays[name] = _read_array(stream, info.file_size, f"{path}: array {name!r}")
    return arrays


def _read_array(stream, size, source):
    """The array in a stream of `size` bytes, all of which it must need."""
    dtype, shape, fortran, header_size = _read_header(stream, source)
    count = math.prod(shape)
    expected = header_size + count * dtype.itemsize
    if expected != size:
        raise DataError(f"{source}: shape {shape} of {dtype} needs {expected} bytes with its header, got {size}")
    array = read_values(stream, count, dtype, source)
    if dtype.kind == "b" and count and (largest := array.view(np.uint8).max()) > 1:
        raise DataError(f"{source}: expected booleans of 0 and 1, got byte {largest}")
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)


def _read_header(stream, source):
    """(dtype, shape, whether in Fortran order, length in bytes) from the header of an .npy file."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != _MAGIC:
        raise DataError(f"{source}: not an .npy array (it does not start with NumPy's signature)")
    if start[6] not in (1, 2):
        raise DataError(f"{source}: expected .npy format 1 or 2, got {start[6]}.{start[7]}")
    width, code = (2, "<H") if start[6] == 1 else (4, "<I")
    length = stream.read(width)
    length = struct.unpack(code, length)[0] if len(length) == width else _MAX_HEADER + 1
    text = stream.read(length) if length <= _MAX_HEADER else b""
    if length > _MAX_HEADER or len(text) < length:
        raise DataError(f"{source}: the .npy header is cut off or longer than {_MAX_HEADER} bytes")
    try:
        # Python 2 wrote long integers as 12L.
        header = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text.decode("ascii")).strip())
        description, fortran, shape = (header[key] for key in ("descr", "fortran_order", "shape"))
        if len(header) != 3:
            raise ValueError("more keys than the three of the format")
    except (ValueError, SyntaxError, TypeError, LookupError, RecursionError, MemoryError) as error:
        raise DataError(f"{source}: the .npy header is damaged") from error
    if not isinstance(description, str) or not _DTYPE.fullmatch(description):
        what = "objects (a pickle)" if "O" in str(description) else f"dtype {str(description)[:40]!r}"
        raise DataError(f"{source}: expected booleans, integers or floating-point numbers, got {what}")
    if not isinstance(fortran, bool):
        raise DataError(f"{source}: the .npy header is damaged (its order is {str(fortran)[:40]!r})")
    if not isinstance(shape, tuple) or not all(type(extent) is int and 0 <= extent <= MAX_BYTES for extent in shape):
        raise DataError(f"{source}: expected a shape of non-negative integers, got {str(shape)[:80]}")
    if len(shape) > _MAX_AXES:
        raise DataError(f"{source}: expected at most {_MAX_AXES} axes, got {len(shape)}")
    return np.dtype(description), shape, fortran, 8 + width + length
