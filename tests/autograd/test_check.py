"""`check_grads` finds wrong rules, made by hand, and passes right ones."""

import numpy as np
import pytest

from minigen import GradientError, Tensor, check_grads, ops, primitive
from minigen.autograd import registry

X = np.array([[0.3, -0.8, 1.4], [0.6, 1.1, -0.4]])


def square(rule, composite=None, name="test_square"):
    """x² with a given rule."""
    op = primitive(residuals=("x",), name=name)(lambda x, /: x * x)
    del registry[name]
    op.defvjp(lambda g, residuals, needed: (rule(g, *residuals),))
    if composite is not None:
        op.defcomposite(composite)
    return op


def test_right_rules_pass():
    check_grads(square(lambda g, x: g * 2 * x), (X,), order=3)
    check_grads(square(lambda g, x: g * 2 * x, lambda x: x**2), (X,), order=3)
    check_grads(lambda x, k, y: ops.sum(x * k, axis=0) * y, (X, 3, Tensor(2.0)))
    check_grads(lambda x: (ops.exp(x), ops.sin(x)[:0]), (X.astype(np.float32),))
    check_grads(lambda x, i: x[i], (X, np.array([0, 1, 1])))
    check_grads(ops.exp, (np.zeros((0, 3)),))
    check_grads(ops.square, (1e4 * X,))
    check_grads(ops.log, (1e-2 * np.abs(X) + 0.1,))


def wrong_at_one_element(g, x):
    factors = np.ones(x.shape)
    factors[1, 2] = 1.001
    return g * 2 * x * factors


@pytest.mark.parametrize(
    ("rule", "level"),
    [
        (lambda g, x: g * x, 1),
        (lambda g, x: -2 * g * x, 1),
        (lambda g, x: g * 2 * x * 1.001, 1),
        (lambda g, x: None, 1),
        (lambda g, x: g * 2 * x[::-1], 1),
        (lambda g, x: g.sum() * 2 * x, 1),  # right for a cotangent of one element, or of ones over its size
        (lambda g, x: 2 * x, 1),  # right where the cotangent is all ones
        (lambda g, x: g * 2 * x + np.nan, 1),
        (wrong_at_one_element, 1),
        (lambda g, x: g * 2 * (x.data if isinstance(x, Tensor) else x), 2),  # detached: right at first order only
        (lambda g, x: (g.data if isinstance(g, Tensor) else g) * 2 * x, 2),
    ],
)
def test_wrong_rules_are_found(rule, level):
    op = square(rule)
    if level == 2:
        check_grads(op, (X,), order=1)
    with pytest.raises(GradientError, match=f"gradient of order {level} with respect to argument 0 is wrong"):
        check_grads(lambda x: ops.sin(op(ops.exp(x))) if level == 2 else op(x), (X,))


def test_a_wrong_fused_rule_is_found_behind_a_right_composite():
    with pytest.raises(GradientError, match="order 1"):
        check_grads(square(lambda g, x: g * 3 * x, lambda x: x**2), (X,))
    with pytest.raises(GradientError, match="order 1"):
        check_grads(square(lambda g, x: g * 2 * x, lambda x: 1.01 * x**2), (X,))


def test_the_message_names_the_worst_element():
    with pytest.raises(GradientError) as caught:
        check_grads(lambda k, x: square(wrong_at_one_element)(x) * k, (np.ones(3), X))
    message = str(caught.value)
    assert "argument 1" in message and "index (1, 2)" in message and "analytic" in message and "numeric" in message
    assert isinstance(caught.value, AssertionError)


def test_only_floats_are_checked_and_args_are_left_alone():
    x, copy = X.copy(), X.copy()
    check_grads(lambda n, x, flag, name: x * n if flag else x, (np.arange(3), x, True, "name"))
    np.testing.assert_array_equal(x, copy)


def test_tolerances_and_seeds():
    op = square(lambda g, x: g * 2 * x * 1.001)
    check_grads(op, (X,), order=1, rtol=1e-2)
    check_grads(op, (1e-3 * X,), order=1, atol=1.0)
    for seed in range(20):
        with pytest.raises(GradientError):
            check_grads(op, (X,), rng=seed)
