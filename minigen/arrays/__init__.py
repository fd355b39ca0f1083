"""Arrays: NumPy or CuPy, dtypes, devices, threads and random numbers."""

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
