"""Checks that models' settings and batches share."""

import numpy as np

from .. import ops
from ..arrays import array_module
from ..autograd.tensor import Tensor, raw
from ..protocols import DataSpec

ACTIVATIONS = {name: getattr(ops, name) for name in ("elu", "gelu", "leaky_relu", "relu", "silu", "softplus", "tanh")}


def check_size(name: str, value) -> int:
    """`value` as a positive integer, or ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
    return value


def check_sizes(name: str, values) -> tuple[int, ...]:
    """`values` as a tuple of positive integers, or ValueError; one integer stands for one layer."""
    values = (values,) if isinstance(values, int) else values
    if not isinstance(values, tuple | list):
        raise ValueError(f"{name}: expected integers, one for each layer, got {values!r}")
    return tuple(check_size(name, value) for value in values)


def check_odd(name: str, value) -> int:
    """`value` as a positive odd integer, the size of a kernel with a centre, or ValueError."""
    if check_size(name, value) % 2 == 0:
        raise ValueError(f"{name}: expected an odd integer, got {value!r}")
    return value


def check_positive(name: str, value) -> float:
    """`value` as a finite number above 0, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name}: expected a number above 0, got {value!r}")
    return float(value)


def check_not_negative(name: str, value) -> float:
    """`value` as a finite number of at least 0, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ValueError(f"{name}: expected a number of at least 0, got {value!r}")
    return float(value)


def check_fraction(name: str, value) -> float:
    """`value` as a number of at least 0 and below 1, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number of at least 0 and below 1, got {value!r}")
    return float(value)


def check_order(order, seed) -> None:
    """ValueError unless `order` is the name of an order of variables, and `seed` can draw a random one."""
    if order not in ("natural", "random"):
        raise ValueError(f"order: expected natural or random, got {order!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"order_seed: expected an integer of at least 0, got {seed!r}")


def check_activation(name: str, value: str) -> str:
    """`value` if it names an activation function, or ValueError."""
    if value not in ACTIVATIONS:
        raise ValueError(f"{name}: expected one of {', '.join(ACTIVATIONS)}, got {value!r}")
    return value


def check_batch(x, spec: DataSpec, name: str = "x"):
    """A batch of examples (array or Tensor), `(batch, *spec.shape)`, at least one.

    Raises ValueError for another shape, for binary values other than 0 and 1, and for discrete values other than the
    integers 0 … levels - 1. Values on a GPU are not looked at: that would wait for it.
    """
    x = x if isinstance(x, Tensor) or hasattr(x, "dtype") else Tensor(x).data
    if x.shape[1:] != spec.shape or not x.shape:
        raise ValueError(f"{name}: expected shape (batch, {', '.join(map(str, spec.shape))}), got {x.shape}")
    if len(x) == 0:
        raise ValueError(f"{name}: expected at least one example, got shape {x.shape}")
    values = raw(x)
    if array_module(values) is np:
        if spec.kind == "binary" and not ((values == 0) | (values == 1)).all():
            raise ValueError(f"{name}: expected binary data, values 0 and 1")
        if spec.kind == "discrete" and not are_levels(values, spec.levels):
            raise ValueError(f"{name}: expected integers from 0 to {spec.levels - 1}, "
                             f"got {values.dtype} values from {values.min()} to {values.max()}")
    return x


def are_levels(values, levels: int) -> bool:
    """Whether all numbers of an array (at least one, any dtype) are integers 0 … levels - 1."""
    whole = values.dtype.kind in "iub" or (values == np.floor(values)).all()
    return bool(whole and values.min() >= 0 and values.max() < levels)
