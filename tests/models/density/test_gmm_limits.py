"""Mixtures of normals where numbers run out: no variance, no examples, no values, no digits; and what is refused."""

import math

import numpy as np
import pytest

from minigen import DataSpec, models
from minigen.inference import EMError
from minigen.models.density.gmm_components import TYPES
from models.density.normal_mixtures import FORMS, X, holes, mixture, parameters


def test_far_from_the_origin_and_small():
    x, shift = X[:, :2], np.array([1e8, -1e7])
    near, far = mixture(2, 2, restarts=1).fit(x, 0), mixture(2, 2, restarts=1).fit(x + shift, 0)
    assert far.score(x + shift) == pytest.approx(near.score(x), abs=1e-5)
    rng = np.random.default_rng(0)  # two clusters of a millionth of their distance
    x = np.concatenate([1e-4 * rng.standard_normal((40, 2)), 100 + 1e-4 * rng.standard_normal((40, 2))])
    model = mixture(2, 2, floor=1e-12).fit(x, 0)
    for part in (x[:40], x[40:]):
        k = model.predict(part)[0]
        np.testing.assert_allclose(model.covariance[k], np.cov(part.T, ddof=0), rtol=1e-5)


def test_the_floor_holds_and_shrunken_components_are_not_preferred():
    x = np.column_stack([X, np.full(len(X), 7.0)])
    for form in TYPES:
        model = mixture(2, 4, form, floor=1e-3).fit(x, 0)
        assert np.linalg.eigvalsh(model.matrices).min() > 0.999e-3 and np.isfinite(model.score(x))
    rng = np.random.default_rng(2)  # ten equal examples tempt a component to shrink onto them
    x = np.concatenate([rng.standard_normal((100, 2)) + [3, 0], rng.standard_normal((100, 2)), np.full((10, 2), 1.5)])
    model = mixture(2, 2, restarts=20, tolerance=1e-5).fit(x, 0)
    assert np.linalg.eigvalsh(model.matrices).min() > 0.1
    tempted = [row["log_likelihood"] for row in model.history if row["converged"]]
    assert max(tempted) >= model.history[-1]["log_likelihood"]


@FORMS
def test_singular_covariances_without_a_floor_are_refused(form):
    constant = np.column_stack([X, np.full(len(X), 7.0)])
    if form != "spherical":
        with pytest.raises(ValueError, match=r"column 3 \(from 0\) is constant"):
            mixture(2, 4, form, floor=0).fit(constant)
    with pytest.raises(ValueError, match="became singular.*a floor above 0"):
        mixture(4, 3, form, floor=0).fit(X[:4])
    assert np.isfinite(mixture(4, 3, form).fit(X[:4]).score(X[:4]))
    if form in ("full", "tied"):
        with pytest.raises(ValueError, match="became singular"):
            mixture(1, 4, form, floor=0).fit(np.column_stack([X, X.sum(axis=1)]))
    fitted = mixture(2, 3, form, floor=0, restarts=1).fit(X)
    np.testing.assert_allclose(fitted.score(X), mixture(2, 3, form, restarts=1).fit(X).score(X), atol=1e-4)


@pytest.mark.parametrize("form", ["full", "diagonal", "spherical"])
def test_a_component_that_shrinks_onto_equal_examples_is_refused_without_a_floor(form):
    x = np.concatenate([np.random.default_rng(0).standard_normal((50, 2)), np.full((10, 2), 5.0)])
    model = mixture(2, 2, form, floor=0)
    small = {"full": 0.01 * np.eye(2), "diagonal": [0.01, 0.01], "spherical": 0.01}[form]
    model.assign([0.5, 0.5], [[0.0, 0.0], [5.0, 5.0]], np.array([np.array(small) * 100, np.array(small)]))
    data = model.prepare(x)
    with pytest.raises(ValueError, match=r"the covariance of component 1 \(from 0\) became singular"):
        for _ in range(20):
            model.m_step(model.e_step(data)[0])


@FORMS
def test_components_without_examples_keep_what_they_have(form):
    weights, loc, covariance, _ = parameters(2, 3, 3, form)
    loc[1] = 1e6
    model = mixture(3, 3, form, floor=0)  # which refuses what has collapsed
    model.assign(weights, loc, covariance)
    for data in (model.prepare(X), model.prepare(*holes(X))):
        for _ in range(3):
            statistics, value = model.e_step(data)
            model.m_step(statistics)
        assert model.weights[1] == 0 and np.isfinite(value)
        np.testing.assert_allclose(model.loc.data[1], 1e6)
        assert np.linalg.eigvalsh(model.matrices).min() > 1e-3
        assert (model.sample(500, 0) < 1e5).all() and not model.predict_proba(X)[:, 1].any()
    if form in ("full", "diagonal"):
        np.testing.assert_allclose(model.covariance[1], covariance[1], rtol=1e-8)


