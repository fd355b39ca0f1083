"""Arguments that do not fit are refused, by name, and those that NumPy takes are taken."""

import numpy as np
import pytest

from minigen import Tensor, grad, ops

X = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: ops.take(x, [0], axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda x: ops.take_along_axis(x, np.zeros((3, 1), int), axis=-3), np.exceptions.AxisError, "axis -3"),
        (lambda x: ops.take_along_axis(x, np.zeros(3, int), 0), ValueError, "indices: expected 2 axes"),
        (lambda x: ops.take_along_axis(x, np.zeros((2, 3), int), 0), ValueError, "does not broadcast"),
        (lambda x: ops.split(x, 3, axis=1), ValueError, "split sections"),
        (lambda x: ops.split(x, 0), ValueError, "split sections"),
        (lambda x: ops.split(x, [2, 1]), ValueError, "ascending"),
        (lambda x: ops.split(x, 1, axis=5), np.exceptions.AxisError, "axis 5"),
        (lambda x: ops.sum(x, axis=2), np.exceptions.AxisError, "axis 2"),
        (lambda x: ops.clip(x), ValueError, "at least one of low and high"),
        (lambda x: ops.clip(x, Tensor(1.0), 2.0), TypeError, "clip: only x"),
        (lambda x: ops.glu(np.ones((2, 3))), ValueError, r"glu: expected an even number .* got shape \(2, 3\)"),
        (lambda x: ops.tanh_gate(np.ones(())), ValueError, "tanh_gate: expected an even number"),
        (lambda x: ops.leaky_relu(x, slope=Tensor(0.1)), TypeError, "leaky_relu: only x"),
        (lambda x: ops.astype(x, np.int64), TypeError, "astype dtype: expected float32 or float64"),
        (lambda x: ops.astype(x, np.float16), TypeError, "astype dtype"),
        (lambda x: ops.triangular_solve(x[:3, :3], x[0, :3]), ValueError, "triangular_solve: expected a square"),
        (lambda x: ops.triangular_solve(x[:2, :2], x[:3, :3]), ValueError, r"shapes \(2, 2\) and \(3, 3\)"),
        (lambda x: ops.triangular_solve(x, x), ValueError, "square"),
        (lambda x: ops.exp(x, x), TypeError, "."),
        (lambda x: ops.sum(x, axes=1), TypeError, "axes"),
        (lambda x: ops.add(x), TypeError, "."),
        (lambda x: ops.softmax(x, 0, 1), TypeError, "softmax"),
        (lambda x: x[3], IndexError, "3"),
        (lambda x: ops.cumsum(x, None), TypeError, "."),
        (lambda x: ops.matmul(x, x), ValueError, "matmul"),
        (lambda x: ops.matmul(x, [1, 2, 3, 4]), TypeError, "matmul: expected arrays, got ndarray and list"),
        (lambda x: ops.polygamma(x, -1), ValueError, "polygamma order"),
        (lambda x: ops.polygamma(x, 0.5), TypeError, "."),
    ],
)
def test_refused(call, error, words):
    with pytest.raises(error, match=words):
        call(Tensor(X))


