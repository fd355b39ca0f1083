"""Functions of functions against closed forms, nested in each other."""

import numpy as np
import pytest

from minigen import Tensor, grad, hessian, hvp, jacobian, jvp, no_grad, ops, value_and_grad, vjp

X = np.array([0.3, -0.7, 1.1])
A = np.random.default_rng(0).normal(size=(3, 3))
SYMMETRIC = A + A.T


def quadratic(x):
    """xᵀ S x / 2 + Σ x³ / 6: gradient S x + x² / 2, Hessian S + diag(x), third derivative δ."""
    return 0.5 * (x @ (SYMMETRIC @ x)) + (x**3).sum() / 6


GRADIENT = SYMMETRIC @ X + X**2 / 2
HESSIAN = SYMMETRIC + np.diag(X)


def test_value_and_grad():
    value, gradient = value_and_grad(quadratic)(X)
    assert isinstance(value, np.ndarray) and isinstance(gradient, np.ndarray)
    np.testing.assert_allclose(value, X @ SYMMETRIC @ X / 2 + (X**3).sum() / 6)
    np.testing.assert_allclose(gradient, GRADIENT)
    value, (gb, ga) = value_and_grad(lambda a, b, k: (a * b * k).sum(), argnums=(1, 0))(X, X + 1, k=2.0)
    np.testing.assert_allclose(ga, 2 * (X + 1))
    np.testing.assert_allclose(gb, 2 * X)
    value, gradient = value_and_grad(lambda p: (p["w"] * p["b"][0]).sum())({"w": X, "b": [X + 1]})
    np.testing.assert_allclose(gradient["b"][0], X)
    np.testing.assert_allclose(gradient["w"], X + 1)
    single = value_and_grad(lambda x: (x * x).sum())(X.astype(np.float32))
    assert single[0].dtype == single[1].dtype == np.float32


def test_vjp_and_jvp():
    def f(x, y):
        return ops.sin(x) * y

    y, v, tangents = X + 2, np.array([1.0, -2.0, 0.5]), (np.array([0.1, 0.2, -0.3]), np.array([1.0, 0.0, 2.0]))
    value, pullback = vjp(f, X, y)
    np.testing.assert_allclose(value, np.sin(X) * y)
    for _ in range(2):  # a pullback may be asked again
        gx, gy = pullback(v)
        np.testing.assert_allclose(gx, v * np.cos(X) * y)
        np.testing.assert_allclose(gy, v * np.sin(X))
    value, derivative = jvp(f, (X, y), tangents)
    assert isinstance(value, np.ndarray) and isinstance(derivative, np.ndarray)
    np.testing.assert_allclose(value, np.sin(X) * y)
    np.testing.assert_allclose(derivative, np.cos(X) * y * tangents[0] + np.sin(X) * tangents[1])
    assert jvp(lambda x: ops.sum(x), (X,), (v,))[1].shape == ()
    linear = jvp(lambda x: A @ x, (X,), (v,))[1]
    np.testing.assert_allclose(linear, A @ v)
    assert not jvp(lambda x: Tensor(np.ones(2)), (X,), (v,))[1].any()


def test_jacobian_hessian_and_hvp():
    np.testing.assert_allclose(jacobian(lambda x: A @ ops.exp(x))(X), A * np.exp(X))
    np.testing.assert_allclose(jacobian(lambda k, x: x[None] * k, argnums=1)(2.0, X).shape, (1, 3, 3))
    np.testing.assert_allclose(jacobian(quadratic)(X), GRADIENT)
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert jacobian(lambda x: x)(np.float32([1, 2])).dtype == np.float32
    np.testing.assert_allclose(hessian(quadratic)(X), HESSIAN, atol=1e-12)
    m = np.arange(1.0, 5).reshape(2, 2)
    np.testing.assert_allclose(hessian(lambda m: (m**3).sum())(m).reshape(4, 4), np.diag(6 * m.ravel()))
    assert not hessian(lambda x: x.sum())(X).any()
    np.testing.assert_allclose(hvp(quadratic)(X, A[0]), HESSIAN @ A[0])
    assert not hvp(lambda x: x.sum())(X, X).any()


def test_third_and_fourth_derivatives():
    def d(f):
        return lambda x: value_and_grad(f)(x)[1]

    x = Tensor(0.7)
    f = d(d(d(ops.tanh)))
    t = np.tanh(0.7)
    np.testing.assert_allclose(f(x).data, (1 - t**2) * (6 * t**2 - 2))
    np.testing.assert_allclose(d(f)(0.7), (1 - t**2) * (16 * t - 24 * t**3))
    third = jacobian(hessian(quadratic))(X)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 1
    np.testing.assert_allclose(third, expected, atol=1e-12)


