"""Every kernel beside its reference: how closely they agree, how much faster it is, and at what rate it runs."""

import importlib
import pkgutil
import time
from dataclasses import dataclass

import numpy as np

from .. import kernels
from ..arrays import check_device, to_device, to_numpy
from ..kernels.machinery.dispatch import reference_kernels, registry
from ..kernels.machinery.examples import ExampleMaker

TOLERANCE = {"float32": 2e-5, "float64": 1e-11}  # of the largest value; sums of many terms come in other orders
REPEATS = 5


@dataclass(frozen=True)
class KernelCheck:
    """The result of the comparison for one kernel.

    `difference` is the largest one from the reference, relative to the largest value, in float32 (NaN where the
    check of either dtype failed to give numbers); `speed_up` is the reference's time over the kernel's; `rate` counts
    bytes read and written a second, or floating-point operations where `unit` says so. `version` is "compiled",
    "device", or "reference" where there is nothing else, and then nothing is compared. A kernel without an example
    fails, with version "no example".
    """

    name: str
    version: str
    passed: bool
    difference: float
    speed_up: float
    rate: float
    unit: str


def check_kernels(rng: int = 0, elements: int = 2**20, device: str = "cpu"):
    """Yield a `KernelCheck` for each registered kernel, on a large example of it of about `elements` elements.

    `rng` is a seed. The reference runs on the same device. Errors as in `minigen.arrays.check_device`.
    """
    check_device(device)
    for module in pkgutil.walk_packages(kernels.__path__, f"{kernels.__name__}."):
        importlib.import_module(module.name)  # kernels are registered when they are imported
    for name in sorted(registry):
        kernel = registry[name]
        if not kernel.examples:
            yield KernelCheck(name, "no example", False, *[float("nan")] * 3, "GB/s")
            continue
        version = kernel.fast if device == "cpu" else kernel.device
        kind = "reference" if version is None else "compiled" if device == "cpu" else "device"
        differences, passed = {}, True
        for dtype in ("float64", "float32"):
            example = kernel.examples.make(ExampleMaker.seeded(rng, elements=elements, dtype=dtype))
            args = [to_device(a, device) if isinstance(a, np.ndarray) else a for a in example.arguments]
            differences[dtype] = _difference(kernel, args)
            passed = passed and bool(differences[dtype] <= TOLERANCE[dtype])  # not for NaN
        seconds, reference, moved = _times(kernel, args, device)
        rate, unit = (example.operations / seconds, "GFLOP/s") if example.operations else (moved / seconds, "GB/s")
        yield KernelCheck(name, kind, passed, differences["float32"], reference / seconds, rate, unit)


def _difference(kernel, args):
    """Between what kernel and reference return and what they write into their arguments."""
    worst, arrays = 0.0, []
    for function in (kernel, kernel.reference):
        copies = [a.copy() if hasattr(a, "copy") else a for a in args]
        with np.errstate(all="ignore"):
            result = function(*copies)
        results = result if isinstance(result, tuple) else (result,)
        arrays.append([to_numpy(a) for a in (*results, *copies) if hasattr(a, "dtype") and a.dtype.kind != "b"])
    for ours, theirs in zip(*arrays, strict=True):
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            return float("nan")
        if ours.size:
            with np.errstate(invalid="ignore"):
                distance = np.where(ours == theirs, 0, np.abs(ours - theirs))  # equal infinities are equal
            size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1e-30)
            worst = np.maximum(worst, distance.max() / size)  # NaN stays
    return float(worst)


def _times(kernel, args, device):
    """Least seconds of the kernel and of its reference, taking turns, and the bytes read and written."""
    written = [a.copy() if hasattr(a, "copy") else a for a in args]
    result = kernel(*written)
    results = result if isinstance(result, tuple) else (result,)
    changed = [a for a, b in zip(written, args, strict=True) if hasattr(a, "dtype") and (a != b).any()]
    arrays = [a for a in (*args, *results, *changed) if hasattr(a, "nbytes")]
    fast, slow = [], []
    for _ in range(REPEATS):
        fast.append(_seconds(kernel, written, device))
        with reference_kernels():
            slow.append(_seconds(kernel, written, device))
    return min(fast), min(slow), sum(a.nbytes for a in arrays)


def _seconds(function, args, device):
    with np.errstate(all="ignore"):
        start = time.perf_counter()
        function(*args)
        if device == "cuda":
            import cupy

            cupy.cuda.get_current_stream().synchronize()
        return time.perf_counter() - start
