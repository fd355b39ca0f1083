"""Freed memory is kept, where the C library can be told to."""

import platform

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is a setting of the GNU C library")
def test_the_same_pages_are_used_again(fresh_python):
    # 8 arrays of 8 MB: huge pages leave few faults in either case
    assert int(fresh_python(CYCLE.format(keep=True))) < 10 < int(fresh_python(CYCLE.format(keep=False)))


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory.__wrapped__() is False