def test_few_equal_and_large_examples():
    with pytest.raises(ValueError, match="at least as many examples as n_components=4, got 3"):
        mixture(4, 3).fit(X[:3])
    equal = mixture(3, 2).fit(np.ones((10, 2)))
    assert np.isfinite(equal.score(np.ones((4, 2)))) and equal.history[-1]["converged"]
    with pytest.raises(ValueError, match="too large"), np.errstate(over="ignore"):
        mixture(1, 1).fit(np.array([[1e200], [-1e200]]))
    wide = mixture(2, 2).fit(X[:, :2] * [1e9, 1.0], 0)
    assert np.isfinite(wide.score(X[:, :2] * [1e9, 1.0]))


@FORMS
def test_rows_and_columns_without_anything(form):
    values, observed = holes(X)
    emptied, mask = np.vstack([values, np.full((3, 3), np.nan)]), np.vstack([observed, np.zeros((3, 3), bool)])
    model = mixture(2, 3, form, restarts=2).fit(emptied, 0, observed=mask)
    np.testing.assert_allclose(model.log_prob(emptied, observed=mask)[-3:], 0, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(emptied, observed=mask)[-1], model.weights)
    np.testing.assert_allclose(model.impute(emptied, mask)[-1], model.weights @ model.loc.data)
    mask = mask.copy()
    mask[:, 1] = False
    with pytest.raises(ValueError, match=r"column 1 \(from 0\) is observed in no example"):
        model.fit(emptied, observed=mask)
    assert model.log_prob(np.zeros((0, 3))).shape == (0,) and model.predict(np.zeros((0, 3))).shape == (0,)
    assert model.log_prob(np.zeros((0, 3)), observed=np.zeros((0, 3), bool)).shape == (0,)


def test_all_observed_is_no_mask():
    full = np.ones(X.shape, bool)
    one, other = mixture(2, 3, restarts=1).fit(X, 3), mixture(2, 3, restarts=1).fit(X, 3, observed=full)
    np.testing.assert_array_equal(one.loc.data, other.loc.data)
    # the E-step for missing values, where there are none
    data = one.prepare(X)
    masked = (*data[:2], full, data[3])
    for a, b in zip(one.e_step(data)[0][:3], one.e_step(masked)[0][:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


def test_a_broken_m_step_is_noticed(monkeypatch):
    model = mixture(2, 3, restarts=1)
    step = type(model).m_step

    def wrong(self, statistics):
        counts, first, second, least = statistics
        step(self, (counts, -2 * first, second, least))

    monkeypatch.setattr(type(model), "m_step", wrong)
    with pytest.raises(EMError, match="must never fall"):
        model.fit(X, 1)


@pytest.mark.parametrize("spec, config, words", [
    (DataSpec((3,), "binary"), {}, "expected continuous data"),
    (DataSpec((2,), ("continuous", "binary")), {}, "expected continuous data"),
    (DataSpec((3,), "continuous", condition=DataSpec((1,), "binary")), {}, "without a condition"),
    (DataSpec((3,), "continuous"), {"covariance": "diag"}, "covariance: expected one of full, tied"),
    (DataSpec((3,), "continuous"), {"method": "mcmc"}, "method: expected one of em, gradient"),
    (DataSpec((3,), "continuous"), {"floor": -1.0}, "floor: expected a number of at least 0"),
    (DataSpec((3,), "continuous"), {"tolerance": math.nan}, "tolerance: expected"),
    (DataSpec((3,), "continuous"), {"n_components": 0}, "n_components: expected"),
    (DataSpec((3,), "continuous"), {"restarts": 0}, "restarts: expected"),
    (DataSpec((3,), "continuous"), {"max_iterations": 2.5}, "max_iterations: expected"),
])
def test_settings_and_specs_that_do_not_fit(spec, config, words):
    with pytest.raises(ValueError, match=words):
        models.create("gmm", spec, **config)


@pytest.mark.parametrize("x, words", [
    (np.zeros((40, 2)), "expected shape"), (np.full((40, 3), np.nan), "finite"), (np.zeros((0, 3)), "at least as many"),
])
def test_data_that_do_not_fit(x, words):
    model = mixture(2, 3)
    before = model.state_dict()
    with pytest.raises(ValueError, match=words):
        model.fit(x)
    with pytest.raises(ValueError, match="no condition"):
        model.log_prob(X, condition=X)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_parameters_that_do_not_fit():
    model, (weights, loc, covariance, _) = mixture(2, 3), parameters(0, 2, 3, "full")
    for bad, words in (((weights * 2, loc, covariance), "weights: expected 2 probabilities"),
                       ((weights, loc[:, :2], covariance), "loc: expected finite numbers of shape"),
                       ((weights, loc, covariance * math.nan), "covariance: expected finite"),
                       ((weights, loc, -covariance), "positive definite"),
                       ((weights, loc, 1e-9 * np.tile(np.eye(3), (2, 1, 1))), "at least the floor, 1e-06")):
        with pytest.raises(ValueError, match=words):
            model.assign(*bad)
