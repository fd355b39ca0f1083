"""Logistic regression against scikit-learn, scipy, and with a hidden layer finite differences of the loss."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from minigen import DataSpec, data, models
from minigen.models.density.logistic_regression import LogisticRegression


def classes(n=150, d=4, k=3, seed=0, spread=1.5):
    """Normal clusters, one for each class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, k, n)
    return rng.normal(rng.normal(0, 1, (k, d))[y], spread), y


def lr(shape=(4,), kind="continuous", levels=None, **config):
    return models.create("logistic_regression", DataSpec(shape, kind, levels), **config)


def loss_of(x, y, penalty, weight, bias):
    """Σ -log p(y | x) + ½ λ |W|² by NumPy alone; of two classes one logit."""
    logits = x @ weight + bias
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return -log_p[np.arange(len(y)), y].sum() + 0.5 * penalty * (weight**2).sum()


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("penalty", [1.0, 0.05, 30.0])
def test_equals_scikit_learn(k, penalty):
    peer = pytest.importorskip("sklearn.linear_model").LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000)
    x, y = classes(k=k)
    peer.fit(x, y)
    model = lr(n_classes=k, penalty=penalty, standardize=False, tolerance=1e-9).fit(x, labels=y)
    layer = model.network.layers[0]
    np.testing.assert_allclose(layer.weight.data.T, peer.coef_, atol=1e-6)
    np.testing.assert_allclose(layer.bias.data - layer.bias.data.mean() * (k > 2),
                               peer.intercept_ - peer.intercept_.mean() * (k > 2), atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(x), peer.predict_proba(x), atol=1e-6)
    np.testing.assert_array_equal(model.predict(x), peer.predict(x))
    assert model.history[-1]["converged"]


@pytest.mark.parametrize("k", [2, 4])
def test_equals_the_minimum_that_scipy_finds(k):
    x, y = classes(n=80, d=3, k=k)
    x = x * [1.0, 20.0, 0.1] + [5.0, 0.0, -3.0]
    model = lr((3,), n_classes=k, penalty=0.7).fit(x, labels=y)
    outputs = 1 if k == 2 else k
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    found = minimize(lambda w: loss_of(z, y, 0.7, w[outputs:].reshape(3, outputs), w[:outputs]),
                     np.zeros(4 * outputs), method="BFGS", options={"gtol": 1e-5})
    assert model.history[-1]["loss"] * 80 == pytest.approx(found.fun, abs=1e-6)
    np.testing.assert_allclose(model.network.layers[0].weight.data.ravel(), found.x[outputs:], atol=1e-4)
    layer = model.network.layers[0]
    assert model.history[-1]["loss"] * 80 == pytest.approx(loss_of(z, y, 0.7, layer.weight.data, layer.bias.data))
    log_p = model.predict_log_proba(x)
    assert model.history[-1]["class_log_prob"] == pytest.approx(log_p[np.arange(80), y].mean())
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1, rtol=1e-12)


def test_scale_and_offset_of_the_data_do_not_matter():
    x, y = classes()
    model, other = lr(n_classes=3).fit(x, labels=y), lr(n_classes=3).fit(x * 1e3 - 1e5, labels=y)
    np.testing.assert_allclose(other.predict_proba(x * 1e3 - 1e5), model.predict_proba(x), atol=1e-6)
    # a constant column changes nothing, and a fitted one meets other values
    constant = np.concatenate([x, np.full((len(x), 1), 0.1)], axis=1)
    wider = lr((5,), n_classes=3).fit(constant, labels=y)
    np.testing.assert_allclose(wider.predict_proba(constant), model.predict_proba(x), atol=1e-6)
    np.testing.assert_allclose(wider.predict_proba(constant + [0, 0, 0, 0, 1]), model.predict_proba(x), atol=1e-6)


def test_metrics_of_each_iteration():
    x, y = classes()
    model = lr(n_classes=3).fit(x, labels=y)
    rows = model.history
    assert [row["iteration"] for row in rows] == list(range(len(rows)))
    assert rows[0]["loss"] == pytest.approx(math.log(3)) == -rows[0]["class_log_prob"]  # all classes equal
    assert np.diff([row["loss"] for row in rows]).max() <= 0
    assert rows[-1]["gradient"] <= 1e-8 and [row["converged"] for row in rows] == [False] * (len(rows) - 1) + [True]
    short = lr(n_classes=3, max_iterations=4).fit(x, labels=y)
    assert len(short.history) == 5 and not short.history[-1]["converged"]


