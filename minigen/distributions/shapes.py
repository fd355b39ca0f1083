"""Parameters, shapes and dtypes that distributions share."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module
from ..arrays.checks import integer
from ..autograd import raw


def parameter(name: str, value):
    """A parameter as a Tensor, a floating array or a Python float (which leaves float32 alone in arithmetic)."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected a real number or an array of them, got {value!r}")
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return float(value)
    if not hasattr(value, "dtype") or isinstance(value, np.generic):
        value = np.asarray(value)
    if value.dtype.kind in "iu":
        value = raw(value).astype(np.float64)
    if value.dtype.char not in "fd":
        raise TypeError(f"{name}: expected float32 or float64, got {value.dtype}")
    return value


def common_shape(**parameters) -> tuple[int, ...]:
    """The shape that parameters broadcast to. Raises ValueError, with their names, if they do not."""
    shapes = {name: getattr(value, "shape", ()) for name, value in parameters.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"parameters: expected shapes that broadcast together, got {listed}") from None


def common_dtype(*parameters) -> np.dtype:
    """The dtype of arithmetic among parameters; Python floats alone give float64."""
    arrays = [value.dtype for value in parameters if not isinstance(value, float)]
    return np.result_type(*arrays) if arrays else np.dtype(np.float64)


def sample_shape(n) -> tuple[int, ...]:
    """`n`, an integer or a shape, as a shape. Raises TypeError or ValueError for anything else."""
    if isinstance(n, tuple | list):
        return tuple(integer("n", extent, 0) for extent in n)
    if not isinstance(n, int | np.integer):
        raise TypeError(f"n: expected an integer or a shape, got {n!r}")
    return (integer("n", n, 0),)


def full(value, shape, dtype):
    """`value` repeated to `shape`."""
    if isinstance(value, float):
        return np.full(shape, value, dtype)
    return value if value.shape == shape else ops.broadcast_to(value, shape)


def sum_last(value, n: int):
    """`value` summed over its last `n` axes."""
    if n == 0:
        return value
    return value.sum(axis=-1 if n == 1 else tuple(range(-n, 0)))


def apply(op, value):
    """op(value), a Python float for a Python float (NumPy's float64 would turn float32 into float64)."""
    return float(op(value)) if type(value) is float else op(value)


def as_float(x, dtype):
    """x, with integers and booleans as numbers of `dtype` (int64 with float32 would make float64)."""
    if getattr(x, "dtype", None) is not None and x.dtype.kind in "biu":
        return raw(x).astype(dtype)
    return x


def outside(x, dtype):
    """log p of values outside a support: -inf, or NaN where x is NaN."""
    x = raw(x)
    xp = array_module(x)
    return xp.where(xp.asarray(x == x), -math.inf, math.nan).astype(dtype)
