"""Every op there is: values, gradients of two orders, broadcasting, layouts, dtypes, empty and single axes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import ops
from minigen.autograd import primitive, registry
from minigen.autograd.primitive import examples
from minigen.kernels.machinery.examples import ExampleMaker
from ops import oracle
from ops.cases import LIBRARY, NAMES, PUBLIC, make_case, reference_of, seeded_case
from ops.references import REFERENCES


def test_every_op_has_an_example():
    assert [name for name in NAMES if not examples.get(name)] == [], "these ops are registered or public"


def test_every_op_has_something_to_compare_its_values_with():
    assert all(callable(reference_of(name)) for name in NAMES)


def test_every_reference_is_of_an_op():
    assert set(REFERENCES) - {*LIBRARY, *PUBLIC} == set()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(data=st.data())
def test_op(name, data):
    check_with(name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=1000)
@given(data=st.data())
def test_op_at_length(name, data):
    check_with(name, data)


def check_with(name, data):
    """Hold an example of hypothesis's choice against everything that is claimed of every op."""
    make = ExampleMaker(lambda low, high: data.draw(st.integers(low, high)))
    oracle.check(make_case(name, make), name)


@pytest.mark.parametrize("name", NAMES)
def test_examples_reach_the_corners(name):
    """A hundred examples have values, and empty arrays, length-1 axes and 0-d arrays as declared, somewhere."""
    declared = examples[name]
    shapes = {a.shape for seed in range(100) for a in seeded_case(name, seed).args}
    assert any(shape and min(shape) > 1 for shape in shapes)
    assert any(0 in shape for shape in shapes) or not declared.empty
    assert any(1 in shape for shape in shapes) or not declared.single
    assert () in shapes or not declared.scalars


def test_a_new_op_needs_nothing_but_its_own_file():
    """Its example is checked, without a reference against its composite; a wrong rule fails."""
    @primitive(residuals=("x", "cube"), byproducts=("cube",))
    def fourth_power(x, /):
        return x * x * x * x, x * x * x

    @fourth_power.defvjp
    def _(g, residuals, needed):
        return (g * 4 * residuals[1],)

    @fourth_power.defcomposite
    def _(x):
        return ops.square(ops.square(x))

    try:
        with pytest.raises(ValueError, match="fourth_power: there is no example"):
            seeded_case("fourth_power", 0)
        fourth_power.example(lambda make: [make.values(make.shape())])
        for seed in range(20):
            oracle.check(seeded_case("fourth_power", seed))
        fourth_power.defvjp(lambda g, residuals, needed: (g * 4.04 * residuals[1],))
        with pytest.raises(AssertionError, match="recorded, input 0"):
            for seed in range(20):
                oracle.check(seeded_case("fourth_power", seed))
        fourth_power.defcomposite(None)
        with pytest.raises(AssertionError, match="fourth_power has neither a reference"):
            seeded_case("fourth_power", 0)
    finally:
        del registry["fourth_power"], examples["fourth_power"]


def test_examples_are_made_anew():
    """What a caller does to the arrays of one example does not change the next."""
    first = seeded_case("log", 3).args[0]
    first[...] = -1
    assert (seeded_case("log", 3).args[0] > 0).all() and isinstance(first, np.ndarray)
