"""Where arrays lie in memory, and how freed memory is kept for work that soon asks for it again."""

import ctypes
import functools

import numpy as np

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
LARGEST, KEPT = 1 << 28, 1 << 30  # bytes


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 1 GiB that was freed, in arrays of up to 256 MiB, instead of returning it.

    A training step frees its arrays, and the next step asks for them again. By default the GNU library returns the
    pages to the system once it has more than some megabytes of them, and the system clears new ones. This took a sixth
    of a step's time, and half the time of a compiled kernel that makes a large array. The setting holds for the whole
    process. Returns whether it was made; other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))


def zeros_apart(xp, size: int, dtype, shift: int):
    """A flat array of zeros that begins `shift` times 256 bytes behind where the allocator put it.

    For arrays that one loop reads and writes side by side: give each another shift. Large arrays all begin at the same
    offset in a page of 4096 bytes, and a processor delays a load if the last 12 bits of its address equal those of an
    earlier store, even to another array. Adam took twice as long.
    """
    skipped = 256 * shift // np.dtype(dtype).itemsize
    return xp.zeros(size + skipped, dtype)[skipped:]