@pytest.mark.parametrize("k", [2, 3])
def test_hidden_layers(k):
    """What a plane cannot separate; the minimum has no direction downwards."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (300, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int) + (k == 3) * (np.abs(x).sum(axis=1) > 1.4)
    linear = lr((2,), n_classes=k).fit(x, labels=y)
    model = lr((2,), n_classes=k, hidden=(12,), penalty=0.1).fit(x, 3, labels=y)
    assert (linear.predict(x) == y).mean() < 0.75 < 0.95 < (model.predict(x) == y).mean()
    again = lr((2,), n_classes=k, hidden=12, penalty=0.1).fit(x, 3, labels=y)
    np.testing.assert_array_equal(again.predict_log_proba(x), model.predict_log_proba(x))

    def loss():
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        first, second = model.network.layers
        hidden = np.tanh(z @ first.weight.data + first.bias.data)
        own = loss_of(hidden, y, 0.1, second.weight.data, second.bias.data)
        return (own + 0.05 * (first.weight.data**2).sum()) / 300

    assert model.history[-1]["loss"] == pytest.approx(loss(), rel=1e-10)
    assert model.history[-1]["converged"]
    for parameter in model.network.parameters():
        values = parameter.data.copy()
        for index in np.ndindex(values.shape):
            both = []
            for step in (1e-5, -1e-5):
                moved = values.copy()
                moved[index] += step
                parameter.assign(moved)
                both.append(loss())
            assert abs(both[0] - both[1]) / 2e-5 < 1e-6
        parameter.assign(values)


def test_one_hot_columns_equal_naive_bayes_where_that_is_right():
    """With many examples of columns that are independent given the class both have the same p(y | x)."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 40_000)
    table = np.array([[[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]], [[0.2, 0.2, 0.6], [0.5, 0.4, 0.1]]])
    x = (rng.random((40_000, 2, 1)) > table[:, y].transpose(1, 0, 2).cumsum(axis=2)[..., :2]).sum(axis=2)
    spec = {"shape": (2,), "kind": "discrete", "levels": 3}
    model = lr(**spec, one_hot=True).fit(x, labels=y)
    states = np.array([[a, b] for a in range(3) for b in range(3)])
    p = 0.5 * table[0][:, states[:, 0]] * table[1][:, states[:, 1]]
    np.testing.assert_allclose(model.predict_proba(states)[:, 1], p[1] / p.sum(axis=0), atol=0.03)
    numbers = lr(**spec).fit(x, labels=y)
    assert model.loc.shape == (6,) and numbers.loc.shape == (2,)
    assert abs(numbers.predict_proba(states)[:, 1] - p[1] / p.sum(axis=0)).max() > 0.05
    table = lr((3,), ("binary", "discrete", "continuous"), (None, 4, None), one_hot=True)
    assert table.loc.shape == (6,) and table.parameter_count == 7
    rows = table._features(np.array([[1, 2, 0.5]]))
    np.testing.assert_array_equal(rows, [[1, 0, 0, 1, 0, 0.5]])


def test_examples_without_a_label_are_left_out():
    x, y = classes()
    some = np.where(np.arange(len(y)) % 3 > 0, y, -1)
    left, only = lr(n_classes=3).fit(x, labels=some), lr(n_classes=3).fit(x[some >= 0], labels=y[some >= 0])
    np.testing.assert_array_equal(left.predict_log_proba(x), only.predict_log_proba(x))


def test_classes_without_examples_and_separable_classes():
    x, y = classes()
    model = lr(n_classes=4).fit(x, labels=y)
    assert model.predict_proba(x)[:, 3].max() < 1e-6 and (model.predict(x) < 3).all()
    one = lr().fit(x, labels=np.zeros(len(x), int))
    assert one.predict_proba(x)[:, 0].min() > 1 - 1e-6
    separable = lr((1,), penalty=0.0).fit(np.array([[-2.0], [-1], [1], [2]]), labels=np.array([0, 0, 1, 1]))
    assert np.isfinite(separable.predict_log_proba(np.array([[-1.0], [1]]))).all()
    assert separable.history[-1]["loss"] < 1e-6


