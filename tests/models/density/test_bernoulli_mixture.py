"""Mixtures of Bernoullis against enumeration of all binary vectors, closed forms, and binarized MNIST."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from minigen import DataSpec, models
from minigen.arrays import Generator
from minigen.data import Batch
from minigen.inference import EMError


def mixture(k, d, **config):
    return models.create("bernoulli_mixture", DataSpec((d,), "binary"), n_components=k, **config)


def assigned(seed, k, d, **config):
    rng = np.random.default_rng(seed)
    model, weights, means = mixture(k, d, **config), rng.dirichlet(np.ones(k)), rng.uniform(0.02, 0.98, (k, d))
    model.assign(weights, means)
    return model, weights, means


def vectors(d):
    return np.array(list(itertools.product([0, 1], repeat=d)), np.uint8)


def by_scipy(x, weights, means, seen=None):
    """log p(x, k) of the values seen."""
    terms = np.stack([stats.bernoulli(m).logpmf(x) for m in means], axis=1)  # (n, K, D)
    return np.log(weights) + (terms if seen is None else terms * seen[:, None]).sum(axis=2)


def clustered(seed, n, k, d):
    rng = np.random.default_rng(seed)
    means = rng.choice([0.1, 0.9], (k, d))
    return (rng.random((n, d)) < means[rng.integers(k, size=n)]).astype(np.uint8)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 7))
@settings(max_examples=40)
def test_all_vectors_sum_to_one_and_missing_values_are_summed_over(seed, k, d):
    model, weights, means = assigned(seed, k, d)
    x = vectors(d)
    scores = model.log_prob(x)
    assert scores.dtype == np.float64 and np.exp(scores).sum() == pytest.approx(1, rel=1e-12)
    joint = by_scipy(x, weights, means)
    np.testing.assert_allclose(scores, logsumexp(joint, axis=1), rtol=1e-10)
    np.testing.assert_allclose(model.predict_proba(x), np.exp(joint - scores[:, None]), rtol=1e-9, atol=1e-13)
    rng = np.random.default_rng(seed)
    some, observed = x[rng.integers(len(x), size=6)], rng.random((6, d)) > 0.5
    got, filled = model.log_prob(some, observed=observed), model.impute(some, observed)
    shares = model.predict_proba(some, observed=observed)
    for n in range(6):
        agree = (x[:, observed[n]] == some[n, observed[n]]).all(axis=1)
        p = np.exp(scores[agree])
        assert got[n] == pytest.approx(math.log(p.sum()), abs=1e-10)
        np.testing.assert_allclose(filled[n], np.where(observed[n], some[n], p @ x[agree] / p.sum()), atol=1e-10)
        np.testing.assert_allclose(shares[n], np.exp(joint[agree]).sum(axis=0) / p.sum(), atol=1e-10)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6), st.booleans(), st.sampled_from([1e-6, 0.1, 2.0]))
@settings(max_examples=40)
def test_the_objective_never_falls_and_is_what_is_reported(seed, k, d, missing, smoothing):
    rng = np.random.default_rng(seed)
    x = clustered(seed, 40, k, d)
    observed = rng.random(x.shape) > 0.3 if missing else np.ones(x.shape, bool)
    observed[0] = True
    model = mixture(k, d, smoothing=smoothing, max_iterations=15, precision="float64")
    totals = []
    for row in model.fit_steps(Batch(x, observed=observed), Generator(seed)):
        assert row["log_likelihood"] == pytest.approx(model.score(x, observed), abs=1e-9)
        prior = stats.beta(1 + smoothing, 1 + smoothing).logpdf(model.means).sum() / 40
        assert row["log_prior"] == pytest.approx(prior, rel=1e-5, abs=1e-8)
        totals.append(row["log_likelihood"] + row["log_prior"])
    assert np.diff(totals).min(initial=0) > -1e-9


@pytest.mark.parametrize("missing", [False, True])
def test_one_component_is_a_count(missing):
    x = clustered(0, 50, 3, 6)
    observed = np.random.default_rng(1).random(x.shape) > 0.4 if missing else np.ones(x.shape, bool)
    model = mixture(1, 6, smoothing=0.3, precision="float64").fit(np.where(observed, x, 0), observed=observed)
    expected = ((x * observed).sum(axis=0) + 0.3) / (observed.sum(axis=0) + 0.6)
    np.testing.assert_allclose(model.means[0], expected, rtol=1e-12)


@pytest.mark.parametrize("missing", [False, True])
def test_one_step_of_em_by_hand(missing):
    model, weights, means = assigned(3, 3, 5, smoothing=0.5, precision="float64")
    x = clustered(4, 60, 3, 5)
    observed = np.random.default_rng(2).random(x.shape) > 0.3 if missing else np.ones(x.shape, bool)
    statistics, value, _ = model.e_step(model.prepare(Batch(x, observed=observed)))
    model.m_step(statistics)
    joint = by_scipy(x, weights, means, observed)
    r = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    assert value == pytest.approx(logsumexp(joint, axis=1).mean())
    np.testing.assert_allclose(model.weights, r.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(model.means, (r.T @ (x * observed) + 0.5) / (r.T @ observed + 1), rtol=1e-10)


@pytest.mark.parametrize("missing", [False, True])
def test_no_other_parameters_are_more_probable_where_em_ends(missing):
    x, rng = clustered(5, 300, 2, 6), np.random.default_rng(3)
    observed = rng.random(x.shape) > 0.2 if missing else np.ones(x.shape, bool)
    options = {"smoothing": 0.5, "tolerance": 1e-14, "max_iterations": 3000, "precision": "float64"}
    model = mixture(2, 6, **options).fit(x, 0, observed=observed)

    def objective(weights, means):
        joint = by_scipy(x, weights, means, observed)
        return logsumexp(joint, axis=1).sum() + stats.beta(1.5, 1.5).logpdf(means).sum()

    weights, logits = model.weights, np.log(model.means / (1 - model.means))
    best = objective(weights, model.means)
    for _ in range(30):
        moved = weights * np.exp(0.02 * rng.standard_normal(2))
        means = 1 / (1 + np.exp(-logits - 0.02 * rng.standard_normal(logits.shape)))
        assert objective(moved / moved.sum(), means) < best


def test_clusters_are_found_again():
    x = clustered(7, 3000, 3, 20)
    model = mixture(3, 20, restarts=4).fit(x, 0)
    means = np.random.default_rng(7).choice([0.1, 0.9], (3, 20))
    order = np.argmin(np.abs(model.means[:, None] - means).sum(axis=2), axis=0)
    np.testing.assert_allclose(model.means[order], means, atol=4.5 * 0.3 / 900**0.5)
    np.testing.assert_allclose(model.weights, 1 / 3, atol=0.05)
    assert model.history[-1]["kept"] and {row["restart"] for row in model.history} == {0, 1, 2, 3}


def test_samples_have_the_density_and_conditional_draws_too():
    model, *_ = assigned(11, 4, 4)
    n, x = 20_000, vectors(4)
    p, codes = np.exp(model.log_prob(x)), 2 ** np.arange(3, -1, -1)
    draws = model.sample(n, 3)
    assert draws.dtype == np.uint8 and draws.shape == (n, 4)
    assert stats.chisquare(np.bincount(draws @ codes, minlength=16), n * p).pvalue > 1e-4
    given_ = np.array([9, 1, 9, 0]), np.array([False, True, False, True])
    with pytest.raises(ValueError, match="expected integers 0 to 1"):
        model.sample(2, 0, given=(np.array([0, 2, 0, 0]), given_[1]))
    draws = model.sample(n, 4, given=given_)
    assert (draws[:, [1, 3]] == [1, 0]).all()
    agree = (x[:, 1] == 1) & (x[:, 3] == 0)
    counts = np.bincount(draws @ codes, minlength=16)
    assert counts[~agree].sum() == 0
    assert stats.chisquare(counts[agree], n * p[agree] / p[agree].sum()).pvalue > 1e-4


def test_single_precision_ends_where_double_does():
    x = clustered(9, 2000, 4, 30)
    single, double = (mixture(4, 30, precision=dtype, tolerance=1e-6).fit(x, 2) for dtype in ("float32", "float64"))
    assert single.score(x) == pytest.approx(double.score(x), abs=1e-4)
    assert single.means.dtype == np.float64 and single.weights.sum() == pytest.approx(1)


def test_components_without_examples_and_few_examples():
    x = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], np.uint8)
    with pytest.raises(ValueError, match="at least as many examples as n_components=3, got 2"):
        mixture(3, 4).fit(x)
    model = mixture(2, 4, smoothing=0.01).fit(x, 0)
    assert np.isfinite(model.score(x)) and ((model.means > 0) & (model.means < 1)).all()
    model, *_ = assigned(0, 3, 4)
    model.assign([0.5, 0.0, 0.5], model.means)
    statistics, value, _ = model.e_step(model.prepare(np.tile(x, (4, 1))))
    model.m_step(statistics)
    assert math.isfinite(value) and model.weights[1] == 0
    np.testing.assert_allclose(model.means[1], 0.5)
    assert (model.predict(x) != 1).all() and np.isfinite(model.score(x))
    constant = mixture(2, 3).fit(np.ones((5, 3), np.uint8))
    assert constant.score(np.ones((1, 3))) > -0.2 and np.isfinite(constant.score(np.zeros((1, 3))))


def test_rows_and_columns_without_anything():
    x, mask = clustered(1, 30, 2, 4), np.ones((30, 4), bool)
    mask[:3] = False
    model = mixture(2, 4).fit(x, 0, observed=mask)
    np.testing.assert_allclose(model.log_prob(x, observed=mask)[:3], 0, atol=1e-12)
    np.testing.assert_allclose(model.impute(x, mask)[0], model.weights @ model.means)
    np.testing.assert_array_equal(model.impute(x, np.ones(x.shape, bool)), x)
    mask[:, 2] = False
    with pytest.raises(ValueError, match=r"column 2 \(from 0\) is observed in no example"):
        model.fit(x, observed=mask)
    assert model.log_prob(np.zeros((0, 4))).shape == (0,)


def test_images_state_and_criteria():
    x = clustered(2, 60, 2, 6).reshape(60, 3, 2, 1)
    make = lambda: models.create("bernoulli_mixture", DataSpec((3, 2, 1), "binary"), n_components=2)  # noqa: E731
    model, same = make().fit(x, 5), make().fit(x, 5)
    np.testing.assert_array_equal(model.means, same.means)
    other = make()
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.log_prob(x), model.log_prob(x))
    assert model.sample(4, rng=0).shape == (4, 3, 2, 1) and model.parameter_count == 13
    assert model.bic(x) == pytest.approx(13 * math.log(60) - 2 * model.log_prob(x).sum())
    np.testing.assert_allclose(model.log_prob(x.astype("f8")), model.log_prob(x.astype(bool)))


def test_a_broken_m_step_is_noticed(monkeypatch):
    model = mixture(2, 4)
    step = type(model).m_step
    monkeypatch.setattr(type(model), "m_step", lambda self, s: step(self, (s[0], 0.3 * s[1], s[2])))
    with pytest.raises(EMError, match="with its prior"):
        model.fit(clustered(3, 50, 2, 4))


@pytest.mark.parametrize("spec, config, words", [
    (DataSpec((3,), "continuous"), {}, "it takes binary data of any shape, got"),
    (DataSpec((3,), "discrete", 4), {}, "it takes binary data of any shape, got"),
    (DataSpec((3,), "binary", condition=DataSpec((1,), "binary")), {}, "it takes no condition"),
    (DataSpec((3,), "binary"), {"smoothing": 0}, "smoothing: expected a number above 0"),
    (DataSpec((3,), "binary"), {"smoothing": math.inf}, "smoothing: expected"),
    (DataSpec((3,), "binary"), {"tolerance": -1.0}, "tolerance: expected"),
    (DataSpec((3,), "binary"), {"n_components": True}, "n_components: expected"),
    (DataSpec((3,), "binary"), {"precision": "half"}, "precision: expected one of float32, float64"),
])
def test_settings_and_specs_that_do_not_fit(spec, config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        models.create("bernoulli_mixture", spec, **config)


def test_data_and_parameters_that_do_not_fit():
    model = mixture(2, 3)
    for x, words in ((np.zeros((4, 2)), "expected shape"), (np.full((4, 3), 2), "integers 0 to 1"),
                     (np.full((4, 3), 0.5), "integers 0 to 1"), (np.full((4, 3), np.nan), "finite")):
        with pytest.raises(ValueError, match=words):
            model.fit(x)
    with pytest.raises(ValueError, match="got a condition"):
        model.log_prob(np.zeros((1, 3)), condition=np.zeros((1, 3)))
    for weights, means, words in (([0.5, 0.6], np.full((2, 3), 0.5), "weights: expected 2 probabilities"),
                                  ([0.5, 0.5], np.ones((2, 3)), "means: expected numbers between 0 and 1"),
                                  ([0.5, 0.5], np.full((3, 2), 0.5), "means: expected")):
        with pytest.raises(ValueError, match=words):
            model.assign(weights, means)


@pytest.mark.slow
def test_binarized_mnist(data_folder):
    """K = 500; of the smoothings 0.05, 0.1 and 0.2 the middle one was best on the validation split."""
    path = data_folder / "binarized_mnist.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    with np.load(path) as file:
        train, test = file["train"], file["test"]
    model = mixture(500, 784, smoothing=0.1, max_iterations=60, tolerance=1e-3).fit(train, 0)
    scores = model.score_samples(test)
    print(f"binarized MNIST, K = 500: {scores.mean():.3f} ± {scores.std() / 100:.3f} nats")
    assert scores.mean() == pytest.approx(-126.0, abs=0.7)