def test_transforms_nest():
    np.testing.assert_allclose(jacobian(lambda x: value_and_grad(quadratic)(x)[1])(X), HESSIAN, atol=1e-12)
    np.testing.assert_allclose(jacobian(lambda x: hvp(quadratic)(x, A[0]))(X), np.diag(A[0]), atol=1e-12)
    v = A[1]
    derivative = value_and_grad(lambda x: jvp(quadratic, (x,), (v,))[1])  # grad through jvp: the Hessian times v
    np.testing.assert_allclose(derivative(X)[1], HESSIAN @ v)
    forward_over_reverse = jvp(lambda x: value_and_grad(quadratic)(x)[1], (X,), (v,))[1]
    np.testing.assert_allclose(forward_over_reverse, HESSIAN @ v)
    twice = jvp(lambda x: jvp(quadratic, (x,), (v,))[1], (X,), (v,))[1]
    np.testing.assert_allclose(twice, v @ HESSIAN @ v)
    pulled = value_and_grad(lambda x: (vjp(ops.exp, x)[1](v)[0] * v).sum())(X)[1]
    np.testing.assert_allclose(pulled, v * v * np.exp(X))


def test_derivatives_by_what_multiplies_them():
    """Vectors that a product is taken with may be differentiated too, and so may arguments besides `argnums`."""
    v, w = Tensor(A[1]), Tensor(A[2])
    np.testing.assert_allclose(grad(jvp(quadratic, (X,), (v,))[1], v), GRADIENT)
    np.testing.assert_allclose(grad(hvp(quadratic)(X, v), v, np.ones(3)), HESSIAN.sum(0))
    np.testing.assert_allclose(grad(vjp(ops.exp, X)[1](v)[0], v, np.ones(3)), np.exp(X))
    _, gradient = value_and_grad(lambda x, w: (w * x * x).sum())(X, w)
    np.testing.assert_allclose(grad(gradient, w, np.ones(3)), 2 * X)
    rows = jacobian(lambda x, w: w * x)(X, w)
    np.testing.assert_allclose(grad(rows, w, np.ones((3, 3))), np.ones(3))


def test_partial_derivatives_hold_other_arguments_fixed():
    """y was computed from x, but f's derivative by its first argument is not a derivative by x through y."""
    x = Tensor(X)
    y = x * x
    _, (gx, gy) = value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, y)
    np.testing.assert_allclose(gx.data, X**2)
    np.testing.assert_allclose(gy.data, X)
    np.testing.assert_allclose(grad((gx * gy).sum(), x), 3 * X**2)  # but these are functions of x
    same = jvp(lambda a, b: a * b, (x, x), (np.ones(3), np.zeros(3)))[1]
    np.testing.assert_allclose(same.data, X)
    np.testing.assert_allclose(jacobian(lambda a, b: a * b, argnums=1)(x, x).data, np.diag(X))


def test_perturbations_are_not_confused():
    """d/dx of x·(d/dy of x + y) is 1, which engines that mix up the two levels get wrong."""
    outer = value_and_grad(lambda x: x * value_and_grad(lambda y: x + y)(1.0)[1])
    assert outer(1.0)[1] == 1.0


def test_transforms_record_for_themselves_under_no_grad():
    """There is nothing to differentiate if nothing is recorded; what comes out is constant."""
    x = Tensor(X)
    with no_grad():
        np.testing.assert_allclose(value_and_grad(quadratic)(X)[1], GRADIENT)
        np.testing.assert_allclose(value_and_grad(quadratic)(x)[1], GRADIENT)
        np.testing.assert_allclose(hvp(quadratic)(X, A[0]), HESSIAN @ A[0])
        np.testing.assert_allclose(hessian(quadratic)(x), HESSIAN, atol=1e-12)
        np.testing.assert_allclose(jacobian(ops.exp)(X), np.diag(np.exp(X)))
        np.testing.assert_allclose(jvp(quadratic, (X,), (X,))[1], GRADIENT @ X)
        np.testing.assert_allclose(vjp(ops.exp, X)[1](X)[0], X * np.exp(X))
        assert (x * 2).edge is None


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: value_and_grad(ops.sum, argnums=1)(X), ValueError, "argnums"),
        (lambda: value_and_grad(ops.sum, argnums=(0, 5))(X), ValueError, "argnums"),
        (lambda: value_and_grad(ops.exp)(X), ValueError, "cotangent"),
        (lambda: value_and_grad(lambda x: 1.0)(X), TypeError, "expected a Tensor"),
        (lambda: value_and_grad(ops.sum)(np.arange(3)), TypeError, "argument 0: expected float32 or float64"),
        (lambda: jvp(ops.exp, (X,), (X, X)), ValueError, "one per primal"),
        (lambda: jvp(ops.exp, (X,), (1.0,)), ValueError, "tangent"),
        (lambda: jvp(ops.exp, (X,), (X[:2],)), ValueError, "tangent"),
        (lambda: hvp(quadratic)(X, X[:2]), ValueError, "cotangent: expected shape"),
        (lambda: hessian(ops.exp)(X), ValueError, "cotangent"),
        (lambda: vjp(ops.exp, X)[1](X[:2]), ValueError, "cotangent: expected shape"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
