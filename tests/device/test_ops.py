"""Every op runs "on the device": no NumPy function and no NumPy array meets a device array on the way."""

import types

import numpy as np
import pytest

from minigen.autograd import Tensor, grad
from ops.cases import CASES
from ops.oracle import as_tuple
from ops.source import Source
from shim import emulator, standin

pytestmark = pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)

SEEDS = range(12)
STATIC = {"masked_matmul", "masked_weight"}  # their masks belong to the call, on the CPU


def moved(value, device):
    """`value` with the NumPy arrays in it on the device, also those that a function has in its closure."""
    if isinstance(value, np.ndarray | np.generic):
        return device.asarray(value)
    if isinstance(value, tuple | list):
        return type(value)(moved(part, device) for part in value)
    if isinstance(value, types.FunctionType) and value.__closure__ and value.__module__.partition(".")[0] != "minigen":
        cells = tuple(types.CellType(moved(cell.cell_contents, device)) for cell in value.__closure__)
        return types.FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
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


@pytest.mark.parametrize("place", ["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("name", sorted(CASES))
def test_op(name, place):
    """Values and gradients of two orders are those of the CPU."""
    with standin.cupy_or_stand_in(place) as device, np.errstate(all="ignore"):
        for seed in SEEDS:
            source = Source.seeded(seed)
            example = source.choice(CASES[name])(source)
            cotangents = [np.ones(np.shape(y)) for y in as_tuple(example.reference(*example.args))]
            expected = gradients(example.call, example.args, cotangents)
            call = example.call if name in STATIC else moved(example.call, device)
            found = gradients(call, moved(example.args, device), moved(cotangents, device))
            for ours, theirs in zip(found, expected, strict=True):
                for a, b in zip(ours, theirs, strict=True):
                    assert isinstance(a, device.ndarray), f"{name} gave a {type(a)}"
                    np.testing.assert_allclose(a.get(), b, rtol=1e-6, atol=1e-9)
