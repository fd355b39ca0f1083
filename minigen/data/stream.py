"""Reading an array's values from a stream, which may be a compressed one that ends too soon."""

import numpy as np

from .errors import DataError

CHUNK = 2**20  # bytes


def read_values(stream, count: int, dtype, source) -> np.ndarray:
    """The next `count` values of `dtype` as a flat array; DataError, naming `source`, if the stream ends before."""
    array = np.empty(count, dtype)
    content = array.view(np.uint8)
    done = 0
    while done < content.size:
        got = stream.readinto(content[done : done + CHUNK])
        if not got:
            raise DataError(f"{source}: its shape needs {content.size} bytes of data, got {done}")
        done += got
    return array
