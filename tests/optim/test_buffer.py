"""The parameter buffer: packing, views, parts, gathering, frozen parameters and stale graphs."""

import numpy as np
import pytest

from minigen import Parameter, grad, ops, optim
from minigen.layers import MLP, Linear, Module
from minigen.optim import ParameterBuffer


class Mixed(Module):
    """Parameters of both dtypes, one of them shared."""

    def __init__(self):
        self.a, self.b = Linear(3, 4, 0), Linear(4, 2, 1, dtype="float64")
        self.shared = self.a.weight
        self.c = Linear(2, 2, 2)


def test_packing_keeps_values_and_makes_views():
    net = Mixed()
    before = net.state_dict()
    buffer = ParameterBuffer.pack(net)
    assert {name: array.size for name, array in buffer.data.items()} == {"float32": 22, "float64": 10}
    assert buffer.names == list(before)
    for name, parameter in net.named_parameters():
        assert np.shares_memory(parameter.data, buffer.data[parameter.dtype.name])
        np.testing.assert_array_equal(parameter.data, before[name])
    buffer.data["float32"][...] = 7
    assert (net.a.weight.data == 7).all() and (net.c.bias.data == 7).all()


def test_loading_a_state_goes_into_the_buffer():
    net = Linear(2, 2, 0)
    buffer = ParameterBuffer.pack(net)
    net.load_state_dict({name: np.full_like(array, 3) for name, array in net.state_dict().items()})
    assert (buffer.data["float32"] == 3).all()


def test_gathered_gradients_lie_like_the_parameters():
    net = Mixed()
    buffer = ParameterBuffer.pack(net)
    gradients = [np.random.default_rng(i).standard_normal(p.shape) for i, p in enumerate(net.parameters())]
    buffer.gather(gradients)
    offsets = {"float32": 0, "float64": 0}
    for gradient, parameter in zip(gradients, net.parameters(), strict=True):
        name, start = parameter.dtype.name, offsets[parameter.dtype.name]
        found = buffer.gradient[name][start : start + gradient.size]
        np.testing.assert_array_equal(found, gradient.ravel().astype(name))
        offsets[name] += gradient.size
    once = {name: array.copy() for name, array in buffer.gradient.items()}
    buffer.gather(gradients, add=True)
    for name in once:
        np.testing.assert_allclose(buffer.gradient[name], 2 * once[name], rtol=1e-6)


def test_groups_lie_side_by_side():
    net = MLP((2, 3, 3, 2), rng=0)
    first, second, third = (layer.parameters() for layer in net.layers)
    buffer = ParameterBuffer.pack(net, [third + second, first])
    assert buffer.names[0] == "layers.1.weight" or buffer.names[0] == "layers.2.weight"
    for group in (third + second, first):
        part = buffer.group(group)
        assert len(part.segments) == 1
        assert part.segments[0].data.size == sum(p.size for p in group)


def test_a_part_that_is_not_contiguous_works_too():
    a, b = ([Parameter(np.arange(3.0) + i) for i in range(4)] for _ in range(2))
    buffer = ParameterBuffer.pack(a)
    whole, part = optim.Adam(b), optim.Adam(buffer.group([a[3], a[0]]))
    assert len(part.group.segments) == 2
    for k in range(3):
        gradients = [np.full(3, 1.0 + i + k) for i in range(4)]
        whole.step(gradients)
        part.step([gradients[3], gradients[0]])
    for i in (0, 3):
        np.testing.assert_array_equal(a[i].data, b[i].data)
    for i in (1, 2):
        np.testing.assert_array_equal(a[i].data, np.arange(3.0) + i)


