"""Modules: how they find, save, load, freeze and show their parameters."""

import copy

import numpy as np
import pytest

from minigen import Parameter, Tensor, grad, ops
from minigen.layers import MLP, Buffer, Dropout, Linear, Module


class Net(Module):
    """Parameters and modules in all kinds of attributes that are walked; no super().__init__()."""

    def __init__(self):
        self.scale = Parameter(np.float32(2.0))
        self.blocks = [Linear(3, 4, 0), (Linear(4, 2, 1, bias=False),)]
        self.named = {"a": Linear(2, 2, 2), "b": Parameter(np.zeros(5))}
        self.again = self.blocks[0]
        self.tied = self.named["a"].weight
        self.mean = Buffer(np.zeros(3, np.float32))
        self.count = Buffer(np.array(7))
        self.plain = np.ones(9)
        self.me = self

    def forward(self, x):
        return self.named["a"](self.blocks[1][0](self.blocks[0](x - self.mean))) * self.scale


NAMES = ["scale", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight", "named.a.weight", "named.a.bias", "named.b"]


def test_parameters_are_found_once_under_the_first_name():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == ["mean", "count"]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]


def test_forward_is_what_a_call_does():
    net, x = Net(), np.arange(6, dtype=np.float32).reshape(2, 3)
    state = net.state_dict()
    hidden = (x @ state["blocks.0.weight"] + state["blocks.0.bias"]) @ state["blocks.1.0.weight"]
    expected = 2 * (hidden @ state["named.a.weight"] + state["named.a.bias"])
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-6)


def test_a_module_without_forward_says_so():
    with pytest.raises(TypeError, match="Module defines neither"):
        Module()(1)


def test_state_dict_holds_copies_and_loads_back():
    net, other = Net(), Net()
    state = net.state_dict()
    assert list(state) == [*NAMES, "mean", "count"]
    for name in NAMES:
        state[name] = state[name] + 1
    state["count"] = np.array(8)
    state["mean"] += 1
    assert net.scale.data == 2 and not net.mean.data.any()
    other.load_state_dict(state)
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


def test_loading_writes_into_the_arrays_and_outdates_graphs():
    net = Linear(2, 2, 0)
    before, loss = net.weight.data, ops.sum(net(np.ones((1, 2), np.float32)) ** 2)
    net.load_state_dict({name: array + 1 for name, array in net.state_dict().items()})
    assert net.weight.data is before
    with pytest.raises(RuntimeError, match="updated"):
        grad(loss, net.parameters())


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda s: s.pop("named.b"), ["missing named.b"]),
        (lambda s: s.update(extra=np.ones(1)), ["unexpected extra"]),
        (lambda s: s.update(mean=np.zeros(4, np.float32)), ["mean: expected shape (3,)", "got (4,)"]),
        (lambda s: s.update({"named.b": np.zeros(5, np.float32)}), ["named.b", "float64", "float32"]),
        (lambda s: (s.pop("scale"), s.update(z=1.0, count=np.array(7.0))), ["missing scale", "unexpected z", "count"]),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, words):
    net = Net()
    state = {name: array + 1 for name, array in net.state_dict().items()}
    state["mean"] = state["mean"].astype(np.float32)
    before = net.state_dict()
    spoil(state)
    with pytest.raises(ValueError) as caught:
        net.load_state_dict(state)
    assert all(word in str(caught.value) for word in words)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_frozen_parameters_are_constants():
    net = Net()
    net.blocks[0].freeze()
    assert [name for name, p in net.named_parameters() if p.frozen] == ["blocks.0.weight", "blocks.0.bias"]
    assert len(net.parameters()) == len(NAMES) - 2
    gradients = grad(ops.sum(net(np.ones((1, 3), np.float32))), net.parameters())
    assert len(gradients) == len(NAMES) - 2
    assert net.unfreeze() is net and len(net.parameters()) == len(NAMES)


def test_buffers_are_constants_that_keep_shape_and_dtype():
    buffer = Buffer(np.zeros(3, np.float32))
    assert ops.exp(buffer).edge is None
    x = Tensor(np.ones(3, np.float32))
    y = ops.sum(x * buffer)
    buffer.assign(np.arange(3))
    np.testing.assert_array_equal(grad(y, x), 0)  # a graph keeps the values that it was recorded with
    assert buffer.dtype == np.float32 and buffer.data[2] == 2
    with pytest.raises(ValueError, match="shape"):
        buffer.assign(np.zeros(2))


def test_to_another_dtype_and_back():
    net = Net().to(dtype="float64")
    assert {p.dtype.name for p in net.parameters()} == {"float64"}
    assert net.count.dtype.kind == "i" and net.mean.dtype == np.float64
    gradients = grad(ops.sum(net(np.ones((1, 3)))), net.parameters())
    assert all(g.dtype == np.float64 for g in gradients)
    with pytest.raises(ValueError, match="float16"):
        net.to(dtype="float16")
    with pytest.raises(ValueError, match="device"):
        net.to(device="tpu")


def test_a_deep_copy_is_independent():
    net = MLP((2, 3, 1), rng=0)
    twin = copy.deepcopy(net)
    twin.layers[0].weight.assign(np.zeros((2, 3)))
    assert net.layers[0].weight.data.any()


def test_repr_is_a_table_with_the_total():
    net = Net()
    net.named["a"].freeze()
    lines = repr(net).splitlines()
    assert lines[0] == "Net" and lines[1].split() == ["name", "shape", "dtype", "parameters"]
    assert lines[3].split() == ["blocks.0.weight", "(3,", "4)", "float32", "12"]
    assert "frozen" in lines[6] and "buffer" in lines[-2]
    assert lines[-1].split() == ["total", "36", "6", "frozen"]
    assert "1,000,000" in repr(Linear(1000, 1000, 0, bias=False))


def test_dtype_and_array_module_are_those_of_the_first_floating_parameter():
    class Counter(Module):
        def __init__(self):
            self.count = Buffer(np.array(3))
            self.mean = Buffer(np.zeros(2))
            self.net = [Dropout(0.1), Linear(2, 2, 0)]

    counter = Counter()
    assert counter.dtype == np.float32 and counter.xp is np  # neither the counter's integers nor the buffer's float64
    assert counter.to(dtype="float64").dtype == np.float64
    counter.net = []
    assert counter.dtype == np.float64  # the floating buffer's
    assert Dropout(0.1).dtype == np.float32 and Dropout(0.1).xp is np
