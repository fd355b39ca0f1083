"""Where a function has no derivative: the answers are PyTorch's, written down."""

import numpy as np
import pytest

from minigen import Tensor, grad, ops


def gradients(function, *arrays):
    """Gradients of the sum of a function's elements."""
    tensors = [Tensor(np.array(a, float)) for a in arrays]
    y = function(*tensors)
    return [g.tolist() for g in grad(y, tensors, np.ones(y.shape))]


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (ops.max, [1, 3, 3, 2], [0, 0.5, 0.5, 0]),
        (ops.min, [1, 1, 1, 2], [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda t: ops.max(t, axis=1), [[2, 2], [1, 0]], [[0.5, 0.5], [1, 0]]),
        (lambda t: ops.min(t, axis=(0, 1), keepdims=True), [[2, 2], [2, 2]], [[0.25, 0.25], [0.25, 0.25]]),
        (ops.relu, [-1, 0, 1], [0, 0, 1]),
        (ops.leaky_relu, [-1, 0, 1], [0.01, 0.01, 1]),
        (ops.elu, [-0.0, 0, 1], [1, 1, 1]),
        (lambda t: ops.elu(t, 0.5), [0, 1], [0.5, 1]),
        (ops.abs, [-2, 0, 3], [-1, 0, 1]),
        (lambda t: ops.clip(t, -1, 1), [-2, -1, 0, 1, 2], [0, 1, 1, 1, 0]),
        (lambda t: ops.clip(t, low=0), [-1, 0, 1], [0, 1, 1]),
        (lambda t: ops.clip(t, high=0), [-1, 0, 1], [1, 1, 0]),
        (lambda t: ops.maximum(t, 0), [-1, 0, 1], [0, 0.5, 1]),
        (lambda t: ops.minimum(0, t), [-1, 0, 1], [1, 0.5, 0]),
        (ops.norm, [0, 0], [0, 0]),
        (lambda t: ops.maximum(t, t), [1, 2], [1, 1]),
    ],
)
def test_one_input(function, x, expected):
    (result,) = gradients(function, x)
    np.testing.assert_allclose(result, expected, rtol=1e-15)


def test_two_inputs():
    assert gradients(ops.maximum, [1, 2, 3], [2, 2, 2]) == [[0, 0.5, 1], [1, 0.5, 0]]
    assert gradients(ops.minimum, [1, 2, 3], [2, 2, 2]) == [[1, 0.5, 0], [0, 0.5, 1]]
    assert gradients(ops.maximum, [[1, 2], [2, 2]], 2) == [[[0, 0.5], [0.5, 0.5]], 2.5]
    assert gradients(lambda x, y: ops.where(np.array([True, False]), x, y), [1, 1], [1, 1]) == [[1, 0], [0, 1]]


def test_second_derivatives_at_ties_are_zero():
    for function in (ops.max, ops.min, ops.relu, ops.abs, ops.maximum, ops.clip):
        x = Tensor(np.zeros(3))
        y = function(x, 0) if function in (ops.maximum, ops.clip) else function(x)
        first = grad(y, x, np.ones(y.shape), create_graph=True)
        assert not grad(first, x, np.array([1.0, 2.0, 3.0])).any()
