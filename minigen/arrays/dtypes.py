"""The floating-point types that the engine computes in."""

import numpy as np

_FLOATS = {"float32": np.dtype(np.float32), "float64": np.dtype(np.float64)}
_FLOATS.update({dtype: dtype for dtype in list(_FLOATS.values())} | {np.float32: np.dtype(np.float32)})
_FLOATS.update({np.float64: np.dtype(np.float64), float: np.dtype(np.float64)})


def as_dtype(name) -> np.dtype:
    """The NumPy dtype float32 or float64 that `name` (a string, a dtype or a type) means.

    Raises ValueError for every other type, and TypeError for anything that does not name a type.
    """
    try:
        return _FLOATS[name]
    except KeyError:
        raise ValueError(f"dtype: expected 'float32' or 'float64', got {name!r}") from None
    except TypeError:
        raise TypeError(f"dtype: expected 'float32' or 'float64', got a {type(name).__name__}") from None
