"""Files that are either wholly there or not there at all."""

import contextlib
import os
import threading
from pathlib import Path


@contextlib.contextmanager
def replacing(path, mode="wb"):
    """Open a file that takes the place of `path` only once it is complete and on the disk.

    The bytes go to a temporary file in the same folder, which is synced and renamed over `path`; then the
    folder is synced. On any failure (an exception in the block, a full disk) the temporary file is removed
    and whatever stood at `path` before stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    encoding = None if "b" in mode else "utf-8"
    try:
        with open(temporary, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)


def sync_folder(folder):
    """Make renames and removals inside `folder` survive a power cut, where the file system can promise that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def remove_leftovers(folder):
    """Remove the temporary files that a killed process left in `folder`."""
    for path in Path(folder).glob(".*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def reason(error):
    """What an OSError says, in words."""
    return error.strerror or str(error)
