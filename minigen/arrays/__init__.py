"""Arrays: NumPy or CuPy, dtypes, devices, threads and random numbers, and what all other folders need of them.

Read `devices.py` (which module an array belongs to), then `stream.py`, `philox.py` and `random.py`: random numbers as a
function of a seed and a position. `pool.py` runs compiled loops on several threads. `checks.py` has the checks of
arguments and `states.py` that of saved states; `files.py` writes files that are wholly there or not at all.
`constants.py`, `logsumexp.py`, `categories.py` and `columns.py` are small pieces of mathematics that array code shares.
"""

from .devices import MODULES, Constant, array_module, check_device, to_device, to_numpy
from .dtypes import as_dtype
from .random import Generator, as_generator
from .threads import set_threads

__all__ = [
    "MODULES",
    "Constant",
    "Generator",
    "array_module",
    "as_dtype",
    "as_generator",
    "check_device",
    "set_threads",
    "to_device",
    "to_numpy",
]
