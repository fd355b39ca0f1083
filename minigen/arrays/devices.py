"""Which module an array belongs to, and moving arrays between the CPU and a GPU."""

import sys

import numpy as np

DEVICES = ("cpu", "cuda")

# From the type of an array to its module, filled as types are met: one dict access for a known type.
MODULES = {np.ndarray: np}


def array_module(*arrays):
    """The module whose functions work on `arrays`: cupy if any of them is a CuPy array, else numpy."""
    for array in arrays:
        kind = type(array)
        module = MODULES.get(kind)
        if module is None:
            # A CuPy array exists, so its module has been imported already.
            is_cupy = kind.__module__.partition(".")[0] == "cupy"
            module = MODULES[kind] = sys.modules["cupy"] if is_cupy else np
        if module is not np:
            return module
    return np


def to_numpy(array) -> np.ndarray:
    """The array as a NumPy array: copied if it is on a GPU, itself if it is on the CPU."""
    if array_module(array) is np:
        return np.asarray(array)
    return array.get()


class Constant:
    """A NumPy array that never changes, and its copy on a GPU, which is made once."""

    def __init__(self, array):
        self.array, self.copies = array, {np: array}

    def on(self, xp):
        """The array of the module `xp`."""
        if xp not in self.copies:
            self.copies[xp] = xp.asarray(self.array)
        return self.copies[xp]

    def __reduce__(self):
        return Constant, (self.array,)


def check_device(name: str) -> str:
    """Return `name` if this machine has that device.

    Raises ValueError for a name other than "cpu" and "cuda", and for "cuda" where CuPy or a GPU is missing.
    """
    if name not in DEVICES:
        raise ValueError(f"device: expected 'cpu' or 'cuda', got {name!r}")
    if name == "cuda":
        try:
            import cupy
        except ImportError:
            raise ValueError(
                "device: 'cuda' needs CuPy, which is not installed (extras gpu-cuda12 and gpu-cuda13)"
            ) from None
        if not cupy.is_available():
            raise ValueError("device: 'cuda' was asked for, but CuPy finds no GPU on this machine")
    return name


def to_device(array, device: str):
    """The array on `device` ("cpu" or "cuda"), copied only if it is elsewhere.

    Raises ValueError as `check_device` does.
    """
    if device == "cpu":
        return to_numpy(array)
    check_device(device)
    import cupy

    return cupy.asarray(array)
