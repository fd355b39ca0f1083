"""The compiled activation kernels and their derivatives against their references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.agreement import DTYPES, all_combinations, check_kernel, values
from minigen import kernels

# kernel: its arrays, what else it takes, and which of its arrays is an output of the function
KERNELS = {
    "tanh": (1, ()), "sigmoid": (1, ()), "softplus": (1, ()), "relu": (1, ()), "gelu": (1, ()), "silu": (1, ()),
    "leaky_relu": (1, (0.01,)), "elu": (1, (0.7,)), "gate": (2, ()),
    "tanh_vjp": (2, ()), "sigmoid_vjp": (2, ()), "softplus_vjp": (2, ()), "relu_vjp": (2, ()), "gelu_vjp": (2, ()),
    "silu_vjp": (2, ()), "leaky_relu_vjp": (2, (0.01,)), "elu_vjp": (2, (0.7,)), "gate_vjp": (3, ()),
}
OF_OUTPUT = {"tanh_vjp": np.tanh, "sigmoid_vjp": kernels.sigmoid.reference, "relu_vjp": lambda x: np.maximum(x, 0)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
@given(shape=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple), seed=st.integers(0, 1000))
def test_compiled_is_the_reference(name, dtype, shape, seed):
    count, constants = KERNELS[name]
    arrays = values(seed, dtype, *[shape] * count)
    if name in OF_OUTPUT:
        arrays[-1] = OF_OUTPUT[name](arrays[-1])
    check_kernel(name, *arrays, *constants)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
def test_tails_and_what_is_not_a_number(name, dtype):
    count, constants = KERNELS[name]
    tails = np.array([0, -0.0, 1e-30, -1e-30, 15, -15, 80, -80, 1e4, -1e4, np.inf, -np.inf, np.nan], dtype)
    cotangents = [np.array([1, -2, 0, np.nan], dtype)] if name.endswith("_vjp") else []
    arrays = all_combinations(*cotangents, *[tails] * (count - len(cotangents)))
    if name in OF_OUTPUT:
        arrays[-1] = OF_OUTPUT[name](arrays[-1])
    check_kernel(name, *arrays, *constants)


@pytest.mark.parametrize("name", KERNELS)
def test_large_arrays_are_cut_for_threads(name):
    count, constants = KERNELS[name]
    check_kernel(name, *values(0, np.float32, *[(3, 65537)] * count), *constants)


@pytest.mark.parametrize("name", [name for name in KERNELS if KERNELS[name][0] > 1])
def test_arrays_that_broadcast_run_as_array_code(name):
    count, constants = KERNELS[name]
    arrays = values(0, np.float32, (200, 50), *[(50,)] * (count - 1))
    expected = getattr(kernels, name).reference(*arrays, *constants)
    np.testing.assert_array_equal(getattr(kernels, name)(*arrays, *constants), expected)


@pytest.mark.parametrize("name", KERNELS)
def test_layouts(name):
    """Arrays that are not contiguous, or that hold one number only."""
    count, constants = KERNELS[name]
    arrays = values(0, np.float32, *[(90, 80)] * count)
    check_kernel(name, *[array.T for array in arrays], *constants)
    check_kernel(name, *[array[::2, ::3] for array in arrays], *constants)
    check_kernel(name, np.broadcast_to(arrays[0][0, 0], (90, 80)), *arrays[1:], *constants)
