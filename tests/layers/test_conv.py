"""Convolutional and masked layers: values, what depends on what, gradients, starting values, wrong arguments."""

import itertools

import numpy as np
import pytest
from scipy import signal

from layers.random_parameters import randomised, with_parameters
from minigen import Tensor, check_grads, grad, jacobian, ops
from minigen.layers import (
    CausalConv1d,
    Conv,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    MaskedConv2d,
    MaskedLinear,
    degree_mask,
    he_normal,
    taps,
)

RANDOM = np.random.default_rng(3)


def dense(layer, size, x):
    """What a square convolution of the whole kernel gives, its weight 0 where the layer has no tap."""
    half, w = size // 2, layer.weight.data if layer.mask is None else layer.weight.data * layer.mask
    kernel = np.zeros((size, size, *w.shape[1:]))
    for (i, j), values in zip(layer.taps, w, strict=True):
        kernel[i + half, j + half] = values
    y = np.zeros((*x.shape[:-1], layer.outputs))
    for b, i, o in itertools.product(range(len(x)), range(layer.inputs), range(layer.outputs)):
        y[b, :, :, o] += signal.correlate2d(x[b, :, :, i], kernel[:, :, i, o], mode="same")
    return y + layer.bias.data


def dependence(layer, shape):
    """A boolean array: whether each output of one example depends on each input."""
    x = RANDOM.standard_normal((1, *shape))
    return jacobian(lambda x: layer(x))(x)[0][..., 0, :, :, :] != 0


@pytest.mark.parametrize("make", [
    lambda: Conv2d(2, 3, 3, 0, dtype="float64"),
    lambda: MaskedConv2d(2, 3, 5, "A", 0, dtype="float64"),
    lambda: MaskedConv2d(2, 3, 3, "B", 0, dtype="float64"),
    lambda: MaskedConv2d(2, 4, 3, "A", 0, colours=2, dtype="float64"),
    lambda: MaskedConv2d(4, 2, 3, "B", 0, colours=2, dtype="float64"),
])
def test_images_are_a_dense_convolution_with_zeros_in_its_weight(make):
    layer = randomised(make())
    x = RANDOM.standard_normal((2, 6, 7, layer.inputs))
    np.testing.assert_allclose(layer(x).data, dense(layer, 5, x), rtol=1e-10, atol=1e-12)
    check_grads(with_parameters(layer), (x[:1, :3, :3], layer.weight.data, layer.bias.data), order=2)


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("colours", [1, 3])
def test_masked_convolution_sees_exactly_what_it_may(kind, colours):
    """A colour sees earlier pixels of the square in raster order, and at its pixel the colours that the kind allows."""
    channels = 2 * colours if colours > 1 else 2
    layer = MaskedConv2d(channels, channels, 3, kind, 1, colours=colours, dtype="float64")
    depends = dependence(layer, (4, 5, channels))
    positions = list(itertools.product(range(4), range(5), range(channels)))
    for (r, c, o), (i, j, k) in itertools.product(positions, positions):
        near = abs(r - i) <= 1 and abs(c - j) <= 1
        colour, other = o * colours // channels, k * colours // channels
        allowed = (i, j) < (r, c) or ((i, j) == (r, c) and (other < colour or (kind == "B" and other == colour)))
        assert depends[r, c, o, i, j, k] == (near and allowed), ((r, c, o), (i, j, k))


def test_two_masked_layers_see_all_before_within_reach_and_nothing_after():
    first, second = MaskedConv2d(3, 6, 3, "A", 1, colours=3, dtype="float64"), MaskedConv2d(
        6, 3, 3, "B", 2, colours=3, dtype="float64")
    depends = dependence(lambda x: second(ops.tanh(first(x))), (4, 4, 3)).reshape(48, 48)
    assert not np.triu(depends).any()  # element by element in raster order, colours last: strictly before
    assert depends[47, 46] and depends[46, 45] and not depends[45, 45]


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("present", [True, False])
def test_causal_convolution_sees_the_past(dilation, present):
    layer, x = CausalConv1d(2, 2, 3, 0, dilation=dilation, present=present, dtype="float64"), RANDOM.random((1, 14, 2))
    depends = (jacobian(lambda x: layer(x))(x)[0][:, :, 0] != 0).any(axis=(1, 3))
    lags = [dilation * i + (not present) for i in range(3)]
    np.testing.assert_array_equal(depends, [[t - s in lags for s in range(14)] for t in range(14)])
    check_grads(lambda x: layer(x), (x[:, :5],), order=2)