def test_draws_of_labels():
    x, y = classes()
    model = lr(n_classes=3).fit(x, labels=y)
    p = model.predict_proba(x[:1])[0]
    drawn = model.sample(20_000, 0, condition=x[0])
    assert drawn.shape == (20_000,) and drawn.dtype == np.int64
    assert stats.chisquare(np.bincount(drawn, minlength=3), 20_000 * p).pvalue > 1e-4
    each = model.sample(len(x), 1, condition=x)
    expected, error = model.predict_proba(x)[np.arange(len(x)), y].mean(), 0.5 / math.sqrt(len(x))
    assert abs((each == y).mean() - expected) < 4.5 * error
    with pytest.raises(NotImplementedError, match="given examples"):
        model.sample(3, 0)
    with pytest.raises(ValueError, match="one example or 3, got 2"):
        model.sample(3, 0, condition=x[:2])
    with pytest.raises(ValueError, match="given"):
        model.sample(1, 0, condition=x[:1], given=(x[0], x[0] > 0))


def test_it_has_no_density_of_the_data():
    model = lr()
    assert not model.offers("log_prob") and model.offers("fit_steps", "predict_log_proba")
    with pytest.raises(NotImplementedError, match="logistic_regression does not offer log_prob"):
        model.score_samples(np.zeros((1, 4)))


def test_shapes_settings_and_state():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (40, 2, 3, 1)).astype(np.uint8), rng.integers(0, 3, 40)
    dataset = data.from_arrays("x", {"train": x, "validation": x, "test": x}, labels={"train": y})
    chosen = LogisticRegression.data_settings(dataset)
    assert chosen == {"n_classes": 3}
    model = lr((2, 3, 1), "binary", **chosen, hidden=(5,)).fit(x, 1, labels=y)
    other = lr((2, 3, 1), "binary", **chosen, hidden=(5,))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.predict_log_proba(x), model.predict_log_proba(x))
    assert model.predict_log_proba(x[:0]).shape == (0, 3)
    assert all(array.dtype == np.float64 for array in model.state_dict().values())
    assert model.parameter_count == 7 * 5 + 2 * 6 and lr(n_classes=2).parameter_count == 5
    single = lr((4,)).fit(classes(k=2)[0].astype(np.float32), labels=classes(k=2)[1])
    assert single.predict_proba(classes()[0]).dtype == np.float64
    np.testing.assert_allclose(lr(n_classes=3).predict_proba(np.ones((1, 4))), 1 / 3)


@pytest.mark.parametrize(("config", "words"), [
    ({"n_classes": 1}, "n_classes: expected an integer of at least 2"),
    ({"penalty": -1.0}, "penalty: expected"),
    ({"hidden": (0,)}, "hidden: expected"),
    ({"hidden": "no"}, "hidden: expected"),
    ({"activation": "step"}, "activation: expected one of"),
    ({"one_hot": 1}, "one_hot: expected True or False"),
    ({"tolerance": math.nan}, "tolerance: expected"),
])
def test_wrong_settings(config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        lr(**config)


def test_wrong_data():
    x, y = classes()
    model = lr(n_classes=3)
    for values, labels, words in [
        (x, None, "have no labels, from which logistic_regression learns"),
        (x, y[:5], "expected 150 rows"),
        (x, y + 1, "expected 0 to 2"),
        (x, np.full(150, -1), "at least one that is not missing"),
        (x[:0], y[:0], "at least one that is not missing"),
        (x[:, :3], y, r"expected shape \(n, 4\)"),
        (np.where(x > 1, np.nan, x), y, "finite numbers"),
        (np.sign(x) * 1e308, y, "too large"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.fit(values, labels=labels)
    for call in (lambda: model.fit(x, observed=x > 0, labels=y), lambda: model.predict(x, x > 0)):
        with pytest.raises(ValueError, match="values are missing"):
            call()
    assert not model.network.layers[0].weight.data.any()
    with pytest.raises(ValueError, match="it takes no condition"):
        models.create("logistic_regression", DataSpec((2,), "binary", condition=DataSpec((1,), "binary")))
