"""Freed memory is kept, where the C library can be told to."""

import platform

import numpy as np
import pytest

from minigen.arrays import memory

CYCLE = """
import resource
import numpy as np
from minigen.arrays.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        kept = [np.ones(1 << 20) for _ in range(8)]
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if {keep}:
    assert keep_freed_memory() and keep_freed_memory()
faults()
print(faults())
"""

OFFSETS = """
import numpy as np
from minigen.arrays.memory import zeros_apart

arrays = [zeros_apart(np, 1 << 20, "{dtype}", shift) for shift in range(4)]
print(*[array.ctypes.data % 4096 for array in arrays])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is a setting of the GNU C library")
def test_the_same_pages_are_used_again(fresh_python):
    # 8 arrays of 8 MB: huge pages leave few faults in either case
    assert int(fresh_python(CYCLE.format(keep=True))) < 10 < int(fresh_python(CYCLE.format(keep=False)))


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory.__wrapped__() is False


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays_begin_at_different_offsets_of_a_page(dtype, fresh_python):
    # in a process of its own: where arrays begin depends on what the allocator was asked for before
    offsets = sorted(int(offset) for offset in fresh_python(OFFSETS.format(dtype=dtype)).split())
    assert all(later - sooner >= 128 for sooner, later in zip(offsets, offsets[1:], strict=False))
    for array in (memory.zeros_apart(np, 1 << 20, dtype, shift) for shift in range(4)):
        assert array.shape == (1 << 20,) and array.dtype == dtype and not array.any()
        assert array.flags.c_contiguous and array.flags.writeable
