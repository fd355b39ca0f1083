"""Reads an array's values from a stream, which may be compressed and may end too soon."""

import numpy as np

from .errors import DataError

CHUNK = 2**20  # bytes


def read_values(stream, count: int, dtype, source) -> np.ndarray:
    """The next `count` values of `dtype`, flat. Raises DataError, which names `source`, if the stream ends too soon."""
    array = np.empty(count, dtype)
    content = array.view(np.uint8)
    done = 0
    while done < content.size:
        n = stream.readinto(content[done : done + CHUNK])
        if not n:
            raise DataError(f"{source}: its shape needs {content.size} bytes of data, got {done}")
        done += n
    return array
