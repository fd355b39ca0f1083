"""Probabilistic PCA and factor analysis against dense normal distributions, eigenvalues and scikit-learn."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import DataSpec, models
from minigen.autograd import Tensor, check_grads, grad
from minigen.distributions import MultivariateNormal, Normal, kl_divergence
from minigen.inference import em_steps
from minigen.models.density.support.linear_gaussian import Axes, Observations
from models.density.ppca_toys import NOISES, dense, dense_log_prob, factor_data, model_of

RANDOM = np.random.default_rng(5)
DRAWN_NOISE = st.sampled_from(["isotropic", "diagonal"])


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 8), DRAWN_NOISE, st.sampled_from([0.0, 0.4, 0.9]))
def test_log_prob_is_that_of_the_dense_normal(seed, d, m, noise, share):
    model = model_of(d, min(m, d - 1), noise, seed)
    random = np.random.default_rng(seed)
    x, observed = 4 * random.standard_normal((7, d)), random.random((7, d)) >= share
    found = model.log_prob(np.where(observed, x, 1e9), observed=observed)
    np.testing.assert_allclose(found, dense_log_prob(model, x, observed), rtol=1e-9, atol=1e-9)
    assert found.dtype == np.float64
    np.testing.assert_allclose(model.covariance, dense(model)[1], rtol=1e-14)


def test_log_prob_with_little_noise():
    """Variances 12 orders below the signal's: still digits, since no large numbers are subtracted."""
    model = model_of(6, 2)
    model.noise.assign([1e-10])
    weight = model.weight.data
    x = RANDOM.standard_normal((50, 2)) @ weight.T + 1e-5 * RANDOM.standard_normal((50, 6)) + model.loc.data
    # In the basis of W's left singular vectors: two dimensions of signal, four of noise alone.
    basis, values, _ = np.linalg.svd(weight)
    turned = (x - model.loc.data) @ basis
    variances = np.append(values**2, np.zeros(4)) + 1e-10
    expected = -0.5 * (turned**2 / variances + np.log(2 * np.pi * variances)).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-5)


