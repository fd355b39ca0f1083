"""Mixtures of normals against scikit-learn, SciPy, quadrature and their gradient; at the end, on extreme data."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import log_softmax, logsumexp

from minigen import DataSpec, Tensor, check_grads, grad, load, models, training
from minigen.arrays import Generator
from minigen.data import Batch, from_arrays
from minigen.inference import EMError
from minigen.models.density.support.gmm_components import TYPES
from minigen.training import make_step
from models.density import gmm_toys
from models.density.gmm_toys import FORMS, X, assigned, holes, mixture, parameters


@pytest.mark.parametrize("k, total", [(1, -379.9146), (2, -214.3547), (3, -180.1855)])
def test_iris(k, total):
    iris = pytest.importorskip("sklearn.datasets").load_iris().data
    for seed in range(3):
        model = mixture(k, 4, tolerance=1e-9).fit(iris, seed)
        assert model.score_samples(iris).sum() == pytest.approx(total, abs=5e-5)
        assert model.history[-1]["kept"] and 150 * model.history[-1]["log_likelihood"] == pytest.approx(total, abs=5e-5)


@FORMS
def test_scores_are_sklearns_at_the_same_parameters(form):
    weights, loc, covariance, _ = parameters(1, 4, 3, form)
    model = mixture(4, 3, form)
    model.assign(weights, loc, covariance)
    other = gmm_toys.sklearn_at(weights, loc, covariance, form)
    np.testing.assert_allclose(model.score_samples(X), other.score_samples(X), rtol=1e-11)
    np.testing.assert_allclose(model.predict_proba(X), other.predict_proba(X), rtol=1e-9, atol=1e-14)
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    assert model.bic(X) == pytest.approx(other.bic(X)) and model.aic(X) == pytest.approx(other.aic(X))
    np.testing.assert_allclose(model.weights, weights, rtol=1e-12)
    np.testing.assert_allclose(model.covariance, covariance, rtol=1e-10, atol=1e-13)


@FORMS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_steps_are_sklearns_from_the_same_start(form):
    weights, loc, covariance, _ = parameters(2, 3, 3, form)
    model = mixture(3, 3, form)
    model.assign(weights, loc, covariance)
    data = model.prepare(X)
    for step in range(1, 5):
        statistics, _ = model.e_step(data)
        model.m_step(statistics)
        other = gmm_toys.sklearn_mixture(weights, loc, covariance, form, max_iter=step, tol=0).fit(X)
        np.testing.assert_allclose(model.weights, other.weights_, rtol=1e-9)
        np.testing.assert_allclose(model.loc.data, other.means_, rtol=1e-8)
        np.testing.assert_allclose(model.covariance, other.covariances_, rtol=1e-7, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4), st.sampled_from(TYPES), st.booleans())
@settings(max_examples=30)
def test_the_likelihood_never_falls_and_is_what_is_reported(seed, k, d, form, missing):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((30, d)) * rng.uniform(0.1, 3, d) + rng.integers(0, 3, (30, 1)) * rng.standard_normal(d)
    observed = rng.random((30, d)) > 0.3 if missing else np.ones((30, d), bool)
    observed[:3] = True
    x = np.where(observed, x, np.nan)
    model, values = mixture(k, d, form, restarts=1, max_iterations=25, floor=1e-4), []
    for row in model.fit_steps(Batch(x, observed=observed), Generator(seed)):
        values.append(row["log_likelihood"])
        assert model.score(x, observed) == pytest.approx(values[-1], rel=1e-9, abs=1e-9)
    assert np.diff(values).min(initial=0) > -1e-9
    assert np.linalg.eigvalsh(model.matrices).min() > 0.999e-4 and np.isfinite(model.loc.data).all()


@pytest.mark.parametrize("missing", [False, True])
@FORMS
def test_the_gradient_vanishes_where_em_ends(form, missing):
    x, observed = holes(X) if missing else (X, None)
    enough = {"restarts": 1, "tolerance": 0, "max_iterations": 3000 if missing else 400}
    fitted = mixture(2, 3, form, **enough).fit(x, 1, observed=observed)
    model = mixture(2, 3, form, method="gradient")
    model.assign(fitted.weights, fitted.loc.data, fitted.covariance)
    value = model.log_prob(x, observed=observed).mean() if missing else model.log_prob(x).mean()
    assert float(value.data) == pytest.approx(fitted.score(x, observed))
    for part in grad(value, [model.logits, model.loc, model.factor]):
        assert np.abs(part).max() < 1e-6
    model.loc.assign(model.loc.data + 0.1)  # elsewhere it does not
    assert max(np.abs(part).max() for part in grad(model.log_prob(X).mean(), [model.logits, model.loc])) > 1e-3


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4), st.sampled_from(TYPES))
@settings(max_examples=40)
def test_missing_values_are_marginalised(seed, k, d, form):
    model, weights, loc, matrices = assigned(seed, k, d, form)
    rng = np.random.default_rng(seed)
    x, observed = 2 * rng.standard_normal((12, d)), rng.random((12, d)) > 0.4
    holed = np.where(observed, x, np.nan)
    got, shares = model.log_prob(holed, observed=observed), model.predict_proba(holed, observed=observed)
    filled = model.impute(np.where(observed, x, np.inf), observed)
    for n in range(12):
        o = observed[n]
        joint = gmm_toys.by_scipy(x[n : n + 1], weights, loc, matrices, o)[0]
        assert got[n] == pytest.approx(logsumexp(joint), rel=1e-8, abs=1e-8)
        r = np.exp(log_softmax(joint))
        np.testing.assert_allclose(shares[n], r, atol=1e-8)
        wanted = np.where(o, x[n], 0.0)
        for j in range(k):
            b = matrices[j][np.ix_(~o, o)] @ np.linalg.pinv(matrices[j][np.ix_(o, o)])
            wanted[~o] += r[j] * (loc[j][~o] + b @ (x[n, o] - loc[j][o]))
        np.testing.assert_allclose(filled[n], wanted, rtol=1e-6, atol=1e-6)


@FORMS
def test_marginal_and_conditional_by_quadrature(form):
    model, *_ = assigned(5, 3, 2, form)
    point, observed = np.array([0.7, np.nan]), np.array([[True, False]])

    def density(t):
        return math.exp(model.log_prob(np.array([[0.7, t]]))[0])

    total = quad(density, -30, 30, points=model.loc.data[:, 1], limit=200)[0]
    assert math.exp(model.log_prob(point[None], observed=observed)[0]) == pytest.approx(total, rel=1e-6)
    mean = quad(lambda t: t * density(t), -30, 30, points=model.loc.data[:, 1], limit=200)[0] / total
    assert model.impute(point[None], observed)[0, 1] == pytest.approx(mean, rel=1e-6)
    draws = model.sample(3000, 1, given=(point, observed[0]))
    assert (draws[:, 0] == 0.7).all()
    grid = np.linspace(-30, 30, 20001)
    values = np.exp(model.log_prob(np.column_stack([np.full(20001, 0.7), grid])))
    cumulative = np.cumsum(values) * (grid[1] - grid[0]) / total
    assert stats.kstest(draws[:, 1], lambda t: np.interp(t, grid, cumulative)).pvalue > 1e-4


@FORMS
def test_samples_have_the_density(form):
    model, weights, loc, matrices = assigned(6, 3, 3, form)
    draws, rng = model.sample(4000, 7), np.random.default_rng(1)
    for _ in range(6):  # along any direction the mixture is one of normals on the line
        a = rng.standard_normal(3)
        components = stats.norm(loc @ a, np.sqrt(np.einsum("i,kij,j->k", a, matrices, a)))
        assert stats.kstest(draws @ a, lambda t, c=components: c.cdf(np.reshape(t, (-1, 1))) @ weights).pvalue > 1e-4
    again = model.sample(4000, 7)
    np.testing.assert_array_equal(draws, again)


@FORMS
def test_one_dimension_integrates_to_one(form):
    model, weights, loc, matrices = assigned(3, 3, 1, form)
    total = quad(lambda t: math.exp(model.log_prob(np.array([[t]]))[0]), -40, 40, points=loc[:, 0], limit=200)[0]
    assert total == pytest.approx(1, abs=1e-7)


@FORMS
def test_differentiable_in_x_and_by_parameters(form):
    model, *_ = assigned(4, 3, 3, form)
    _, observed = holes(X[:5])
    check_grads(lambda x: model.log_prob(x).sum(), (X[:4],))
    check_grads(lambda x: model.log_prob(x, observed=observed).sum(), (X[:5],))
    assert isinstance(model.log_prob(Tensor(X[:2])), Tensor)
    np.testing.assert_allclose(model.log_prob(Tensor(X)).data, model.log_prob(X), rtol=1e-10)
    trained, *_ = assigned(4, 3, 3, form, method="gradient")
    np.testing.assert_allclose(trained.score_samples(X), model.score_samples(X), rtol=1e-10)
    _, observed = holes(X)
    expected = model.score_samples(X, observed=observed)
    np.testing.assert_allclose(trained.score_samples(X, observed=observed), expected, rtol=1e-9)
    parameters = trained.parameters()
    rng = np.random.default_rng(0)
    for parameter, gradient in zip(parameters, grad(trained.log_prob(X).mean(), parameters), strict=True):
        start = parameter.data.copy()
        direction = rng.standard_normal(start.shape)
        ends = []
        for sign in (1, -1):
            parameter.assign(start + sign * 1e-5 * direction)
            ends.append(trained.score(X))
        parameter.assign(start)
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx((gradient * direction).sum(), rel=1e-4, abs=1e-6)


@FORMS
def test_gradients_reach_the_likelihood_of_em(form):
    fitted = mixture(3, 3, form, restarts=1).fit(X, 1)
    model = mixture(3, 3, form, method="gradient")
    model.initialise(X, Generator(1).fold_in(0))  # where EM began
    assert model.score(X) == pytest.approx(fitted.history[0]["log_likelihood"])
    assert model.learns_by_gradient and len(model.parameters()) == 3
    assert not fitted.learns_by_gradient and not fitted.parameters()
    step = make_step(model, learning_rate=0.03)
    for i in range(400):
        step(X, Generator(i))
    assert model.score(X) > fitted.history[0]["log_likelihood"] + 0.001
    assert model.score(X) == pytest.approx(fitted.score(X), abs=2e-3)
    with pytest.raises(ValueError, match="method='gradient' a training loop"):
        model.fit(X)


def test_a_training_loop_starts_from_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["minigen.plotting.em_film"], "FRAMES", 4)
    x = np.concatenate([X, X + 0.1, X - 0.1]) + 100  # far from where a model is created
    model = mixture(3, 3, method="gradient")
    fitted = training.fit(model, x, tmp_path / "run", epochs=30, batch_size=64, learning_rate=0.02, seed=1)
    assert len(fitted.metrics) == 30 and model.score(x) > mixture(3, 3).fit(x).score(x) - 0.6
    assert {"em.gif", "components.png", "curves.png"} <= {path.name for path in (tmp_path / "run").iterdir()}
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.score_samples(x), model.score_samples(x))
    data = from_arrays("holes", {"x": holes(X)[0]}, "continuous", missing=True)
    assert not model.takes.missing and mixture(2, 3).takes.missing
    with pytest.raises(ValueError, match="values are missing, and gmm does not take missing values"):
        training.fit(mixture(2, 3, method="gradient"), data)


def test_em_finds_what_generated_the_data():
    truth, weights, loc, matrices = assigned(8, 3, 2, "full")
    x = truth.sample(5000, 3)
    model = mixture(3, 2).fit(x, 0)
    # the mean excess of the maximum over the truth is half the number of parameters over n, with fluctuations like it
    assert 0 < (model.score(x) - truth.score(x)) * 5000 < 40
    order = np.argmin(((model.loc.data[:, None] - loc) ** 2).sum(axis=2), axis=0)
    np.testing.assert_allclose(model.weights[order], weights, atol=0.06)
    np.testing.assert_allclose(model.loc.data[order], loc, atol=0.4)


def test_a_fit_is_a_function_of_data_and_seed_and_survives_its_state():
    x = X[:144].reshape(48, 3, 3, 1)
    make = lambda: models.create("gmm", DataSpec((3, 3, 1), "continuous"), n_components=2)  # noqa: E731
    model, same = make().fit(x, 5), make().fit(x, 5)
    np.testing.assert_array_equal(model.loc.data, same.loc.data)
    assert model.sample(4, rng=0).shape == (4, 3, 3, 1) and model.impute(x, np.ones(x.shape, bool)).shape == x.shape
    other = make()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.log_prob(x), model.log_prob(x))
    assert model.log_prob(x.astype("f4")).dtype == np.float64
    assert model.parameter_count == 1 + 2 * 9 + 2 * 45


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
    floored = mixture(2, 3, form, restarts=1).fit(X)
    np.testing.assert_allclose(fitted.score(X), floored.score(X), atol=1e-4)


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
    values, observed = holes(X)
    for data in (model.prepare(X), model.prepare(Batch(values, observed=observed))):
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
    (DataSpec((3,), "binary"), {}, "gmm: it takes continuous data of any shape, got"),
    (DataSpec((2,), ("continuous", "binary")), {}, "gmm: it takes continuous data of any shape, got"),
    (DataSpec((3,), "continuous", condition=DataSpec((1,), "binary")), {}, "it takes no condition"),
    (DataSpec((3,), "continuous"), {"covariance": "diag"}, "covariance: expected one of full, tied"),
    (DataSpec((3,), "continuous"), {"method": "mcmc"}, "method: expected one of em, gradient"),
    (DataSpec((3,), "continuous"), {"floor": -1.0}, "floor: expected a number of at least 0"),
    (DataSpec((3,), "continuous"), {"tolerance": math.nan}, "tolerance: expected"),
    (DataSpec((3,), "continuous"), {"n_components": 0}, "n_components: expected"),
    (DataSpec((3,), "continuous"), {"restarts": 0}, "restarts: expected"),
    (DataSpec((3,), "continuous"), {"max_iterations": 2.5}, "max_iterations: expected"),
])
def test_settings_and_specs_that_do_not_fit(spec, config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        models.create("gmm", spec, **config)


@pytest.mark.parametrize("x, words", [
    (np.zeros((40, 2)), "expected shape"), (np.full((40, 3), np.nan), "finite"), (np.zeros((0, 3)), "at least as many"),
])
def test_data_that_do_not_fit(x, words):
    before = (model := mixture(2, 3)).state_dict()
    with pytest.raises(ValueError, match=words):
        model.fit(x)
    with pytest.raises(ValueError, match="got a condition"):
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
