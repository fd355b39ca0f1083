"""Where arrays lie in memory, and keeping freed memory for work that asks for the same arrays again and again."""

import ctypes
import functools

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
LARGEST, KEPT = 1 << 28, 1 << 30  # bytes


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 1 GiB that was freed, in arrays of up to 256 MiB, instead of returning it.

    A training step frees what it needed and the next one asks for it again. Left alone, the GNU library gives the
    pages back once there are more than some megabytes of them, and the system clears new ones: a sixth of a step's
    time was seen to go there, and half of a compiled kernel's that makes a large array. It holds for the whole
    process. Returns whether it was done; elsewhere nothing is changed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))


def zeros_apart(xp, size: int, dtype, place: int):
    """A flat array of zeros that begins `place` times 256 bytes behind where the allocator put it.

    For arrays that one loop reads and writes side by side, each with a place of its own. Large arrays all begin at the
    same offset in a page of 4096 bytes, and a processor holds back a load when the last 12 bits of its address are
    those of a store before it, though that was to another array: Adam took twice as long.
    """
    skipped = 256 * place // np.dtype(dtype).itemsize
    return xp.zeros(size + skipped, dtype)[skipped:]