@NOISES
def test_blocks_of_rows_and_of_patterns(monkeypatch, noise):
    model = model_of(6, 2, noise)
    x, observed = factor_data(40, 6, 2, share=0.4)
    whole, imputed = model.log_prob(x, observed=observed), model.impute(x, observed)
    statistics = model.e_step(Observations(np.where(observed, x, 0), observed))
    monkeypatch.setattr("minigen.models.density.ppca.CHUNK", 20)
    monkeypatch.setattr("minigen.models.density.support.linear_gaussian.BLOCK", 9)
    np.testing.assert_allclose(model.log_prob(x, observed=observed), whole, rtol=1e-13)
    np.testing.assert_allclose(model.impute(x, observed), imputed, rtol=1e-12)
    again = model.e_step(Observations(np.where(observed, x, 0), observed))
    for one, other in zip([*statistics[0], statistics[1]], [*again[0], again[1]], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


@NOISES
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_posterior_is_the_dense_conditional(noise, share):
    model, m, d = model_of(5, 2, noise), 2, 5
    x, observed = factor_data(6, d, m, share=share)
    observed[0] = share == 0  # with missing values, one example without any
    weight, (loc, covariance) = model.weight.data, dense(model)
    q = model.encode(x, observed=observed)
    assert (q.batch_shape, q.event_shape) == ((6,), (m,))
    for row, o, mean, spread in zip(x, observed, q.mean, np.broadcast_to(q.covariance, (6, m, m)), strict=True):
        gain = weight[o].T @ np.linalg.inv(covariance[np.ix_(o, o)])
        np.testing.assert_allclose(mean, gain @ (row[o] - loc[o]), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(spread, np.eye(m) - gain @ weight[o], rtol=1e-10, atol=1e-12)
    # Bayes' rule at any z
    z = RANDOM.standard_normal((6, m))
    prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=1)
    np.testing.assert_allclose(model.prior.log_prob(z), prior, rtol=1e-12)
    if share == 0:
        both = model.decode(z).log_prob(x) + prior
        np.testing.assert_allclose(both - q.log_prob(z), model.log_prob(x), rtol=1e-10)


@NOISES
def test_examples_of_any_shape_are_decoded_in_their_shape(noise):
    model = models.create("ppca", DataSpec((2, 3, 1), "continuous"), latent_dim=2, noise=noise, rng=4)
    model.loc.assign(RANDOM.standard_normal(6))
    model.noise.assign(RANDOM.uniform(0.1, 1, model.noise.shape))
    x, z = model.sample(5, 0), RANDOM.standard_normal((5, 2))
    p = model.decode(z)
    assert (p.batch_shape, p.event_shape) == ((5,), (2, 3, 1)) and model.prior.event_shape == (2,)
    assert model.decode(Tensor(z)).batch_shape == (5,)
    deviations = (x.reshape(5, 6) - z @ model.weight.data.T - model.loc.data) / np.sqrt(model.noise.data)
    logs = np.log(2 * np.pi * np.broadcast_to(model.noise.data, 6))
    np.testing.assert_allclose(p.log_prob(x), -0.5 * (deviations**2 + logs).sum(axis=1), rtol=1e-10)
    both = p.log_prob(x) + model.prior.log_prob(z)
    np.testing.assert_allclose(both - model.encode(x).log_prob(z), model.log_prob(x), rtol=1e-9)


@NOISES
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_the_bound_is_the_log_likelihood_less_the_divergence(noise, share):
    model = model_of(5, 3, noise)
    x, observed = factor_data(4, 5, 3, share=share)
    exact, p = model.log_prob(x, observed=observed), model.encode(x, observed=observed)
    factor = np.tril(RANDOM.standard_normal((4, 3, 3)), -1) + np.eye(3) * RANDOM.uniform(0.1, 2, (4, 3, 1))
    loc = RANDOM.standard_normal((4, 3))
    for q in (MultivariateNormal(loc, scale_tril=factor), MultivariateNormal(loc[0], scale_tril=factor[0]),
              Normal(loc, np.exp(loc), event_ndim=1), Normal(loc[0], 0.3, event_ndim=1)):
        expected = exact - kl_divergence(q, p)
        np.testing.assert_allclose(model.bound(x, q, observed=observed), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.bound(x, p, observed=observed), exact, rtol=1e-10)


def test_the_bound_by_monte_carlo():
    model, q = model_of(5, 2), Normal(np.array([0.3, -0.2]), np.array([0.7, 1.1]), event_ndim=1)
    x, n = factor_data(1, 5, 2)[0], 40_000
    z = q.sample(n, 3)
    draws = model.decode(z).log_prob(x) + Normal(np.zeros(2), 1.0, event_ndim=1).log_prob(z) - q.log_prob(z)
    assert abs(draws.mean() - model.bound(x, q)[0]) < 4.5 * draws.std() / np.sqrt(n)


def test_gradients():
    """Of log p by x, complete and not, and of the bound by q's parameters."""
    model = model_of(4, 2, "diagonal")
    x, observed = factor_data(3, 4, 2, share=0.4)
    check_grads(lambda x: model.log_prob(x), (x,))
    check_grads(lambda x: model.log_prob(x, observed=observed), (x,))
    check_grads(lambda m, s: model.bound(x, Normal(m, log_scale=s, event_ndim=1)), RANDOM.standard_normal((2, 3, 2)))
    scale = np.tril(RANDOM.standard_normal((3, 2, 2)), -1) + np.eye(2)
    check_grads(lambda m, t: model.bound(x, MultivariateNormal(m, scale_tril=t * np.tril(np.ones((2, 2))))),
                (RANDOM.standard_normal((3, 2)), scale))
    loc, covariance = dense(model)
    leaf = Tensor(x)
    slope = grad(model.log_prob(leaf).sum(), leaf)
    np.testing.assert_allclose(slope, -np.linalg.solve(covariance, (x - loc).T).T, rtol=1e-9)


@NOISES
def test_imputed_means_are_dense_conditionals(noise):
    model = model_of(5, 2, noise)
    x, observed = factor_data(9, 5, 2, share=0.5)
    observed[0], observed[1] = False, True
    found = model.impute(np.where(observed, x, 77.0), observed)
    loc, covariance = dense(model)
    for row, o, filled in zip(x, observed, found, strict=True):
        np.testing.assert_array_equal(filled[o], row[o])
        gain = covariance[np.ix_(~o, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
        np.testing.assert_allclose(filled[~o], loc[~o] + gain @ (row[o] - loc[o]), rtol=1e-10)


@NOISES
def test_imputed_draws_have_the_conditional_moments(noise):
    model, n = model_of(4, 2, noise), 60_000
    x, o = np.array([1.0, 0.0, -2.0, 0.0]), np.array([True, False, True, False])
    draws = model.sample(n, 3, given=(x, o))
    assert (draws[:, o] == x[o]).all()
    loc, covariance = dense(model)
    gain = covariance[np.ix_(~o, o)] @ np.linalg.inv(covariance[np.ix_(o, o)])
    mean, spread = loc[~o] + gain @ (x[o] - loc[o]), covariance[np.ix_(~o, ~o)] - gain @ covariance[np.ix_(o, ~o)]
    z = np.linalg.solve(np.linalg.cholesky(spread), (draws[:, ~o] - mean).T)
    assert (np.abs(z.mean(axis=1)) < 4.5 / np.sqrt(n)).all()
    error = np.sqrt(np.array([[2, 1], [1, 2]]) / n)
    assert (np.abs(z @ z.T / n - np.eye(2)) < 4.5 * error).all()


@NOISES
def test_samples_have_the_models_moments(noise):
    model, n = model_of(4, 2, noise), 60_000
    draws = model.sample(n, 4)
    assert draws.shape == (n, 4) and draws.dtype == np.float64
    loc, covariance = dense(model)
    z = np.linalg.solve(np.linalg.cholesky(covariance), (draws - loc).T)
    assert (np.abs(z.mean(axis=1)) < 4.5 / np.sqrt(n)).all()
    error = np.sqrt((1 + np.eye(4)) / n)
    assert (np.abs(z @ z.T / n - np.eye(4)) < 4.5 * error).all()
    np.testing.assert_array_equal(model.sample(n, 4), draws)


def test_images_are_rows():
    x = factor_data(50, 12, 3)[0].reshape(50, 3, 4, 1)
    model = models.create("ppca", DataSpec((3, 4, 1), "continuous"), latent_dim=3).fit(x)
    flat = models.create("ppca", DataSpec((12,), "continuous"), latent_dim=3).fit(x.reshape(50, 12))
    np.testing.assert_array_equal(model.log_prob(x), flat.log_prob(x.reshape(50, 12)))
    assert model.sample(2, 0).shape == (2, 3, 4, 1)
    assert model.impute(x, np.zeros(x.shape, bool)).shape == x.shape
    # the mean, and one column for each of W's with the rotation taken off
    assert model.parameter_count == 12 + 36 - 3 + 1
    wide = models.create("ppca", DataSpec((12,), "continuous"), latent_dim=3, noise="diagonal")
    assert wide.parameter_count == 12 + 36 - 3 + 12
    assert flat.bic(x.reshape(50, 12)) == pytest.approx(46 * np.log(50) - 100 * flat.score(x.reshape(50, 12)))


@pytest.mark.parametrize(("n", "d", "m"), [(200, 7, 3), (8, 20, 4)])
def test_closed_form(n, d, m):
    """Tipping and Bishop's equations 7 and 8 by NumPy's eigenvalues; more dimensions than examples too."""
    x, _ = factor_data(n, d, m)
    model = models.create("ppca", DataSpec((d,), "continuous"), latent_dim=m).fit(x)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    noise = values[: d - m].mean()
    assert model.noise.data[0] == pytest.approx(noise, rel=1e-10)
    top = vectors[:, ::-1][:, :m]
    expected = top @ np.diag(values[::-1][:m]) @ top.T + noise * (np.eye(d) - top @ top.T)
    np.testing.assert_allclose(model.covariance, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.loc.data, x.mean(axis=0), rtol=1e-13)
    assert model.history[-1]["log_likelihood"] == pytest.approx(model.score(x), rel=1e-10)


@NOISES
def test_latents_are_turned(noise):
    """The elements of z are independent given x, the best determined first; the largest weights are positive."""
    model = models.create("ppca", DataSpec((7,), "continuous"), latent_dim=3, noise=noise)
    x, _ = factor_data(60, 7, 3)
    precision = np.linalg.inv(model.fit(x).encode(x).covariance)
    np.testing.assert_allclose(precision, np.diag(np.diag(precision)), atol=1e-8 * precision.max())
    assert (np.diff(np.diag(precision)) <= 0).all()
    weight = model.weight.data / np.sqrt(model.noise.data)[:, None]
    assert (weight.max(axis=0) == np.abs(weight).max(axis=0)).all()


def test_scikit_learn_agrees():
    decomposition = pytest.importorskip("sklearn.decomposition")
    x, _ = factor_data(300, 8, 3)
    model = models.create("ppca", DataSpec((8,), "continuous"), latent_dim=3).fit(x)
    peer = decomposition.PCA(3).fit(x)
    # scikit-learn divides by n - 1; with its covariance the scores are the same
    model.weight.assign(model.weight.data * np.sqrt(300 / 299))
    model.noise.assign(model.noise.data * 300 / 299)
    np.testing.assert_allclose(model.score_samples(x), peer.score_samples(x), rtol=1e-10)
    long = {"tolerance": 1e-12, "max_iterations": 5000}
    factors = models.create("ppca", DataSpec((8,), "continuous"), latent_dim=3, noise="diagonal", **long).fit(x)
    peer = decomposition.FactorAnalysis(3, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(x)
    assert factors.score(x) == pytest.approx(peer.score(x), abs=1e-7)
    np.testing.assert_allclose(factors.noise.data, peer.noise_variance_, rtol=1e-3)
    assert factors.score(x) > model.score(x)


@settings(max_examples=40)
@given(st.integers(0, 10**6), DRAWN_NOISE, st.sampled_from([0.0, 0.3, 0.7]), st.integers(2, 6), st.integers(1, 3))
def test_likelihood_never_falls(seed, noise, share, d, m):
    """From anywhere, of complete data and not; and the statistics' log-likelihood is the model's own."""
    m = min(m, d - 1)
    x, observed = factor_data(15, d, m, seed, share)
    model = model_of(d, m, noise, seed)
    data = Axes(x) if share == 0 else Observations(np.where(observed, x, 0), observed)
    first = dense_log_prob(model, x, observed).mean()
    history = [metrics["log_likelihood"] for metrics in em_steps(model, data, max_iterations=6, tolerance=0.0)]
    last = dense_log_prob(model, x, observed).mean()
    np.testing.assert_allclose([history[0], history[-1]], [first, last], rtol=1e-9, atol=1e-9)
    assert history[-1] > history[0] and (np.diff(history) >= -1e-10).all()


@NOISES
def test_the_two_e_steps_agree(noise):
    """Of complete data, by their covariance and by the rows."""
    x, observed = factor_data(30, 5, 2)
    model = model_of(5, 2, noise)
    short, value = model.e_step(Axes(x))
    long, again = model.e_step(Observations(x, observed))
    assert value == pytest.approx(again, rel=1e-12)
    for one, other in zip(short, long, strict=True):
        np.testing.assert_allclose(np.broadcast_to(one, other.shape), other, rtol=1e-9, atol=1e-10)


def test_em_reaches_the_closed_form():
    x, _ = factor_data(100, 6, 2)
    exact = models.create("ppca", DataSpec((6,), "continuous"), latent_dim=2).fit(x)
    model = model_of(6, 2)
    for data in (Axes(x), Observations(x)):
        *_, last = em_steps(model, data, 5000, 1e-14)
        assert last["log_likelihood"] == pytest.approx(exact.score(x), abs=1e-9)
        np.testing.assert_allclose(model.covariance, exact.covariance, rtol=1e-4, atol=1e-4)
        model = model_of(6, 2, seed=1)


@NOISES
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_gradient_is_zero_where_em_ends(noise, share):
    """Finite differences of the exact (dense) likelihood in random directions of all parameters."""
    x, observed = factor_data(60, 5, 2, 3, share)
    model = models.create("ppca", DataSpec((5,), "continuous"), latent_dim=2, noise=noise, tolerance=1e-12,
                          max_iterations=2000).fit(x, observed=observed)
    state, step = model.state_dict(), 1e-5

    def moved(direction, size):
        model.load_state_dict({name: value + size * direction[name] for name, value in state.items()})
        return dense_log_prob(model, x, observed).mean()

    for _ in range(5):
        direction = {name: RANDOM.standard_normal(value.shape) * (name != "least") for name, value in state.items()}
        direction["noise"] *= state["noise"]
        slope = (moved(direction, step) - moved(direction, -step)) / (2 * step)
        curvature = (moved(direction, step) + moved(direction, -step) - 2 * moved(direction, 0)) / step**2
        assert curvature < 0
        assert abs(slope) < 3e-4 * abs(curvature)


@NOISES
def test_missing_at_random_finds_the_truth(noise):
    """40 % missing: the density of complete new data comes out nearly as with complete data."""
    x, observed = factor_data(4000, 8, 2, 7, 0.4)
    spec = DataSpec((8,), "continuous")
    whole = models.create("ppca", spec, latent_dim=2, noise=noise).fit(x[:3000])
    part = models.create("ppca", spec, latent_dim=2, noise=noise).fit(x[:3000], observed=observed[:3000])
    filled = models.create("ppca", spec, latent_dim=2, noise=noise).fit(
        np.where(observed, x, (x * observed).sum(axis=0) / observed.sum(axis=0))[:3000])
    assert abs(whole.score(x[3000:]) - part.score(x[3000:])) < 0.05
    assert whole.score(x[3000:]) - filled.score(x[3000:]) > 0.25


def test_fitting_again_gives_the_same_and_states_travel():
    x, observed = factor_data(30, 5, 2, share=0.2)
    one, other = (models.create("ppca", DataSpec((5,), "continuous"), rng=seed, latent_dim=2, max_iterations=20)
                  for seed in (0, 1))
    other.fit(x, 5, observed=observed)
    state = one.fit(x, 3, observed=observed).state_dict()
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    fresh = models.create("ppca", DataSpec((5,), "continuous"), latent_dim=2)
    fresh.load_state_dict(state)
    np.testing.assert_array_equal(fresh.log_prob(x), one.log_prob(x))


@NOISES
def test_constant_columns_and_too_little_noise(noise):
    """A constant column, a column that repeats another, and data in a plane end at the floor, not at infinity."""
    x, _ = factor_data(40, 6, 2)
    x[:, 1], x[:, 2] = 0.1, x[:, 0]
    model = models.create("ppca", DataSpec((6,), "continuous"), latent_dim=2, noise=noise, max_iterations=50).fit(x)
    assert np.isfinite(model.log_prob(x)).all() and (model.noise.data >= 1e-6).all()
    plane = np.random.default_rng(0).standard_normal((40, 2)) @ RANDOM.standard_normal((2, 6))
    model = models.create("ppca", DataSpec((6,), "continuous"), latent_dim=2, noise=noise, max_iterations=50).fit(plane)
    unit = plane.var(axis=0)
    np.testing.assert_allclose(model.noise.data, 1e-6 * (unit.mean() if noise == "isotropic" else unit), rtol=1e-3)
    same = np.ones((10, 6))
    model = models.create("ppca", DataSpec((6,), "continuous"), latent_dim=2, noise=noise, max_iterations=50).fit(same)
    np.testing.assert_allclose(model.sample(3, 0), 1, atol=0.01)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_factor_analysis_in_other_units(share):
    """Columns of units that are 10¹⁰ apart, far from 0: the same model, seen through them."""
    x, observed = factor_data(60, 5, 2, share=share)
    units, shift = 10.0 ** np.array([-6, -2, 0, 1, 4]), np.array([1.0, 0, 1e6, 3, 1e7])
    config = {"latent_dim": 2, "noise": "diagonal", "max_iterations": 300, "tolerance": 1e-12}
    model, other = (models.create("ppca", DataSpec((5,), "continuous"), **config) for _ in range(2))
    model.fit(x, observed=observed)
    other.fit(x * units + shift, observed=observed)
    np.testing.assert_allclose(other.noise.data / units**2, model.noise.data, rtol=1e-3)
    np.testing.assert_allclose(other.weight.data / units[:, None], model.weight.data, rtol=1e-3, atol=1e-4)


@NOISES
def test_examples_without_values(noise):
    """They have density 1 and change no fit."""
    x, observed = factor_data(30, 5, 2, share=0.3)
    observed[:3] = False
    config = {"latent_dim": 2, "noise": noise, "max_iterations": 30, "tolerance": 0.0}
    model = models.create("ppca", DataSpec((5,), "continuous"), **config).fit(x, observed=observed)
    np.testing.assert_allclose(model.log_prob(x, observed=observed)[:3], 0, atol=1e-12)
    np.testing.assert_allclose(model.impute(x, observed)[:3], np.tile(model.loc.data, (3, 1)))
    np.testing.assert_array_equal(model.encode(x, observed=observed).mean[0], 0)


@pytest.mark.parametrize(("spec", "config", "words"), [
    (DataSpec((4,), "binary"), {}, "continuous"),
    (DataSpec((4,), "discrete", 3), {}, "continuous"),
    (DataSpec((2,), ("continuous", "binary")), {}, "continuous"),
    (DataSpec((4,), "continuous", condition=DataSpec((2,), "continuous")), {}, "condition"),
    (DataSpec((1,), "continuous"), {}, "latent_dim"),
    (DataSpec((4,), "continuous"), {"latent_dim": 4}, "less than the 4"),
    (DataSpec((4,), "continuous"), {"latent_dim": 0}, "latent_dim"),
    (DataSpec((4,), "continuous"), {"noise": "full"}, "isotropic, diagonal"),
    (DataSpec((4,), "continuous"), {"tolerance": -1.0}, "tolerance"),
    (DataSpec((4,), "continuous"), {"floor": 0}, "floor"),
])
def test_refused_settings(spec, config, words):
    with pytest.raises(ValueError, match=words):
        models.create("ppca", spec, **config)


def test_refused_data():
    model = models.create("ppca", DataSpec((4,), "continuous"), latent_dim=2)
    before, x = model.state_dict(), factor_data(20, 4, 2)[0]
    never = np.ones((20, 4), bool)
    never[:, 2] = False
    for data, observed, words in [
        (x[:3], None, "at least 4 examples"), (x[:, :3], None, "shape"), (x * np.nan, None, "finite"),
        (x, never, "column 2"), (x, never[:, :2], "observed"), (x, never * 1.0, "observed"), (1e300 * x, None, "large"),
    ]:
        with pytest.raises(ValueError, match=words), np.errstate(all="ignore"):
            model.fit(data, observed=observed)
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
    with pytest.raises(ValueError, match="q: expected"):
        model.bound(x, Normal(np.zeros(3), 1.0, event_ndim=1))
    with pytest.raises(ValueError, match="condition"):
        model.log_prob(x, condition=x)
    assert model.log_prob(x[:0]).shape == (0,) and model.impute(x[:0], never[:0]).shape == (0, 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.config.latent_dim = 3