def test_sequences_and_strides():
    layer, x = randomised(Conv1d(2, 3, 4, 0, stride=2, dilation=2)), RANDOM.standard_normal((2, 9, 2))
    y = np.tile(layer.bias.data, (2, 5, 1))
    for p, t in itertools.product(range(5), range(4)):
        position = 2 * p + 2 * (t - 1)
        if 0 <= position < 9:
            y[:, p] += x[:, position] @ layer.weight.data[t]
    np.testing.assert_allclose(layer(x).data, y, rtol=1e-12)
    check_grads(with_parameters(layer), (x[:1], layer.weight.data, layer.bias.data), order=2)


def test_a_rectifying_call_is_the_convolution_of_the_rectified_input():
    layer, x = randomised(Conv1d(2, 3, 3, 0)), RANDOM.standard_normal((2, 6, 2))
    np.testing.assert_allclose(layer(x, rectify=True).data, layer(np.maximum(x, 0)).data, rtol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_is_its_formula(stride):
    """Input p adds x[p] @ weight[t] to output stride·p + tap, and the bias is added everywhere."""
    layer, x = randomised(ConvTranspose1d(2, 3, 4, 0, stride=stride)), RANDOM.standard_normal((2, 5, 2))
    y = np.tile(layer.bias.data, (2, 5 * stride, 1))
    for p, t in itertools.product(range(5), range(4)):
        position = stride * p + t - 1
        if 0 <= position < 5 * stride:
            y[:, position] += x[:, p] @ layer.weight.data[t]
    np.testing.assert_allclose(layer(x).data, y, rtol=1e-12)
    check_grads(with_parameters(layer), (x[:1], layer.weight.data, layer.bias.data), order=2)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_transposed_is_the_adjoint(stride):
    """<conv(x), y> = <x, conv_transpose(y)> with the same weights, and the sizes are multiplied."""
    up = ConvTranspose2d(3, 2, 4, 0, stride=stride, bias=False, dtype="float64")
    down = Conv(2, 3, up.taps, 0, stride=stride, bias=False, dtype="float64")
    down.weight.assign(up.weight.data.transpose(0, 2, 1))
    y = RANDOM.standard_normal((2, 3, 4, 3))
    x = RANDOM.standard_normal(up(y).shape)
    assert x.shape == (2, 3 * stride, 4 * stride, 2)
    np.testing.assert_allclose((down(x).data * y).sum(), (x * up(y).data).sum(), rtol=1e-10)
    check_grads(lambda y: up(y), (y[:1, :2, :2],), order=2)


def test_transposed_to_a_named_size():
    layer = ConvTranspose1d(2, 3, 3, 0, stride=2)
    assert layer(np.ones((1, 4, 2), np.float32), extents=(7,)).shape == (1, 7, 3)
    with pytest.raises(ValueError, match="extents"):
        layer(np.ones((1, 4, 2), np.float32), extents=(5,))


def test_taps():
    assert taps.box(3, 1) == ((-1,), (0,), (1,)) and taps.box(2, 1, dilation=3) == ((0,), (3,))
    assert len(taps.box((3, 5), 2)) == 15
    assert len(taps.masked(7, "A")) == 24 and len(taps.masked(3, "B")) == 5 and taps.masked(1, "A") == ()
    assert taps.causal(3, 2) == ((-4,), (-2,), (0,)) and taps.causal(2, 2, present=False) == ((-3,), (-1,))
    both = set(taps.vertical(3)) | set(taps.horizontal(3, "B"))
    assert both == set(taps.masked(3, "B")) and len(taps.vertical(3, present=True)) == 6


@pytest.mark.parametrize("size", [(60, 80), (90, 33)])
def test_masked_linear_is_a_linear_layer_with_a_masked_weight(size):
    before, after = RANDOM.integers(0, 9, size[0]), RANDOM.integers(0, 9, size[1])
    for mask in (degree_mask(np.sort(before), np.sort(after)), degree_mask(before, after, strict=True),
                 RANDOM.random(size) < 0.2, np.zeros(size, bool)):
        layer, x = randomised(MaskedLinear(*size, mask, 0)), RANDOM.standard_normal((3, 50, size[0]))
        t, g = Tensor(x), RANDOM.standard_normal((3, 50, size[1]))
        y = layer(t)
        np.testing.assert_allclose(y.data, x @ (layer.weight.data * mask) + layer.bias.data, rtol=1e-9, atol=1e-10)
        gx, gw = grad(y, [t, layer.weight], g)
        np.testing.assert_allclose(gx, g @ (layer.weight.data * mask).T, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(gw, np.einsum("abi,abj->ij", x, g) * mask, rtol=1e-9, atol=1e-10)
        check_grads(lambda x, layer=layer: layer(x) ** 2, (x[0, :2],), order=2)


def test_shuffled_degrees_are_put_in_order():
    before, after = RANDOM.integers(0, 200, 300), RANDOM.integers(0, 200, 300)
    assert MaskedLinear(300, 300, degree_mask(np.sort(before), np.sort(after)), 0).order is None
    shuffled = MaskedLinear(300, 300, degree_mask(before, after), 0)
    assert shuffled.order is not None and shuffled.blocks.work < 0.7 * 300 * 300


def test_starting_values_keep_the_variance():
    """The variance of an output is twice that of an input (he_normal is for ReLU), however few inputs are live."""
    x = RANDOM.standard_normal((400, 6, 6, 12)).astype(np.float32)
    for layer in (MaskedConv2d(12, 300, 3, "B", 0, init=he_normal), Conv2d(12, 300, 3, 0, init=he_normal),
                  MaskedConv2d(12, 300, 3, "A", 0, colours=3, init=he_normal)):
        spread = layer(x).data[:, 2:4, 2:4].var(axis=(0, 1, 2))
        assert abs(spread.mean() - 2) < 0.2
    y = ConvTranspose2d(12, 300, 4, 0, stride=2, init=he_normal)(x).data[:, 4:8, 4:8]
    assert abs(y.var(axis=(0, 1, 2)).mean() - 2) < 0.3
    mask = degree_mask(np.arange(100), np.arange(100))
    spread = MaskedLinear(100, 100, mask, 0, init=he_normal)(RANDOM.standard_normal((500, 100))).data.var(axis=0)
    assert abs(spread[20:].mean() - 2) < 0.3 and abs(spread[60:].mean() - spread[20:60].mean()) < 0.4


def test_a_layer_without_taps_is_its_bias():
    layer = MaskedConv2d(1, 2, 1, "A", 0)
    layer.bias.assign([1.0, 2.0])
    np.testing.assert_array_equal(layer(np.ones((1, 2, 2, 1), np.float32)).data, np.broadcast_to([1, 2], (1, 2, 2, 2)))


def test_float32_and_integers_stay_float32():
    for layer, shape in ((MaskedConv2d(3, 3, 3, "A", 0, colours=3), (2, 4, 4, 3)), (Conv1d(3, 2, 3, 0), (2, 4, 3)),
                         (MaskedLinear(3, 3, np.tri(3), 0), (2, 3)),
                         (ConvTranspose1d(3, 2, 2, 0, stride=2), (2, 4, 3))):
        y = layer(np.ones(shape, np.uint8))
        assert y.dtype == np.float32
        assert {g.dtype for g in grad(y.sum(), layer.parameters())} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: MaskedConv2d(1, 1, 3, "C", 0), ValueError, "kind: expected 'A'"),
        (lambda: MaskedConv2d(4, 6, 3, "A", 0, colours=3), ValueError, "inputs: expected a multiple of the 3"),
        (lambda: Conv2d(1, 1, (3, 3, 3), 0), ValueError, "size"),
        (lambda: Conv2d(1, 1, 2.5, 0), TypeError, "."),
        (lambda: Conv1d(1, 1, 0, 0), ValueError, "size: expected an integer of at least 1"),
        (lambda: CausalConv1d(1, 1, 2, 0, dilation=0), ValueError, "dilation"),
        (lambda: Conv1d(1, 1, 2, 0, stride=-1), ValueError, "stride"),
        (lambda: Conv(2, 3, [(0,)], 0, mask=np.ones((2, 3))), TypeError, "mask: expected booleans"),
        (lambda: Conv(2, 3, [(0,)], 0, mask=np.ones((3, 2), bool)), ValueError, "mask: expected a shape"),
        (lambda: Conv(2, 3, [(0.5,)], 0)(np.ones((1, 2, 2))), TypeError, "integers"),
        (lambda: Conv(2, 3, [0], 0), TypeError, "."),
        (lambda: Conv1d(2, 3, 3, 0)(np.ones((1, 4, 3))), ValueError, r"Conv1d input: expected shape \(\.\.\., 2\)"),
        (lambda: Conv1d(2, 3, 3, 0)(np.ones((1, 4, 2), np.float16)), TypeError, "float16"),
        (lambda: MaskedLinear(2, 3, np.ones((3, 2)), 0), ValueError, r"mask: expected shape \(2, 3\)"),
        (lambda: MaskedLinear(2, 3, np.full((2, 3), 0.5), 0), ValueError, "1 and 0"),
        (lambda: ops.masked_matmul(np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 3))), ValueError, "mask has shape"),
        (lambda: ops.masked_weight(np.ones((2, 3)), np.ones((3, 4)), np.ones((3, 4))), ValueError, "mask has shape"),
        (lambda: degree_mask([[1]], [1]), ValueError, "degrees"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
