"""MADE against its formula, each output from a pass of its own over the variables before it."""

import numpy as np
import pytest
from scipy import special, stats

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import CLASS, VECTOR, build, loss_of

RANDOM = np.random.default_rng(5)


def outputs(model, inputs, d, width, rank, degrees, to_hidden=None, to_outputs=None):
    """The parameters of variable d (its outputs are d·width …) from coded inputs, of one hidden layer.

    `inputs` `(variables, channels)`; `rank` is each variable's number in the order, `degrees` those of hidden units.
    What a condition adds to the hidden units' sums and to the outputs is 0 if it is None.
    """
    (w, v), (c, b), skip = map(raw, model.weights), map(raw, model.biases), raw(model.skip)
    c = c if to_hidden is None else c + to_hidden
    b = b if to_outputs is None else b + to_outputs
    x, rank_of_input = inputs.reshape(-1), np.repeat(rank, inputs.shape[1])
    hidden = np.empty(len(degrees))
    for j, degree in enumerate(degrees):
        visible = rank_of_input <= degree
        hidden[j] = max(0.0, c[j] + x[visible] @ w[visible, j])
    mine, units, before = slice(d * width, (d + 1) * width), degrees < rank[d], rank_of_input < rank[d]
    return b[mine] + hidden[units] @ v[units, mine] + x[before] @ skip[before, mine]


def evenly_spaced(hidden, variables):
    return np.arange(hidden) * (variables - 1) // hidden


def test_density_of_bits():
    model, x = build("made", DataSpec((5,), "binary"), {"hidden": (7,), "direct": True}), RANDOM.integers(0, 2, (3, 5))
    expected = []
    for row in x:
        logits = [outputs(model, row[:, None], d, 1, np.arange(5), evenly_spaced(7, 5))[0] for d in range(5)]
        expected.append(np.log(special.expit((2 * row - 1) * logits)).sum())
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


def test_density_of_levels():
    """A variable of K levels is K inputs, one of which is 1, and K logits."""
    model = build("made", DataSpec((4,), "discrete", 3), {"hidden": (7,), "direct": True})
    x, expected = RANDOM.integers(0, 3, (3, 4)), []
    for row in x:
        logits = [outputs(model, np.eye(3)[row], d, 3, np.arange(4), evenly_spaced(7, 4)) for d in range(4)]
        expected.append(special.log_softmax(logits, axis=1)[np.arange(4), row].sum())
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


def test_density_of_real_numbers():
    settings = {"hidden": (7,), "direct": True, "components": 2, "floor": 0.1}
    model, x, expected = build("made", DataSpec((3,), "continuous"), settings), RANDOM.standard_normal((3, 3)), []
    for row in x:
        total = 0.0
        for d in range(3):
            parameters = outputs(model, row[:, None], d, 6, np.arange(3), evenly_spaced(7, 3))
            logits, loc, log_scale = parameters.reshape(3, 2)
            density = stats.norm.logpdf(row[d], loc, np.exp(log_scale) + 0.1)
            total += special.logsumexp(special.log_softmax(logits) + density)
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


@pytest.mark.parametrize("condition", [CLASS, VECTOR])
def test_density_given_a_condition(condition):
    """A linear function of the condition is added to the hidden units' sums, and another to the outputs."""
    model = build("made", DataSpec((4,), "binary", condition=condition), {"hidden": (6,), "direct": True})
    x = RANDOM.integers(0, 2, (3, 4))
    given = RANDOM.integers(0, 3, (3, 1)) if condition is CLASS else RANDOM.standard_normal((3, 4))
    features = np.eye(3)[given[:, 0]] if condition is CLASS else given
    to_hidden, to_outputs = raw(model.condition_to_hidden.weight), raw(model.condition_to_outputs.weight)
    expected = []
    for row, y in zip(x, features, strict=True):
        logits = [outputs(model, row[:, None], d, 1, np.arange(4), evenly_spaced(6, 4), y @ to_hidden,
                          y @ to_outputs)[0] for d in range(4)]
        expected.append(np.log(special.expit((2 * row - 1) * logits)).sum())
    np.testing.assert_allclose(model.score_samples(x, given), expected, rtol=1e-10)


def test_density_of_several_masks_is_the_mean_of_theirs():
    """Each mask has an order of its own; degrees of hidden units are read off the masks."""
    model = build("made", DataSpec((5,), "binary"), {"hidden": (8,), "direct": True, "masks": 3})
    x = RANDOM.integers(0, 2, (3, 5))
    components = np.empty((3, 3))
    for m, (order, (layers, _)) in enumerate(zip(model.orders, model.masks, strict=True)):
        rank = np.argsort(order)
        degrees = np.array([rank[layers[0].mask[:, j]].max() for j in range(8)])  # of the latest input it sees
        for n, row in enumerate(x):
            logits = [outputs(model, row[:, None], d, 1, rank, degrees)[0] for d in range(5)]
            components[m, n] = np.log(special.expit((2 * row - 1) * logits)).sum()
    np.testing.assert_allclose(model.score_samples(x), special.logsumexp(components, axis=0) - np.log(3), rtol=1e-10)
    losses = {round(float(raw(loss_of(model, x, seed=seed))), 9) for seed in range(40)}
    assert losses == {round(-component, 9) for component in components.mean(axis=1)}  # of one mask at a time


def test_penalty_is_of_the_weights_alone():
    """½·l2·|W|² over all matrices is what the loss has over minus the mean log-likelihood."""
    model = build("made", DataSpec((6,), "binary"), {"l2": 0.3, "direct": True})
    x = RANDOM.integers(0, 2, (4, 6))
    squares = sum((raw(weight) ** 2).sum() for weight in [*model.weights, model.skip])
    assert float(raw(loss_of(model, x))) == pytest.approx(0.15 * squares - model.score_samples(x).mean(), rel=1e-10)


def test_given_values_need_one_order():
    model = build("made", DataSpec((4,), "binary"), {"masks": 2})
    with pytest.raises(ValueError, match="train it with masks=1"):
        model.sample(1, 0, given=(np.zeros(4), np.zeros(4, bool)))
