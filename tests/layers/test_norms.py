"""Batch, group and instance normalisation against loops written out, and derivatives against differences."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.random_parameters import randomised, with_parameters
from minigen import Tensor, check_grads, grad, ops
from minigen.layers import MLP, BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Module
from minigen.optim import ParameterBuffer

SHAPES = st.tuples(st.integers(2, 4), st.lists(st.integers(2, 3), max_size=2)).map(lambda pair: (pair[0], *pair[1]))


def standardised(values, eps):
    """A list of numbers less their mean, over the root of their variance plus eps."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / math.sqrt(variance + eps) for v in values]


def batch_normed(x, weight, bias, eps):
    """Batch normalisation with the statistics of the batch, one channel at a time."""
    y = np.empty_like(x)
    for c in range(x.shape[-1]):
        z = standardised(x[..., c].ravel().tolist(), eps)
        y[..., c] = weight[c] * np.reshape(z, x.shape[:-1]) + bias[c]
    return y


def group_normed(x, weight, bias, groups, eps):
    """Group normalisation, one example and one group at a time."""
    y, size = np.empty_like(x), x.shape[-1] // groups
    for i in range(len(x)):
        for start in range(0, x.shape[-1], size):
            inside = (i, ..., slice(start, start + size))
            y[inside] = np.reshape(standardised(x[inside].ravel().tolist(), eps), x[inside].shape)
    return y * weight + bias


@given(shape=SHAPES, channels=st.integers(1, 4), seed=st.integers(0, 99), eps=st.sampled_from([1e-5, 0.3]))
def test_batch_norm_in_training_is_its_formula(shape, channels, seed, eps):
    layer = randomised(BatchNorm(channels, eps=eps), seed)
    x = np.random.default_rng(seed).standard_normal((*shape, channels)) * 3 + 5
    expected = batch_normed(x, layer.weight.data, layer.bias.data, eps)
    np.testing.assert_allclose(layer(x, train=True).data, expected, rtol=1e-9, atol=1e-9)


@given(shape=SHAPES, groups=st.integers(1, 3), size=st.integers(1, 3), seed=st.integers(0, 99))
def test_group_norm_is_its_formula(shape, groups, size, seed):
    layer = randomised(GroupNorm(groups, groups * size, eps=0.01), seed)
    x = np.random.default_rng(seed).standard_normal((*shape, groups * size)) * 3 + 5
    expected = group_normed(x, layer.weight.data, layer.bias.data, groups, 0.01)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(layer(x, train=True).data, layer(x).data)


def test_instance_norm_is_group_norm_of_single_channels():
    layer = randomised(InstanceNorm(3, eps=0.01))
    x = np.random.default_rng(1).standard_normal((2, 4, 5, 3)) + 2
    np.testing.assert_allclose(layer(x).data, group_normed(x, layer.weight.data, layer.bias.data, 3, 0.01), rtol=1e-9)


def test_layer_norm_is_group_norm_of_one_position_and_one_group():
    x = np.random.default_rng(1).standard_normal((3, 6))
    a, b = randomised(LayerNorm(6)), randomised(GroupNorm(1, 6))
    np.testing.assert_allclose(a(x).data, b(x).data, rtol=1e-9)


LARGE = (2, 30, 20, 6)  # more than a kernel leaves to array code


@pytest.mark.parametrize("layer, call, shape", [
    (BatchNorm(3, eps=0.1), {"train": True}, (4, 3)),
    (BatchNorm(3, eps=0.1), {"train": True}, (2, 3, 2, 3)),
    (BatchNorm(6, eps=0.1), {"train": True}, LARGE),
    (BatchNorm(3, eps=0.1), {}, (4, 3)),
    (GroupNorm(2, 6, eps=0.1), {}, (3, 6)),
    (GroupNorm(2, 6, eps=0.1), {}, LARGE),
    (InstanceNorm(3, eps=0.1), {}, (2, 4, 3)),
], ids=lambda value: type(value).__name__ if isinstance(value, Module) else str(value))
def test_derivatives_of_two_orders(layer, call, shape):
    """Of input, weight and bias together: the statistics of the batch are differentiated too."""
    random = np.random.default_rng(3)
    if isinstance(layer, BatchNorm):
        layer.running_mean.assign(random.standard_normal(layer.size))
        layer.running_variance.assign(random.uniform(0.5, 2, layer.size))
    args = (random.standard_normal(shape), *random.uniform(0.5, 2, (2, shape[-1])))
    check_grads(with_parameters(layer.to(dtype="float64"), **call), args, order=2)


def test_a_gradient_through_the_batch_knows_of_the_batch():
    """Adding a constant to a channel, or in part multiplying it, changes nothing: the gradient is at right angles."""
    layer = randomised(BatchNorm(2, eps=1e-12))
    x = Tensor(np.random.default_rng(0).standard_normal((7, 2)))
    gradient = grad(ops.sum(layer(x, train=True) * np.random.default_rng(1).standard_normal((7, 2))), x)
    centred = x.data - x.data.mean(axis=0)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((gradient * centred).sum(axis=0), 0, atol=1e-9)
    assert np.abs(gradient).max() > 0.1


def test_running_averages_are_of_the_unbiased_variance():
    layer, random = BatchNorm(2, momentum=0.3, dtype="float64"), np.random.default_rng(2)
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(5):
        x = random.standard_normal((4, 3, 2)) * [1, 3] + [0, 7]
        layer(x, train=True)
        mean = 0.7 * mean + 0.3 * x.mean(axis=(0, 1))
        variance = 0.7 * variance + 0.3 * x.var(axis=(0, 1), ddof=1)
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_variance.data, variance, rtol=1e-12)
    assert [name for name, _ in layer.named_buffers()] == ["running_mean", "running_variance"]


