"""Checks of arguments that all folders share, with one wording.

Each returns the value as a plain Python one. A wrong type raises TypeError and a wrong value ValueError; both name the
argument, what was expected and what came. A boolean is not a number, and a float is not an integer even where it is
whole. NumPy's integers and floats are as good as Python's.
"""

import math

import numpy as np


def integer(name: str, value, least: int | None = None, most: int | None = None) -> int:
    """`value` as an integer from `least` to `most`; without these, any."""
    if type(value) is not int and (isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer)):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(f"{name}: expected an integer {_bounds(least, most)}, got {value}")
    return int(value)


def positive_integer(name: str, value) -> int:
    """`value` as an integer of at least 1."""
    return integer(name, value, 1)


def odd_integer(name: str, value) -> int:
    """`value` as a positive odd integer, such as the size of a kernel that has a centre."""
    value = integer(name, value)
    if value < 1 or value % 2 == 0:
        raise ValueError(f"{name}: expected a positive odd integer, got {value}")
    return value


def number(name: str, value) -> float:
    """`value` as a finite float."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return float(value)


def positive_number(name: str, value) -> float:
    """`value` as a finite float above 0."""
    value = number(name, value)
    if value <= 0:
        raise ValueError(f"{name}: expected a number above 0, got {value}")
    return value


def non_negative_number(name: str, value) -> float:
    """`value` as a finite float of at least 0."""
    value = number(name, value)
    if value < 0:
        raise ValueError(f"{name}: expected a number of at least 0, got {value}")
    return value


def number_between(name: str, value, low: float, high: float) -> float:
    """`value` as a finite float with low < value < high."""
    value = number(name, value)
    if not low < value < high:
        raise ValueError(f"{name}: expected a number above {low} and below {high}, got {value}")
    return value


def fraction(name: str, value) -> float:
    """`value` as a float of at least 0 and below 1."""
    value = number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number of at least 0 and below 1, got {value}")
    return value


def boolean(name: str, value) -> bool:
    """`value` as True or False; 0 and 1 are not booleans."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def one_of(name: str, value, choices):
    """`value` if it is one of `choices`."""
    choices = tuple(choices)
    if type(value) not in {type(choice) for choice in choices}:
        raise TypeError(f"{name}: expected one of {_listed(choices)}, got {value!r}")
    if value not in choices:
        raise ValueError(f"{name}: expected one of {_listed(choices)}, got {value!r}")
    return value


def sizes(name: str, values) -> tuple[int, ...]:
    """`values` as a tuple of positive integers; one integer stands for a tuple of one."""
    if not isinstance(values, tuple | list):
        values = (integer(name, values),)
    return tuple(positive_integer(name, value) for value in values)


def _bounds(least, most):
    if least is None:
        return f"of at most {most}"
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _listed(choices):
    return ", ".join(str(choice) for choice in choices)
