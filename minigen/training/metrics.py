"""metrics.jsonl: one line of figures for each epoch, and nothing that differs between two runs of one
seed."""

import contextlib
import json
import os

from ..arrays.files import reason


class RunError(ValueError):
    """A run folder that cannot be made, found, read or written."""


class Metrics:
    """An open metrics file."""

    def __init__(self, file, path):
        self._file, self._path = file, path

    def append(self, row):
        """Add a dict of numbers as one line; returns the line's length in bytes. RunError if the disk is full."""
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        try:
            if self._file.write(line) != len(line):
                raise OSError(None, "only a part of the line was written")
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {reason(error)}") from error
        return len(line)

    def sync(self):
        """Wait until the lines are on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise RunError(f"cannot write {self._path}: {reason(error)}") from error


@contextlib.contextmanager
def open_metrics(path, length):
    """The metrics file at `path`, cut to its first `length` bytes and locked against a second process.

    Raises RunError if another process is training there or the file is shorter than `length`.
    """
    try:
        file = open(path, "r+b", buffering=0)
    except OSError as error:
        raise RunError(f"cannot write {path}: {reason(error)}") from error
    with file:
        _lock(file, path)
        size = file.seek(0, os.SEEK_END)
        if size < length:
            raise RunError(f"{path} has {size} bytes where the checkpoint expects {length}")
        file.truncate(length)
        file.seek(length)
        yield Metrics(file, path)


def read_metrics(path):
    """The lines of the metrics file as a list of dicts; RunError if they are not JSON objects."""
    try:
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"cannot read {path}: {error}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise RunError(f"cannot read {path}: expected one JSON object a line")
    return rows


def _lock(file, path):
    try:
        import fcntl
    except ImportError:  # not a POSIX system: no lock there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(f"another process is training in {path.parent}") from None
    except OSError:  # a file system without locks
        pass
