"""The shared checks of arguments: which error, and what it says."""

import math

import numpy as np
import pytest

from minigen.arrays import checks

NOT_INTEGERS = [True, np.bool_(True), 2.0, np.float64(3), "3", None, (3,), np.array([3])]
NOT_NUMBERS = [True, np.bool_(False), "1", None, (1.0,), 1j, np.array([1.0])]


@pytest.mark.parametrize("check", [checks.integer, checks.positive_integer, checks.odd_integer, checks.sizes])
@pytest.mark.parametrize("value", NOT_INTEGERS, ids=repr)
def test_what_is_not_an_integer_is_a_type_error(check, value):
    if check is checks.sizes and isinstance(value, tuple):
        return
    with pytest.raises(TypeError, match="width: expected an integer, got"):
        check("width", value)


@pytest.mark.parametrize("check", [checks.number, checks.positive_number, checks.non_negative_number, checks.fraction,
                                   lambda name, value: checks.number_between(name, value, -1, 1)])
@pytest.mark.parametrize("value", NOT_NUMBERS, ids=repr)
def test_what_is_not_a_number_is_a_type_error(check, value):
    with pytest.raises(TypeError, match="rate: expected a number, got"):
        check("rate", value)
    for infinite in (math.inf, -math.inf, math.nan, np.float32("nan")):
        with pytest.raises(ValueError, match="rate: expected a finite number, got"):
            check("rate", infinite)


@pytest.mark.parametrize("check, good, bad, words", [
    (checks.positive_integer, [1, 2, 10**30], [0, -1], "an integer of at least 1"),
    (checks.odd_integer, [1, 3, 99], [0, 2, -1, -3], "a positive odd integer"),
    (checks.integer, [-5, 0, 5], [], ""),
    (lambda name, value: checks.integer(name, value, 2), [2, 3], [1, -2], "an integer of at least 2"),
    (lambda name, value: checks.integer(name, value, 2, 4), [2, 3, 4], [1, 5], "an integer from 2 to 4"),
    (lambda name, value: checks.integer(name, value, most=4), [-9, 4], [5], "an integer of at most 4"),
    (checks.number, [-1.5, 0, 2], [], ""),
    (checks.positive_number, [1e-300, 1, 2.5], [0, -0.0, -1], "a number above 0"),
    (checks.non_negative_number, [0, 0.0, 3], [-1e-300, -1], "a number of at least 0"),
    (checks.fraction, [0, 0.5, np.nextafter(1, 0)], [1, 1.5, -0.1], "a number of at least 0 and below 1"),
    (lambda name, value: checks.number_between(name, value, 0, 2), [0.1, 1.9], [0, 2], "a number above 0 and below 2"),
])
def test_values_and_bounds(check, good, bad, words):
    for value in good:
        assert check("x", value) == value
    for value in bad:
        with pytest.raises(ValueError, match=f"^x: expected {words}, got {value}"):
            check("x", value)


@pytest.mark.parametrize("value", [np.int8(3), np.uint64(3), np.int64(3)])
def test_numpy_integers_become_python_ones(value):
    assert type(checks.positive_integer("n", value)) is int
    assert type(checks.odd_integer("n", value)) is int
    assert type(checks.number("n", value)) is float
    assert type(checks.positive_number("n", np.float32(0.5))) is float


def test_sizes_booleans_and_choices():
    assert checks.sizes("hidden", 3) == (3,) and checks.sizes("hidden", [3, np.int64(4)]) == (3, 4)
    assert checks.sizes("hidden", ()) == ()
    with pytest.raises(ValueError, match="hidden: expected an integer of at least 1, got 0"):
        checks.sizes("hidden", (3, 0))
    assert checks.boolean("gated", np.bool_(True)) is True and checks.boolean("gated", False) is False
    for value in (0, 1, "yes", None):
        with pytest.raises(TypeError, match="gated: expected True or False, got"):
            checks.boolean("gated", value)
    assert checks.one_of("order", "random", ("natural", "random")) == "random"
    with pytest.raises(ValueError, match="order: expected one of natural, random, got 'sorted'"):
        checks.one_of("order", "sorted", ("natural", "random"))
    with pytest.raises(TypeError, match="order: expected one of natural, random, got 3"):
        checks.one_of("order", 3, ("natural", "random"))
