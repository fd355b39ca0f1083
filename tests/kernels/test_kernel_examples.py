"""The examples that stand beside the kernels: every kernel has some, and its compiled version agrees on them."""

import importlib
import pkgutil

import numpy as np
import pytest

from kernels.agreement import as_tuple
from minigen import kernels
from minigen.kernels.machinery.dispatch import registry
from minigen.kernels.machinery.examples import Example, ExampleMaker, Examples

for _module in pkgutil.walk_packages(kernels.__path__, "minigen.kernels."):
    importlib.import_module(_module.name)
KERNELS = sorted(name for name, kernel in registry.items() if kernel.reference.__module__.startswith("minigen."))
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}  # of the largest value, or of 1


def test_every_kernel_has_an_example():
    assert [name for name in KERNELS if not registry[name].examples] == []


def outcome(function, args):
    """What a function gives, and its arguments afterwards, as arrays; None if it does not cover them."""
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        result = function(*copies)
    if result is NotImplemented:
        return None
    return [a for a in (*as_tuple(result), *copies) if isinstance(a, np.ndarray | np.generic)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", [name for name in KERNELS if registry[name].fast is not None])
def test_compiled_is_the_reference(name, dtype):
    kernel, covered = registry[name], 0
    for seed in range(12):
        args = kernel.examples.make(ExampleMaker.seeded(seed, dtype=dtype)).arguments
        result = outcome(kernel.fast, args)
        if result is None:
            continue
        covered += 1
        for a, b in zip(result, outcome(kernel.reference, args), strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            size = np.abs(b[np.isfinite(b)]).max(initial=1) if b.dtype.kind == "f" else 0
            np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * size, err_msg=f"seed {seed}")
    assert covered, "the compiled version covers none of the examples"


def test_large_examples_are_large_and_small_ones_small():
    for name in KERNELS:
        for elements, least, most in ((2**18, 2**10, 2**22), (0, 0, 2**17)):
            args = registry[name].examples.make(ExampleMaker.seeded(0, elements=elements)).arguments
            total = sum(a.size for a in args if isinstance(a, np.ndarray))
            assert least <= total <= most, f"{name}: {total}"


def test_no_example_raises():
    with pytest.raises(ValueError, match="log: there is no example of it"):
        Examples(np.log).make(ExampleMaker.seeded(0))


def test_an_example_runs_with_other_arrays():
    x, y, mask = np.zeros(2), np.ones(2), np.array([True, False])
    example = Example(mask, [x, y], 2.0, axis=0)
    assert [a is b for a, b in zip(example.arrays, (x, y), strict=True)] == [True, True]

    def call(mask, arrays, number, axis):
        return mask, arrays, number, axis

    moved = example.run(call, ["first", "second"], lambda argument: ("moved", argument))
    assert moved == (("moved", mask), ["first", "second"], ("moved", 2.0), ("moved", 0))
    assert Example(x, y, constants=(0,)).arrays == [y] or Example(x, y, constants=(0,)).arrays[0] is y
    assert example.arguments[1][0] is x  # the example itself is left as it is


def test_choices_depend_on_the_seed_alone():
    first, again, other = (registry["conv"].examples.make(ExampleMaker.seeded(seed)).arguments for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape != other[0].shape or (first[0] != other[0]).any()
