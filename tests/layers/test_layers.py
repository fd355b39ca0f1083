"""Layers against plain formulas, and what they say about wrong arguments."""

import numpy as np
import pytest
from scipy import special

from layers.random_parameters import randomised, with_parameters
from minigen import Tensor, check_grads, grad, ops
from minigen.layers import (
    MLP,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    MaskedLinear,
)

RANDOM = np.random.default_rng(5)


def test_linear_is_the_affine_map():
    layer, x = randomised(Linear(4, 3, 0)), RANDOM.standard_normal((2, 5, 4))
    expected = np.einsum("abi,ij->abj", x, layer.weight.data) + layer.bias.data
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-12)
    check_grads(with_parameters(layer), (x, layer.weight.data, layer.bias.data))


def test_linear_without_bias_and_with_chosen_weights():
    layer = Linear(2, 2, 0, bias=False, init=lambda shape, rng, dtype: np.eye(2, dtype=dtype))
    assert len(layer.parameters()) == 1
    np.testing.assert_array_equal(layer(np.float32([[3, 4]])).data, [[3, 4]])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_integers_do_not_widen_the_result(dtype):
    x = np.ones((2, 3), dtype)
    assert Linear(3, 2, 0)(x).dtype == np.float32
    assert LayerNorm(3)(x).dtype == np.float32
    assert Linear(3, 2, 0)(Tensor(x)).dtype == np.float32


def test_gradients_stay_float32():
    net = MLP((3, 4, 2), ops.gelu, rng=0, dropout=0.3)
    loss = ops.mean(net(np.ones((5, 3), np.float32), train=True, rng=1) ** 2)
    assert loss.dtype == np.float32
    assert {g.dtype for g in grad(loss, net.parameters())} == {np.dtype(np.float32)}


def test_mlp_is_its_layers_with_activations_between():
    net, x = MLP((3, 5, 4, 2), ops.gelu, rng=0), RANDOM.standard_normal((6, 3))
    assert not np.array_equal(net.layers[0].weight.data[0, :2], net.layers[1].weight.data[0, :2])
    randomised(net)
    y = x
    for i, layer in enumerate(net.layers):
        y = y @ layer.weight.data + layer.bias.data
        y = y * special.ndtr(y) if i < 2 else y
    np.testing.assert_allclose(net(x).data, y, rtol=1e-12)


def test_the_same_seed_is_the_same_network():
    a, b, c = (MLP((3, 4, 2), rng=seed).state_dict() for seed in (1, 1, 2))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["layers.0.weight"], c["layers.0.weight"])


def test_dropout_acts_in_training_calls_only():
    """A source of noise alone does not make a call a training call: a bound needs noise at evaluation too."""
    x = np.ones((3, 3), np.float32)
    assert Dropout(0.5)(x) is x and Dropout(0.5)(x, rng=1) is x and Dropout(0.0)(x, train=True) is x
    net = MLP((3, 4, 2), rng=0, dropout=0.5)
    np.testing.assert_array_equal(net(x, rng=1).data, net(x).data)
    assert not np.array_equal(net(x, train=True, rng=1).data, net(x).data)


def test_a_training_call_of_dropout_needs_noise():
    x = np.ones((3, 3), np.float32)
    for layer in (Dropout(0.5), MLP((3, 4, 2), rng=0, dropout=0.5)):
        with pytest.raises(ValueError, match="Dropout rng.*train=True.*None"):
            layer(x, train=True)
    assert MLP((3, 4, 2), rng=0)(x, train=True).shape == (3, 2)


@pytest.mark.parametrize("layer, x", [
    (Linear(3, 2, 0), np.ones((4, 3), np.float32)),
    (MaskedLinear(3, 2, np.ones((3, 2)), 0), np.ones((4, 3), np.float32)),
    (MLP((3, 4, 2), rng=0, dropout=0.5), np.ones((4, 3), np.float32)),
    (Embedding(4, 2, 0), np.array([1, 3])),
    (Conv2d(3, 2, 3, 0), np.ones((4, 5, 5, 3), np.float32)),
    (ConvTranspose2d(3, 2, 3, 0, stride=2), np.ones((4, 5, 5, 3), np.float32)),
    (LayerNorm(3), np.ones((4, 3), np.float32)),
], ids=lambda value: type(value).__name__)
def test_every_layer_can_be_called_for_training_and_with_noise(layer, x):
    assert layer(x, train=True, rng=0).shape == layer(x, rng=0).shape == layer(x).shape


