"""Ops far from 0 and at 0: values and derivatives of both orders stay finite and right."""

import numpy as np
import pytest

from minigen import Tensor, grad, ops

INF = float("inf")


def derivatives(function, x, dtype=np.float64):
    """Value, gradient of the sum, and Hessian of the sum times the weights 1, 2, 3…"""
    x = Tensor(np.asarray(x, dtype))
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        y = function(x)
        first = grad(y, x, np.ones(y.shape, dtype), create_graph=True)
        second = grad(first, x, np.arange(1, x.size + 1, dtype=dtype).reshape(x.shape))
    assert first.dtype == second.dtype == dtype
    return y.data, first.data, second


def slopes(function, x, dtype=np.float64):
    """Value and first and second derivative of an elementwise function."""
    value, first, second = derivatives(function, x, dtype)
    return value, first, second / np.arange(1, len(x) + 1, dtype=dtype)


# op: where it is probed, values, first derivatives, second derivatives
TAILS = {
    "softplus": ([-INF, -1e4, 0, 1e4, INF], [0, 0, np.log(2), 1e4, INF], [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
    "log_sigmoid": ([-INF, -1e4, 0, 1e4, INF], [-INF, -1e4, -np.log(2), 0, 0], [1, 1, 0.5, 0, 0], [0, 0, -0.25, 0, 0]),
    "sigmoid": ([-INF, -1e4, 0, 1e4, INF], [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0], [0, 0, 0, 0, 0]),
    "tanh": ([-INF, -1e4, 0, 1e4, INF], [-1, -1, 0, 1, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]),
    "elu": ([-INF, -1e4, -1e-12, 1e4, INF], [-1, -1, -1e-12, 1e4, INF], [0, 0, 1, 1, 1], [0, 0, 1, 0, 0]),
    "gelu": ([-1e4, 0, 1e4], [0, 0, 1e4], [0, 0.5, 1], [0, np.sqrt(2 / np.pi), 0]),
    "silu": ([-1e4, 0, 1e4], [0, 0, 1e4], [0, 0.5, 1], [0, 0.5, 0]),
    "erf": ([-INF, -1e4, 0, 1e4, INF], [-1, -1, 0, 1, 1], [0, 0, 2 / np.sqrt(np.pi), 0, 0], None),
    "relu": ([-INF, -1e4, 0, 1e4, INF], [0, 0, 0, 1e4, INF], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]),
    "leaky_relu": ([-INF, -1e4, 1e4, INF], [-INF, -1e2, 1e4, INF], [0.01, 0.01, 1, 1], [0, 0, 0, 0]),
    "abs": ([-INF, -1e4, 0, 1e4], [INF, 1e4, 0, 1e4], [-1, -1, 0, 1], [0, 0, 0, 0]),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TAILS)
def test_tails(name, dtype):
    x, *expected = TAILS[name]
    if expected[2] is None:  # the second derivative of erf is 0·inf at infinity: probed where it is finite
        x, expected = x[1:-1], [expected[0][1:-1], expected[1][1:-1], [0, 0, 0]]
    for result, wanted in zip(slopes(getattr(ops, name), x, dtype), expected, strict=True):
        np.testing.assert_allclose(result, np.asarray(wanted, dtype), rtol=1e-6, atol=1e-12)


def test_small_tails_keep_their_relative_accuracy():
    """exp(-|x|) is small, and as exact as it can be, where 1 + exp(-|x|) rounds to 1."""
    small = np.exp(-40.0)
    for op, x, expected in [(ops.softplus, -40.0, (small, small, small)), (ops.sigmoid, -40.0, (small, small, small)),
                            (ops.log_sigmoid, 40.0, (-small, small, -small)), (ops.elu, -40.0, (-1, small, small)),
                            (ops.silu, -40.0, (-40 * small, -39 * small, -38 * small))]:
        for result, wanted in zip(slopes(op, [x]), expected, strict=True):
            np.testing.assert_allclose(result, [wanted], rtol=1e-12)


ROWS = {
    "spread": [1e4, -1e4, 0.0],
    "equal and large": [1e4, 1e4, 1e4],
    "equal and small": [-1e4, -1e4, -1e4],
    "zeros": [0.0, 0.0, 0.0],
    "some impossible": [-INF, 1.0, 1.0],
}
WEIGHTS = {"spread": [1, 0, 0], "equal and large": [1 / 3] * 3, "equal and small": [1 / 3] * 3, "zeros": [1 / 3] * 3,
           "some impossible": [0, 0.5, 0.5]}
U = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ROWS)
def test_logsumexp(row, dtype):
    x, p = np.array(ROWS[row]), np.array(WEIGHTS[row])
    for axis, keepdims in [(-1, False), (None, False), ((0, 1), True)]:
        y, first, second = derivatives(lambda t: ops.logsumexp(t, axis, keepdims), x[None], dtype)  # noqa: B023
        spread = np.log(np.exp(x - x.max()).sum())
        np.testing.assert_allclose(y, np.full(y.shape, x.max() + spread), rtol=1e-6)
        np.testing.assert_allclose(first, [p], rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(second, [p * U - p * (p @ U)], rtol=1e-5, atol=1e-6)


def test_logsumexp_of_nothing_possible():
    """A row of -inf alone has the value -inf and no gradient, and leaves other rows as they are."""
    rows = [[-INF] * 3, [0, 0, -INF]]
    y, first, second = derivatives(lambda t: ops.logsumexp(t, -1), rows)
    np.testing.assert_array_equal(y, [-INF, np.log(2)])
    np.testing.assert_array_equal(first, [[0, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(second, [[0, 0, 0], [-0.25, 0.25, 0]])
    y, first, second = derivatives(ops.logsumexp, rows[0])
    assert y == -INF and not first.any() and not second.any()
    empty = ops.logsumexp(Tensor(np.zeros((2, 0))), axis=1)
    np.testing.assert_array_equal(empty.data, [-INF, -INF])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ROWS)
def test_softmax_and_log_softmax(row, dtype):
    x, p = np.array(ROWS[row]), np.array(WEIGHTS[row])
    v = np.array([0.5, -1.0, 2.0])
    y, first, second = derivatives(lambda t: ops.softmax(t) * v.astype(dtype), x, dtype)
    np.testing.assert_allclose(y, p * v, rtol=1e-6)
    np.testing.assert_allclose(first, p * (v - p @ v), rtol=1e-5, atol=1e-6)
    jacobian = np.diag(p) - np.outer(p, p)
    np.testing.assert_allclose(second, (jacobian * (v - p @ v)) @ U - jacobian @ v * (p @ U), rtol=1e-5, atol=2e-6)
    possible = np.isfinite(x)
    y, first, second = derivatives(ops.log_softmax, x, dtype)
    log_p = x - x.max() - np.log(np.exp(x - x.max()).sum())
    np.testing.assert_allclose(y, log_p, rtol=1e-6)
    np.testing.assert_allclose(first, 1 - 3 * p, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second[possible], (-3 * jacobian @ U)[possible], rtol=1e-5, atol=2e-6)


def test_softmax_of_nothing_possible_is_undefined():
    for op in (ops.softmax, ops.log_softmax):
        with np.errstate(all="ignore"):
            assert np.isnan(op(np.full(3, -INF))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norm(dtype):
    y, first, second = derivatives(ops.norm, [3e4, -4e4], dtype)
    np.testing.assert_allclose(y, 5e4, rtol=1e-6)
    np.testing.assert_allclose(first, [0.6, -0.8], rtol=1e-6)
    np.testing.assert_allclose(second, (np.eye(2) - np.outer([0.6, -0.8], [0.6, -0.8])) @ [1, 2] / 5e4, rtol=1e-5)
    for axis in (None, 0):
        y, first, second = derivatives(lambda t: ops.norm(t, axis), np.zeros(3), dtype)  # noqa: B023
        assert y == 0 and not first.any() and not second.any()
    y, first, second = derivatives(lambda t: ops.norm(t, -1, True), [[0, 0], [3, 4]], dtype)
    np.testing.assert_allclose(y, [[0], [5]])
    np.testing.assert_allclose(first, [[0, 0], [0.6, 0.8]], rtol=1e-6)
    np.testing.assert_allclose(second, [[0, 0], (np.eye(2) - np.outer([0.6, 0.8], [0.6, 0.8])) @ [3, 4] / 5], atol=1e-6)


def test_bernoulli_log_prob():
    x, logits = np.array([0.0, 1.0, 0.0, 1.0]), np.array([-1e4, 1e4, 1e4, -1e4])
    y, first, second = derivatives(lambda t: ops.bernoulli_log_prob(x, t), logits)
    assert y == -2e4
    np.testing.assert_array_equal(first, [0, 0, -1, 1])
    np.testing.assert_array_equal(second, np.zeros(4))


def test_power_at_zero():
    """The limits that PyTorch takes."""
    x, y = Tensor(np.array([0.0, 0.0, 0.0, 2.0])), Tensor(np.array([0.0, 1.0, 2.0, 0.0]))
    gx, gy = grad(ops.power(x, y), (x, y), np.ones(4))
    np.testing.assert_array_equal(gx, [0, 1, 0, 0])
    np.testing.assert_array_equal(gy, [0, 0, 0, np.log(2)])
    for exponent, expected in [(0, 0), (1, 1), (2, 0), (0.5, INF)]:
        with np.errstate(divide="ignore"):
            z = Tensor(0.0)
            assert grad(z**exponent, z) == expected
