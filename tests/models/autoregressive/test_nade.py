"""NADE against its formula, written out one variable at a time; the orderless loss; sampling around any given set."""

import itertools

import numpy as np
import pytest
from scipy import special

from minigen import DataSpec
from minigen.autograd import no_grad, raw
from models.autoregressive.autoregressive_toys import CLASS, VECTOR, build, loss_of

RANDOM = np.random.default_rng(5)


def log_prob(model, row, order, start):
    """log p of one example, the variables taken in `order`, with hidden sums that begin at `start`."""
    table, v, b = (raw(p) for p in (model.table, model.v, model.b))
    first = model.levels - table.shape[1]  # values below add nothing
    a, total = np.array(start), 0.0
    for d in order:
        logits = v[d] @ special.expit(a) + b[d]
        if len(logits) == 1:
            total += np.log(special.expit(logits[0] if row[d] else -logits[0]))
        else:
            total += special.log_softmax(logits)[row[d]]
        if row[d] >= first:
            a += table[d, row[d] - first]
    return total


@pytest.mark.parametrize("levels", [2, 3])
def test_density(levels):
    spec = DataSpec((5,), "binary") if levels == 2 else DataSpec((5,), "discrete", levels)
    model, x = build("nade", spec, {"hidden": 4, "order": "random"}), RANDOM.integers(0, levels, (3, 5))
    expected = [log_prob(model, row, model.order, raw(model.c)) for row in x]
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)


@pytest.mark.parametrize("orderless", [False, True])
@pytest.mark.parametrize("condition", [CLASS, VECTOR])
def test_density_given_a_condition(condition, orderless):
    """The hidden sums begin at c + U y; with several orders the density is the mean of theirs."""
    spec = DataSpec((4,), "discrete", 3, condition)
    model, x = build("nade", spec, {"hidden": 5, "orderless": orderless}), RANDOM.integers(0, 3, (3, 4))
    c, u = raw(model.c), raw(model.from_condition.weight)
    given = RANDOM.integers(0, 3, (3, 1)) if condition is CLASS else RANDOM.standard_normal((3, 4))
    features = np.eye(3)[given[:, 0]] if condition is CLASS else given
    expected = [special.logsumexp([log_prob(model, row, order, c + y @ u) for order in raw(model.orders)])
                - np.log(len(raw(model.orders))) for row, y in zip(x, features, strict=True)]
    np.testing.assert_allclose(model.score_samples(x, given), expected, rtol=1e-10)


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("condition", [None, VECTOR])
def test_orderless_loss_is_the_mean_over_all_orders(levels, condition):
    """Within 4.5 standard errors, of batches that repeat one example."""
    spec = DataSpec((3,), "binary" if levels == 2 else "discrete", None if levels == 2 else levels, condition)
    model = build("nade", spec, {"hidden": 4, "orderless": True}, spread=0.8)
    row, start, given = np.array([1, 0, levels - 1]), raw(model.c), None
    if condition is not None:
        given = np.tile(RANDOM.standard_normal(4), (500, 1))
        start = start + given[0] @ raw(model.from_condition.weight)
    exact = -np.mean([log_prob(model, row, order, start) for order in itertools.permutations(range(3))])
    with no_grad():
        losses = [float(raw(loss_of(model, np.tile(row, (500, 1)), given, seed))) for seed in range(60)]
    error = np.std(losses, ddof=1) / np.sqrt(len(losses))
    assert abs(np.mean(losses) - exact) < 4.5 * error
    assert error < 0.02 * exact


def test_an_orderless_model_takes_any_given_set():
    model = build("nade", DataSpec((6,), "binary"), {"hidden": 4, "orderless": True})
    assert model.conditions_on_any
    values, observed = np.array([1, 0, 1, 1, 0, 1], np.uint8), np.array([False, True, False, True, True, False])
    x = model.sample(8, 0, given=(values, observed))
    np.testing.assert_array_equal(x[:, observed], np.tile(values[observed], (8, 1)))
    with pytest.raises(ValueError, match="same variables"):
        model.sample(2, 0, given=(values, np.stack([observed, ~observed])))
