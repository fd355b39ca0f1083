"""What all readers of data files share: one error, and limits on sizes that a file claims."""

import stat
from contextlib import contextmanager
from pathlib import Path

# A file that is larger than this, or that says it unpacks to more, is not read.
MAX_BYTES = 4 * 2**30
# A compressed file may claim FREE_BYTES whatever its size, and beyond that MAX_RATIO times its own size:
# real data sets stay below 100, while a zip bomb reaches the 1,032 that deflate can do.
MAX_RATIO = 250
FREE_BYTES = 64 * 2**20


class DataError(ValueError):
    """A data file, or an array from one, that a reader cannot take; the message names the file and the position."""


class MissingValues(DataError):
    """Values are missing (NaN, an empty cell) where they were not asked for by `missing=True`."""


def allowance(file_size: int) -> int:
    """How many bytes a compressed file of `file_size` bytes may unpack to."""
    return min(MAX_BYTES, FREE_BYTES + MAX_RATIO * file_size)


def check_claim(source, claimed: int, file_size: int):
    """Raise DataError if a compressed file of `file_size` bytes claims to unpack to too much."""
    if claimed > allowance(file_size):
        raise DataError(
            f"{source}: says that it unpacks to {claimed} bytes; expected at most {allowance(file_size)} from a "
            f"file of {file_size} bytes (is it damaged, or made to exhaust the memory?)"
        )


@contextmanager
def opened(path):
    """Open a regular, non-empty file for reading: gives (file, its size in bytes).

    Errors of the file system, here and in the body, come out as DataError.
    """
    path = Path(path)
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise DataError(f"{path}: expected a file, got {'a folder' if path.is_dir() else 'a special file'}")
        if info.st_size == 0:
            raise DataError(f"{path}: the file is empty")
        if info.st_size > MAX_BYTES:
            raise DataError(f"{path}: expected a file of at most {MAX_BYTES} bytes, got {info.st_size}")
        with open(path, "rb") as file:
            yield file, info.st_size
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{str(path)!r}: cannot be read: {error}") from error
