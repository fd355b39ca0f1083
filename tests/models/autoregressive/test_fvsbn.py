"""FVSBN against its formula, written out one variable at a time."""

import numpy as np
import pytest

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import CLASS, VECTOR, build, loss_of

RANDOM = np.random.default_rng(5)


def bernoulli(x, logit):
    return -np.logaddexp(0, -logit if x else logit)


@pytest.mark.parametrize("order", ["natural", "random"])
def test_density(order):
    model, x = build("fvsbn", DataSpec((6,), "binary"), {"order": order}), RANDOM.integers(0, 2, (4, 6))
    w, b, order = model.linear.weight.data, model.linear.bias.data, model.order
    expected = [sum(bernoulli(row[order[d]], b[d] + sum(w[i, d] * row[order[i]] for i in range(d)))
                    for d in range(6)) for row in x]
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


@pytest.mark.parametrize(("condition", "features", "values"), [
    (CLASS, lambda c: np.eye(3)[c[0]], RANDOM.integers(0, 3, (4, 1))),
    (VECTOR, lambda c: c, RANDOM.standard_normal((4, 4))),
    (DataSpec((2,), "discrete", 3), lambda c: np.eye(3)[c].reshape(-1), RANDOM.integers(0, 3, (4, 2))),
])
def test_density_given_a_condition(condition, features, values):
    """Each logit gets a linear function of the condition, whose integers are rows with one 1."""
    model, x = build("fvsbn", DataSpec((5,), "binary", condition=condition)), RANDOM.integers(0, 2, (4, 5))
    w, b, u = model.linear.weight.data, model.linear.bias.data, model.from_condition.weight.data
    expected = [sum(bernoulli(row[d], b[d] + row[:d] @ w[:d, d] + features(c) @ u[:, d]) for d in range(5))
                for row, c in zip(x, values, strict=True)]
    np.testing.assert_allclose(model.score_samples(x, values), expected, rtol=1e-10)


def test_penalty_is_of_the_weights_alone():
    """½·l2·|W|² is what the loss has over minus the mean log-likelihood."""
    model, x = build("fvsbn", DataSpec((6,), "binary"), {"l2": 0.3}), RANDOM.integers(0, 2, (4, 6))
    squares = (model.linear.weight.data**2).sum()
    assert float(raw(loss_of(model, x))) == pytest.approx(0.15 * squares - model.score_samples(x).mean(), rel=1e-10)


def test_parameter_count():
    assert build("fvsbn", DataSpec((6,), "binary")).parameter_count == 6 * 7 // 2
    assert build("fvsbn", DataSpec((6,), "binary", condition=VECTOR)).parameter_count == 6 * 7 // 2 + 4 * 6
