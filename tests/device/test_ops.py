"""Every op runs "on the device": no NumPy function and no NumPy array meets a device array on the way."""

import numpy as np
import pytest

from minigen.autograd import Tensor, grad
from minigen.autograd.primitive import examples
from minigen.kernels.machinery.examples import ExampleMaker
from ops.cases import NAMES
from ops.oracle import as_tuple
from shim import emulator, standin

pytestmark = pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)

SEEDS = range(12)


def moved(value, device):
    """`value` with the NumPy arrays in it on the device; the op itself moves what it keeps, such as a mask."""
    if isinstance(value, np.ndarray | np.generic):
        return device.asarray(value)
    if isinstance(value, tuple | list):
        return type(value)(moved(item, device) for item in value)
    return value


def gradients(call, args, cotangents):
    """Outputs, gradients, and gradients of a function of the gradients."""
    inputs = [Tensor(a) for a in args]
    outputs = as_tuple(call(*inputs))
    total = sum((y * v).sum() for y, v in zip(outputs, cotangents, strict=True))
    firsts = grad(total, inputs, create_graph=True)
    seconds = grad(sum((g * g).sum() for g in firsts), inputs)
    return [y.data for y in outputs], grad(sum((y * v).sum() for y, v in zip(as_tuple(call(*inputs)), cotangents,
                                                                         strict=True)), inputs), seconds


@pytest.mark.parametrize("kind", ["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", NAMES)
def test_op(name, kind):
    """Values and gradients of two orders are those of the CPU."""
    with standin.cupy_or_stand_in(kind) as device, np.errstate(all="ignore"):
        for seed in SEEDS:
            example = examples[name].make(ExampleMaker.seeded(seed))

            def call(*arrays, example=example):
                return example.run(example.call, arrays)

            def call_on_device(*arrays, example=example):
                return example.run(example.call, arrays, lambda value: moved(value, device))

            cotangents = [np.ones(np.shape(y)) for y in as_tuple(call(*example.arrays))]
            expected = gradients(call, example.arrays, cotangents)
            results = gradients(call_on_device, moved(example.arrays, device), moved(cotangents, device))
            for ours, theirs in zip(results, expected, strict=True):
                for a, b in zip(ours, theirs, strict=True):
                    assert isinstance(a, device.ndarray), f"{name} gave a {type(a)}"
                    np.testing.assert_allclose(a.get(), b, rtol=1e-6, atol=1e-9)