def test_dropout_zeroes_at_its_rate_and_keeps_the_mean():
    x = np.full((400, 500), 2.0, np.float32)
    y = Dropout(0.3)(Tensor(x), train=True, rng=3)
    assert y.dtype == np.float32
    zeros = float((y.data == 0).mean())
    assert abs(zeros - 0.3) < 5 * np.sqrt(0.3 * 0.7 / x.size)
    np.testing.assert_allclose(np.unique(y.data), [0, 2 / 0.7], rtol=1e-6)


def test_dropout_gradient_is_its_mask():
    x = Tensor(np.ones((4, 4)))
    y = Dropout(0.5)(x, train=True, rng=0)
    np.testing.assert_array_equal(grad(ops.sum(y), x), y.data)


def test_dropout_masks_of_one_call_differ_between_layers():
    net = MLP((50, 50, 50, 50), lambda x: x, rng=0, dropout=0.5, bias=False,
              init=lambda shape, rng, dtype: np.eye(50, dtype=dtype))
    y = net(np.ones((200, 50), np.float32), train=True, rng=4).data
    kept = (y != 0).mean()  # one mask for both would keep half
    assert abs(kept - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 10_000)


def test_an_activation_that_is_a_module_is_called_for_training_too():
    net = MLP((50, 50, 50), Dropout(0.5), rng=0)
    x = np.ones((20, 50), np.float32)
    np.testing.assert_array_equal(net(x, rng=4).data, net(x).data)
    assert not np.array_equal(net(x, train=True, rng=4).data, net(x).data)


def test_embedding_looks_vectors_up():
    layer = Embedding(5, 3, 0)
    indices = np.array([[1, 4], [1, 0]])
    y = layer(indices)
    np.testing.assert_array_equal(y.data, layer.weight.data[indices])
    np.testing.assert_array_equal(grad(ops.sum(y), layer.weight)[:, 0], [1, 2, 0, 0, 1])
    assert layer(np.zeros((0,), np.int64)).shape == (0, 3)


def test_layer_norm_is_its_formula():
    layer, x = randomised(LayerNorm(6, eps=1e-3)), RANDOM.standard_normal((4, 6)) * 3 + 1
    normalised = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(layer(x).data, normalised * layer.weight.data + layer.bias.data, rtol=1e-9)
    check_grads(with_parameters(layer), (x, layer.weight.data, layer.bias.data))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: Linear(0, 2, 0), ValueError, "inputs"),
        (lambda: Linear(2, 2.5, 0), TypeError, "outputs"),
        (lambda: Linear(True, 2, 0), TypeError, "inputs"),
        (lambda: Linear(2, 2, None), TypeError, "rng"),
        (lambda: Linear(2, 2, 0, dtype="float16"), ValueError, "float16"),
        (lambda: Linear(2, 2, 0)(np.ones((3, 3), np.float32)), ValueError, r"\(\.\.\., 2\).*\(3, 3\)"),
        (lambda: Linear(2, 2, 0)([1.0, 2.0]), TypeError, "list"),
        (lambda: MLP((3,), rng=0), ValueError, "sizes"),
        (lambda: MLP((3, 2), "relu", rng=0), TypeError, "ops.relu"),
        (lambda: Dropout(1.0), ValueError, "below 1"),
        (lambda: Dropout("x"), TypeError, "rate"),
        (lambda: Embedding(3, 2, 0)(np.array([3])), ValueError, "0 … 2"),
        (lambda: Embedding(3, 2, 0)(np.array([-1])), ValueError, "0 … 2"),
        (lambda: Embedding(3, 2, 0)(np.array([1.0])), TypeError, "integers"),
        (lambda: LayerNorm(3, eps=0), ValueError, "eps"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