def test_other_calls_use_the_running_averages_and_record_nothing():
    layer = randomised(BatchNorm(3, eps=0.2))
    random = np.random.default_rng(4)
    layer.running_mean.assign(random.standard_normal(3))
    layer.running_variance.assign(random.uniform(0.5, 2, 3))
    x, state = random.standard_normal((5, 4, 3)), layer.state_dict()
    expected = (x - state["running_mean"]) / np.sqrt(state["running_variance"] + 0.2) * state["weight"] + state["bias"]
    first = layer(x).data
    np.testing.assert_allclose(first, expected, rtol=1e-12)
    np.testing.assert_array_equal(layer(x, rng=1).data, first)
    np.testing.assert_allclose(layer(x[:1]).data, first[:1], rtol=1e-15)  # one example, whatever else is in the batch
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, state[name])


def test_averages_recorded_after_many_batches_normalise_new_data():
    layer, random = BatchNorm(3, momentum=0.05), np.random.default_rng(6)
    make = lambda n: (random.standard_normal((n, 3)) * [0.1, 1, 10] + [5, 0, -5]).astype(np.float32)  # noqa: E731
    for _ in range(200):
        layer(make(64), train=True)
    y = layer(make(20_000)).data
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(y.std(axis=0), 1, atol=0.1)


@pytest.mark.parametrize("layer", [BatchNorm(4), GroupNorm(2, 4), InstanceNorm(4)], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("kind", [np.float32, np.uint8, bool])
def test_float32_stays_float32(layer, kind):
    x = np.random.default_rng(0).integers(0, 2, (6, 3, 4)).astype(kind)
    for train in (True, False):
        y = layer(x, train=train)
        assert y.dtype == np.float32
        firsts = grad(ops.sum(y * y * y), layer.parameters(), create_graph=True)
        seconds = grad(sum(ops.sum(g * g) for g in firsts), layer.parameters())
        plain = grad(ops.sum(layer(x, train=train) ** 2), layer.parameters())
        assert {g.dtype for g in (*firsts, *seconds, *plain)} == {np.dtype(np.float32)}
    assert {buffer.dtype for _, buffer in layer.named_buffers()} <= {np.dtype(np.float32)}


def test_a_graph_keeps_the_averages_that_it_was_recorded_with():
    """A training call between a forward pass and its gradient changes nothing of that gradient."""
    layer = randomised(BatchNorm(2))
    x = np.random.default_rng(0).standard_normal((5, 2)) * 3
    alone = grad(ops.sum(layer(x) ** 2), layer.parameters())
    loss = ops.sum(layer(x) ** 2)
    layer(x + 9, train=True)
    for a, b in zip(alone, grad(loss, layer.parameters()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_round_trip_and_a_packed_buffer():
    layer = BatchNorm(3)
    ParameterBuffer.pack(layer)
    layer(np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32), train=True)
    other = BatchNorm(3)
    other.load_state_dict(layer.state_dict())
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(other(x).data, layer(x).data)
    twin = copy.deepcopy(layer)
    twin(x + [[0], [1]], train=True)
    assert not np.array_equal(twin.running_mean.data, layer.running_mean.data)


def test_inside_a_network():
    """An MLP hands `train` on to an activation that is a module."""
    class Normed(Module):
        def __init__(self):
            self.norm = BatchNorm(4)

        def __call__(self, x, *, train=False, rng=None):
            return ops.relu(self.norm(x, train=train, rng=rng))

    net = MLP((3, 4, 2), Normed(), rng=0)
    x = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
    net(x)
    assert not net.activation.norm.running_mean.data.any()
    net(x, train=True)
    assert net.activation.norm.running_mean.data.any()
    assert "activation.norm.running_mean" in net.state_dict()


@settings(max_examples=20)
@given(n=st.integers(2, 5000), offset=st.sampled_from([0.0, 100.0, 1e4]))
def test_large_and_shifted_batches_lose_few_digits(n, offset):
    """In float32, with kernels or without: the mean comes off before squares are taken."""
    x = (offset + np.random.default_rng(n).standard_normal((n, 2))).astype(np.float32)
    exact = batch_normed(x.astype(float), np.ones(2), np.zeros(2), 1e-5)
    rounding = 1e-6 * (10 + offset) / max(float(x.std(axis=0).min()), 1e-3)
    np.testing.assert_allclose(BatchNorm(2)(x, train=True).data, exact, atol=rounding * np.abs(exact).max() + 1e-5)


@pytest.mark.parametrize("make, error, words", [
    (lambda: BatchNorm(0), ValueError, "size"),
    (lambda: BatchNorm(3, momentum=1.5), ValueError, "momentum"),
    (lambda: BatchNorm(3, momentum="x"), TypeError, "momentum"),
    (lambda: BatchNorm(3, eps=0), ValueError, "eps"),
    (lambda: BatchNorm(3, eps="x"), TypeError, "eps"),
    (lambda: BatchNorm(3)(np.ones((2, 4), np.float32)), ValueError, r"\(\.\.\., 3\)"),
    (lambda: BatchNorm(3)(np.ones((1, 3), np.float32), train=True), ValueError, "two values of each channel"),
    (lambda: GroupNorm(2, 5), ValueError, "multiple of the 2 groups"),
    (lambda: GroupNorm(2.0, 4), TypeError, "groups"),
    (lambda: GroupNorm(2, 4)(np.ones((3, 5), np.float32)), ValueError, r"\(\.\.\., 4\)"),
    (lambda: GroupNorm(2, 4)(np.ones(4, np.float32)), ValueError, "batch"),
    (lambda: InstanceNorm(4)(np.ones((3, 1, 4), np.float32)), ValueError, "two positions"),
    (lambda: InstanceNorm(4)([1.0]), TypeError, "list"),
])
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
