"""CUDA sources: compiled with CuPy when first launched, launched on the current stream without waiting.

A `.cu` file beside a kernel is compiled once for each dtype; the macro REAL names the dtype. Sources are named by their
path below the folder of kernels, without `.cu`. Launches take CuPy arrays (contiguous ones: `contiguous` makes them),
Python integers and floats.

A launcher is the version of a kernel that runs on CuPy arrays. It checks that its source covers the arguments, and
gives NotImplemented for the others (other dtypes, other layouts), which then run as array code on the device.
"""

import functools
from pathlib import Path

import numpy as np

from ...arrays import array_module

FOLDER = Path(__file__).parents[1]
THREADS = 256
MOST_BLOCKS = 4096  # more elements than these blocks have threads are taken in several rounds
REALS = {"float32": "float", "float64": "double"}
NULL = np.uint64(0)


def source(name: str) -> str:
    """The text of `name`.cu with the text of its include file: CuPy keeps compiled code by the text alone."""
    text = (FOLDER / f"{name}.cu").read_text(encoding="utf-8")
    return text.replace('#include "common.cuh"', (FOLDER / "common.cuh").read_text(encoding="utf-8"))


def options(dtype) -> tuple[str, ...]:
    """The compiler's options. It may fuse a product and a sum into one instruction, and change nothing else."""
    return ("-std=c++14", f"-DREAL={REALS[np.dtype(dtype).name]}")


@functools.cache
def function(name: str, kernel: str, dtype: str, exact: bool = False):
    """The kernel of `name`.cu for a dtype; `exact` forbids fused multiply-adds, which round differently."""
    import cupy

    flags = (*options(dtype), "-fmad=false") if exact else options(dtype)
    return cupy.RawModule(code=source(name), options=flags).get_function(kernel)


def launch(name: str, kernel: str, dtype, n: int, *args, width: int = 0, exact: bool = False) -> None:
    """Run a kernel over `n` elements or, with a `width`, over `n` rows of that width with one block for each.

    Does nothing for n = 0.
    """
    if n == 0:
        return
    dtype = np.dtype(dtype)
    blocks = n if width else min(-(-n // THREADS), MOST_BLOCKS)
    threads = min(THREADS, -(-width // 32) * 32) if width else THREADS
    arguments = tuple([_argument(value, dtype) for value in args])
    function(name, kernel, dtype.name, exact)((blocks,), (threads,), arguments)


def _argument(value, dtype):
    if value is None:
        return NULL
    if isinstance(value, bool):
        return np.int32(value)
    if isinstance(value, int):
        return np.int64(value)
    return dtype.type(value) if type(value) is float else value  # np.float64, which stays, is a float too


def scalar(value):
    """The two arguments of a SCALAR parameter: the number itself, or a 0-d array on the device that holds it."""
    if isinstance(value, int | float):
        return np.float64(value), NULL
    return np.float64(0), value.astype(np.float64, copy=False)


def contiguous(*arrays):
    """The arrays in C order; those that are not are copied."""
    return [a if a.flags.c_contiguous else array_module(a).ascontiguousarray(a) for a in arrays]


def covered(*arrays) -> bool:
    """Whether the arrays are all float32 or all float64, which the sources are compiled for."""
    return arrays[0].dtype.name in REALS and all(a.dtype == arrays[0].dtype for a in arrays)


def elementwise(file: str, kernel: str, *args, constants: int = 0, outputs: int = 1):
    """Launch a kernel of arrays of one shape and dtype, followed by `constants` numbers; NotImplemented for others.

    Returns the output, or a tuple of several `outputs`, of the shape and dtype of the arrays.
    """
    inputs, numbers = args[: len(args) - constants], args[len(args) - constants :]
    x = inputs[0]
    if any(getattr(a, "shape", None) != x.shape for a in inputs) or not covered(*inputs):
        return NotImplemented
    results = tuple([array_module(x).empty(x.shape, x.dtype) for _ in range(outputs)])
    launch(file, kernel, x.dtype, x.size, *contiguous(*inputs), *map(float, numbers), *results, x.size)
    return results if outputs > 1 else results[0]


def shares_rows(small, large) -> bool:
    """Whether `small` has the shape of `large`, or lacks some leading axes of it: row r of it is r modulo its rows."""
    return small.ndim > 0 and small.shape == large.shape[large.ndim - small.ndim :]
