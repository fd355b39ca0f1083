"""How many threads the matrix products and the compiled kernels use."""

import ctypes
import os
from pathlib import Path

import numpy as np

from .checks import positive_integer
from .pool import set_thread_count

# Libraries read these when they are loaded, so a change reaches only libraries loaded later and child processes.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
# NumPy's and SciPy's wheels rename OpenBLAS's symbols in different ways.
_NAMES = (("scipy_openblas_", "64_"), ("scipy_openblas_", ""), ("openblas_", "64_"), ("openblas_", ""))


def set_threads(n: int) -> int | None:
    """Let matrix products and compiled kernels use `n` threads, in this process from now on.

    Returns the number of threads that NumPy's BLAS then reports, which an upper limit of that library may cut, or None
    if NumPy's BLAS is not an OpenBLAS: then only libraries loaded later obey. Raises TypeError or ValueError unless `n`
    is a positive integer.
    """
    n = positive_integer("threads", n)
    set_thread_count(n)
    for variable in _VARIABLES:
        os.environ[variable] = str(n)
    reported = None
    for path in _openblas_libraries():
        set_number, get_number = _functions(path)
        if set_number is not None:
            set_number(n)
            reported = get_number()
    return reported


def _openblas_libraries():
    """Paths of the OpenBLAS libraries in this process, NumPy's last."""
    maps = Path("/proc/self/maps")
    if maps.exists():
        lines = maps.read_text(errors="replace").splitlines()
        paths = {line.split(maxsplit=5)[5] for line in lines if "openblas" in line.rpartition("/")[2]}
    else:
        package = Path(np.__file__).parent
        folders = (package.parent / "numpy.libs", package / ".libs", package / ".dylibs")
        paths = {str(path) for folder in folders for path in folder.glob("*openblas*")}
    return sorted(paths, key=lambda path: ("numpy" in path, path))


def _functions(path):
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None, None
    for before, after in _NAMES:
        try:
            set_number = getattr(library, f"{before}set_num_threads{after}")
            get_number = getattr(library, f"{before}get_num_threads{after}")
        except AttributeError:
            continue
        set_number.argtypes, set_number.restype = [ctypes.c_int], None
        get_number.argtypes, get_number.restype = [], ctypes.c_int
        return set_number, get_number
    return None, None