W = np.zeros((2, 4, 5))
SIGNAL = np.zeros((1, 3, 4))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.conv(SIGNAL[0], W, [(0,), (1,)]), ValueError, "conv x: expected"),
        (lambda: ops.conv(SIGNAL, W[0], [(0,)]), ValueError, "conv w: expected shape"),
        (lambda: ops.conv(SIGNAL, W, [(0,)]), ValueError, "number of taps"),
        (lambda: ops.conv(SIGNAL, W, [(0, 1), (1, 1)]), TypeError, "tuples of 1 integers"),
        (lambda: ops.conv(SIGNAL, W, [(0,), (True,)]), TypeError, "integers"),
        (lambda: ops.conv(SIGNAL, W, [(0,), (0.5,)]), TypeError, "integers"),
        (lambda: ops.conv(SIGNAL, W, [(0,), (1 << 40,)]), ValueError, "offsets of at most"),
        (lambda: ops.conv(SIGNAL, W, [(0,), (1,)], stride=0), ValueError, "stride"),
        (lambda: ops.conv(SIGNAL, W, [(0,), (1,)], 1, np.zeros(4)), ValueError, r"conv bias: expected shape \(5,\)"),
        (lambda: ops.conv(SIGNAL[..., :3], W, [(0,), (1,)]), ValueError, "4 channels, got 3"),
        (lambda: ops.conv_transpose(SIGNAL, W, [(0,), (1,)]), ValueError, "5 channels, got 4"),
        (lambda: ops.conv_transpose(np.zeros((1, 3, 5)), W, [(0,), (1,)], 2, (9,)), ValueError, "extents: stride 2"),
        (lambda: ops.conv_weight(SIGNAL, np.zeros((1, 4, 5)), [(0,)]), ValueError, "conv_weight x: stride 1"),
        (lambda: ops.conv_weight(SIGNAL, np.zeros((2, 3, 5)), [(0,)]), ValueError, "batch of x"),
    ],
)
def test_convolutions_refuse(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_index_tensors_are_indices():
    x = Tensor(X)
    rows, mask = Tensor(np.array([2, 0])), Tensor(X % 2 == 0)
    np.testing.assert_array_equal(x[rows].data, X[[2, 0]])
    np.testing.assert_array_equal(x[rows, 1].data, X[[2, 0], 1])
    np.testing.assert_array_equal(ops.take(x, rows).data, [2, 0])
    np.testing.assert_array_equal(grad(x[mask].sum(), x), X % 2 == 0)
    np.testing.assert_array_equal(ops.where(mask, x, 0).data, np.where(X % 2 == 0, X, 0))


def test_variance_without_freedom_is_undefined():
    """As in NumPy and PyTorch: the variance of one value with ddof=1 is NaN, and so is its gradient."""
    x = Tensor(np.ones((3, 1)))
    with pytest.warns(RuntimeWarning):
        y = ops.var(x, axis=1, ddof=1)
    assert np.isnan(y.data).all()
    assert np.isnan(grad(y, x, np.ones(3))).all()


def test_lists_stand_for_arrays_beside_operators():
    x = Tensor(X + 1)
    numbers = [0, 1, 2, 3]
    for function in (ops.add, ops.subtract, ops.multiply, ops.power, ops.maximum, ops.minimum):
        for call in (lambda x, y: function(x, y), lambda x, y: function(y, x)):  # noqa: B023
            result = grad(call(x, numbers), x, X, create_graph=True)
            expected = grad(call(x, np.array(numbers)), x, X)
            np.testing.assert_array_equal(result.data, expected)


def test_integers_and_booleans_are_data():
    counts = Tensor(np.arange(4))
    assert counts.edge is None and (counts + 1).edge is None and counts.sum().dtype == counts.dtype
    x = Tensor(np.ones(4, np.float32))
    product = x * np.arange(4, dtype=np.int8)
    assert product.dtype == np.float32
    np.testing.assert_array_equal(grad(product.sum(), x), [0, 1, 2, 3])
    assert ops.cumsum(np.array([True, True]), 0).tolist() == [1, 2]


def test_python_numbers_do_not_widen_float32():
    x = Tensor(np.full(3, 0.5, np.float32))
    for function in (lambda x: x + 1.5, lambda x: 2 - x, lambda x: x * 3, lambda x: 1 / x, lambda x: x**2.5,
                     lambda x: 2.0**x, lambda x: ops.maximum(x, 0.1), lambda x: ops.where(x > 0, x, 0.0),
                     lambda x: ops.clip(x, 0.0, 1.0), lambda x: ops.pad(x, 1, 2.0), lambda x: ops.norm(x) * 2):
        y = function(x)
        first = grad(y, x, np.ones_like(y.data), create_graph=True)
        assert y.dtype == first.dtype == grad(first, x, np.ones_like(first.data)).dtype == np.float32


def test_operators_and_methods():
    a, b = X + 1, X[::-1] + 1
    x, y = Tensor(a), Tensor(b)
    for result, expected in [
        (x + y, a + b), (1 - x, 1 - a), (x - 1, a - 1), (2 * x, 2 * a), (1 / x, 1 / a), (x / 2, a / 2),
        (x**2, a**2),
        (2**x, 2**a), (-x, -a), (abs(-x), a), (x @ y.T, a @ b.T), (a @ y.T, a @ b.T),
        (x.reshape(4, 3), a.reshape(4, 3)),
        (x.reshape((2, -1)), a.reshape(2, -1)), (x.transpose(1, 0), a.T), (x.T, a.T), (x.sum(0), a.sum(0)),
        (x.mean(), a.mean()), (x.var(axis=1), a.var(1)), (x.max(), 12.0), (x.min(1), a.min(1)),
        (x.cumsum(0), a.cumsum(0)), (x.clip(2, 5), a.clip(2, 5)), (x.astype(np.float32), a.astype("f4")),
        (x[1:, 0], a[1:, 0]),
    ]:
        assert type(result) is Tensor and result.edge is not None
        np.testing.assert_array_equal(result.data, expected)