def test_optimisers_on_parts_leave_the_rest_alone():
    net = MLP((2, 3, 2), rng=0)
    buffer = ParameterBuffer.pack(net)
    before = net.state_dict()
    other = net.layers[1].parameters()
    loss = ops.sum(net.layers[1](np.ones((1, 3), np.float32)))
    optim.SGD(buffer.group(net.layers[0].parameters())).step([np.ones((2, 3)), np.ones(3)])
    after = net.state_dict()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == [
        "layers.0.weight", "layers.0.bias"]
    grad(loss, other)  # what did not move does not outdate a graph
    assert buffer.version == 1 and buffer.group(other).version == 1


def test_a_step_outdates_graphs():
    net = Linear(2, 1, 0)
    optimizer = optim.Adam(net)
    stale = ops.sum(net(np.ones((1, 2), np.float32)))
    optimizer.step([np.ones((2, 1)), np.ones(1)])
    with pytest.raises(RuntimeError, match="updated"):
        grad(stale, net.parameters())
    grad(ops.sum(net(np.ones((1, 2), np.float32))), net.parameters())


@pytest.mark.parametrize("name", optim.available())
def test_frozen_parameters_do_not_move(name):
    net = MLP((2, 3, 2), rng=0)
    optimizer = optim.create(name, net, **({} if name == "adamw" else {"weight_decay": 0.1}))
    optimizer.step([np.ones(p.shape) for p in net.parameters()])
    net.layers[0].freeze()
    before = net.state_dict()
    for _ in range(2):
        optimizer.step([np.ones(p.shape) for p in net.parameters()])
    after = net.state_dict()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == [
        "layers.1.weight", "layers.1.bias"]


def test_a_frozen_parameters_gradient_is_zero():
    net = Linear(2, 1, 0)
    buffer = ParameterBuffer.pack(net)
    buffer.gather([np.full((2, 1), 9.0), np.full(1, 9.0)])
    net.weight.freeze()
    buffer.gather([np.full(1, 3.0)])
    assert float(optim.global_norm(buffer)) == 3
    assert buffer.trainable() == [net.bias]


def test_a_parameter_that_comes_twice_is_packed_once():
    a, b = Parameter(np.ones(2)), Parameter(np.zeros(3))
    buffer = ParameterBuffer.pack([("a", a), ("b", b), ("c", a)])
    assert buffer.names == ["a", "b"] and buffer.data["float64"].size == 5
    assert len(buffer.group([b, b]).parameters) == 1


@pytest.mark.parametrize(
    "gradients, words",
    [
        ([np.ones((2, 1))], "expected 2.*got 1"),
        ([np.ones((1, 2)), np.ones(1)], r"\(2, 1\) for weight, got \(1, 2\)"),
        ([np.ones((2, 1)), np.ones(2)], r"\(1,\) for bias, got \(2,\)"),
    ],
)
def test_gradients_that_do_not_fit_change_nothing(gradients, words):
    net = Linear(2, 1, 0)
    optimizer, before = optim.Adam(net), net.state_dict()
    with pytest.raises(ValueError, match=words):
        optimizer.step(gradients)
    assert optimizer.steps == 0 and not optimizer.group.buffer.gradient["float32"].any()
    np.testing.assert_array_equal(net.weight.data, before["weight"])


def test_parameters_that_left_the_buffer_are_noticed():
    for leave in (lambda net: net.to(dtype="float64"), ParameterBuffer.pack):
        net = Linear(2, 1, 0)
        optimizer = optim.SGD(net)
        average = optim.ExponentialMovingAverage(optimizer.group)
        leave(net)
        for act in (lambda: optimizer.step([np.ones((2, 1)), np.ones(1)]), average.update, average.swap):  # noqa: B023
            with pytest.raises(RuntimeError, match="weight is no longer in this buffer"):
                act()


def test_what_cannot_be_packed():
    with pytest.raises(ValueError, match="none"):
        ParameterBuffer.pack([])
    with pytest.raises(TypeError, match="ndarray"):
        ParameterBuffer.pack([np.ones(3)])
    with pytest.raises(ValueError, match="not in this buffer"):
        ParameterBuffer.pack(Linear(2, 2, 0)).group([Parameter(np.ones(2))])
