"""`check_grads` finds wrong rules, made by hand, and passes right ones."""

import numpy as np
import pytest

from minigen import GradientError, Tensor, check_grads, ops, primitive, stop_gradient
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


def power(n, factor, wrong, k):
    """x³/3 of n numbers of sizes from 0.01 to 10; if `wrong`, its gradient at element k is multiplied by `factor`."""
    x = np.random.default_rng(n).uniform(0.5, 1.5, n) * np.geomspace(0.01, 10, n)

    def rule(g, x):
        factors = np.ones(n)
        factors[k] = factor if wrong else 1.0
        return g * x * x * factors

    op = primitive(residuals=("x",), name="test_power")(lambda x, /: x * x * x / 3)
    del registry["test_power"]
    op.defvjp(lambda g, residuals, needed: (rule(g, *residuals),))
    return op, x


@pytest.mark.parametrize("n", [30, 100, 1000, 10_000])
def test_one_wrong_element_among_many(n, record_property):
    """How often an element that is a little wrong is found, and that its place and values are told."""
    places = np.random.default_rng(0).choice(n, 20 if n < 10_000 else 5, replace=False)
    for share in (0.001, 0.01, 0.1):
        times = 0
        for seed, k in enumerate(places):
            op, x = power(n, 1 + share, True, k)
            try:
                check_grads(op, (x,), order=1, rng=seed)
            except GradientError as error:
                times += 1
                assert (error.order, error.argument, error.index) == (1, 0, (k,))
                assert error.analytic == pytest.approx(error.numeric * (1 + share), rel=1e-6)
                assert f"index ({k},)" in str(error)
        record_property(f"{share:.1%} wrong, of {len(places)}", times)
        assert times == len(places)


@pytest.mark.parametrize("n", [30, 100, 1000, 10_000])
def test_no_false_alarms_among_many(n):
    for seed in range(5):
        check_grads(power(n, 1.0, False, 0)[0], (power(n, 1.0, False, 0)[1],), rng=seed)


@pytest.mark.parametrize("n", [30, 1000])
def test_one_wrong_element_of_the_second_order(n):
    """The rule of the rule is wrong by 1 % at one element."""
    def rule(g, x):
        factors = np.ones(n)
        factors[n // 2] = 1.01
        held = stop_gradient(x)
        return g * (held * held + 2 * held * (x - held) * factors)  # the value is x², its derivative 2x·factors

    op = power(n, 1.0, False, 0)[0]
    op.defvjp(lambda g, residuals, needed: (rule(g, *residuals),))
    x = np.random.default_rng(0).uniform(0.5, 1.5, n)
    check_grads(op, (x,), order=1)
    for seed in range(4):
        with pytest.raises(GradientError) as caught:
            check_grads(op, (x,), rng=seed)
        assert (caught.value.order, caught.value.argument, caught.value.index) == (2, 0, (n // 2,))


@pytest.mark.parametrize("n", [30, 1000])
def test_small_elements_beside_large_ones(n):
    """An element whose derivative is a ten-thousandth of the others' is not lost among them."""
    weights = np.ones(n)
    weights[3] = 1e-4
    factors = np.ones(n)
    factors[3] = 1.1
    op = primitive(residuals=("x",), name="test_weighted")(lambda x, /: np.sin(x) * weights)
    del registry["test_weighted"]
    op.defvjp(lambda g, residuals, needed: (g * ops.cos(residuals[0]) * weights * factors,))
    for seed in range(4):
        with pytest.raises(GradientError) as caught:
            check_grads(op, (np.random.default_rng(seed).uniform(-1, 1, n),), order=1, rng=seed)
        assert caught.value.index == (3,)


def test_steps_that_leave_the_domain_or_cross_a_kink_are_shortened():
    check_grads(ops.log, (np.array([1e-4, 2e-4, 0.5]),))
    check_grads(ops.sqrt, (np.full(200, 1e-4),))
    check_grads(ops.relu, (np.array([3e-5, -3e-5, 1.0]),))
    check_grads(ops.relu, (np.random.default_rng(0).standard_normal(500),))
    with pytest.raises(GradientError):
        check_grads(lambda x: ops.relu(x) * np.array([1.0, 1.0]), (np.array([0.0, 1.0]),))  # no derivative there


def test_rounding_within_the_function_is_allowed_for():
    """Numbers near a million cancel: differences are right to five figures alone."""
    check_grads(lambda x: (x + 1e6) - 1e6, (X,))
    check_grads(lambda x: ops.square(x + 1e5) - 1e10, (np.random.default_rng(0).uniform(-1, 1, 100),), order=1)
