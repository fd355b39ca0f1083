"""Densities and losses of the models of vectors against their papers' formulas, written out one variable at a time."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

from minigen import DataSpec, models
from minigen.autograd.tensor import raw

RANDOM = np.random.default_rng(5)


def build(key, spec, **settings):
    """A model whose parameters are all away from zero."""
    model, random = models.create(key, spec, rng=1, **settings), np.random.default_rng(2)
    model.to(dtype="float64")
    for parameter in model.parameters():
        parameter.assign(parameter.data + 0.4 * random.standard_normal(parameter.shape))
    return model


def loss_of(model, x):
    (objective,) = model.objectives()
    return float(raw(objective.loss(x, np.random.default_rng(0))[0]))


def bernoulli(x, logit):
    return -np.logaddexp(0, -logit if x else logit)


@pytest.mark.parametrize("order", ["natural", "random"])
def test_fvsbn(order):
    model, x = build("fvsbn", DataSpec((6,), "binary"), order=order), RANDOM.integers(0, 2, (4, 6))
    w, b, places = model.linear.weight.data, model.linear.bias.data, model.order
    expected = [sum(bernoulli(row[places[d]], b[d] + sum(w[i, d] * row[places[i]] for i in range(d)))
                    for d in range(6)) for row in x]
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


@pytest.mark.parametrize("levels", [2, 3])
def test_nade(levels):
    spec = DataSpec((5,), "binary") if levels == 2 else DataSpec((5,), "discrete", levels)
    model, x = build("nade", spec, hidden=4, order="random"), RANDOM.integers(0, levels, (3, 5))
    table, c, v, b = (raw(p) for p in (model.table, model.c, model.v, model.b))
    expected = []
    for row in x:
        a, total = c.copy(), 0.0
        for d in model.order:
            logits = v[d] @ special.expit(a) + b[d]
            total += bernoulli(row[d], logits[0]) if levels == 2 else special.log_softmax(logits)[row[d]]
            if row[d]:  # value 0 has no row of its own
                a += table[d, row[d] - 1]
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


def test_orderless_loss_is_the_mean_over_all_orders():
    model, row = build("nade", DataSpec((3,), "binary"), hidden=4, orderless=True), np.array([1, 0, 1])
    table, c, v, b = (raw(p) for p in (model.table, model.c, model.v, model.b))

    def log_prob(order):
        a, total = c.copy(), 0.0
        for d in order:
            total += bernoulli(row[d], v[d, 0] @ special.expit(a) + b[d, 0])
            a += table[d, row[d]]
        return total

    exact = -np.mean([log_prob(order) for order in itertools.permutations(range(3))])
    (objective,) = model.objectives()
    rng = np.random.default_rng(1)
    losses = [float(raw(objective.loss(np.tile(row, (500, 1)), rng)[0])) for _ in range(40)]
    assert abs(np.mean(losses) - exact) < 4 * np.std(losses, ddof=1) / np.sqrt(len(losses))


@pytest.mark.parametrize(("family", "density"), [("normal", stats.norm), ("laplace", stats.laplace)])
def test_rnade(family, density):
    settings = {"hidden": 4, "components": 3, "family": family, "floor": 0.1, "order": "random"}
    model, x = build("rnade", DataSpec((5,), "continuous"), **settings), RANDOM.standard_normal((3, 5))
    w, c, scale, v, b = (raw(p) for p in (model.w, model.c, model.scale, model.v, model.b))
    expected = []
    for row in x:
        a, total = c.copy(), 0.0
        for d, place in enumerate(model.order):
            logits, loc, log_scale = (np.maximum(scale[d] * a, 0) @ v[d] + b[d]).reshape(3, 3)
            each = special.log_softmax(logits) + density.logpdf(row[place], loc, np.exp(log_scale) + 0.1)
            total += special.logsumexp(each)
            a += row[place] * w[d]
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


@pytest.mark.parametrize(("key", "kind", "decayed"), [
    ("fvsbn", "binary", lambda model: [model.linear.weight]),
    ("made", "binary", lambda model: [*model.weights, model.skip]),
    ("rnade", "continuous", lambda model: [model.w]),
])
def test_penalties_are_of_weights_alone(key, kind, decayed):
    """½·l2·|W|² is what the loss has over minus the mean log-likelihood."""
    x = RANDOM.integers(0, 2, (4, 6)) if kind == "binary" else RANDOM.standard_normal((4, 6))
    model = build(key, DataSpec((6,), kind), l2=0.3, **({"direct": True} if key == "made" else {}))
    squares = sum((weight.data**2).sum() for weight in decayed(model))
    assert loss_of(model, x) == pytest.approx(0.15 * squares - model.score_samples(x).mean(), rel=1e-10)


def test_made_with_one_hidden_layer():
    model, x = build("made", DataSpec((5,), "binary"), hidden=(7,), direct=True), RANDOM.integers(0, 2, (3, 5))
    (w, v), (c, b), skip = map(raw, model.weights), map(raw, model.biases), raw(model.skip)
    degrees = np.arange(7) * 4 // 7  # of the hidden units, from 0 to 3
    expected = []
    for row in x:
        total = 0.0
        for d in range(5):  # each output from a pass of its own, of the variables before it
            seen = np.where(np.arange(5) < d, row, 0)
            hidden = np.maximum(c + np.array([seen[:m + 1] @ w[:m + 1, j] for j, m in enumerate(degrees)]), 0)
            total += bernoulli(row[d], b[d] + hidden[degrees < d] @ v[degrees < d, d] + seen @ skip[:, d])
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)
