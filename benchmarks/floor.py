"""What the machine can do: the rate of its matrix products and of its memory."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minigen.arrays.pool import thread_count


def measure(repeats: int = 12) -> dict:
    """`flops`: operations a second in float32 products of 2048 × 2048; `bandwidth`: bytes a second in large copies.

    Both with all threads, best of the repeats; a copy's bytes are those read and those written.
    """
    a = np.ones((2048, 2048), np.float32)
    product = min(_seconds(lambda: a @ a) for _ in range(repeats))
    n, pieces = 2**24, thread_count()
    source, target = np.ones(n, np.float32), np.ones(n, np.float32)
    bounds = [n * i // pieces for i in range(pieces + 1)]
    spans = [slice(*span) for span in zip(bounds[:-1], bounds[1:], strict=True)]
    with ThreadPoolExecutor(pieces) as pool:
        copy = min(_seconds(lambda: list(pool.map(lambda span: np.copyto(target[span], source[span]), spans)))
                   for _ in range(repeats))
    return {"flops": 2 * 2048**3 / product, "bandwidth": 2 * source.nbytes / copy}


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
