"""Probabilistic PCA and factor analysis against dense normal distributions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen import DataSpec, models
from minigen.autograd import Tensor, check_grads, grad
from minigen.distributions import MultivariateNormal, Normal, kl_divergence
from minigen.models.density.linear_gaussian import Observations
from models.density.factors import NOISES, dense, dense_log_prob, factor_data, model_of

RANDOM = np.random.default_rng(5)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(1, 8), st.sampled_from(["isotropic", "diagonal"]),
       st.sampled_from([0.0, 0.4, 0.9]))
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
    z, e = RANDOM.standard_normal((50, 2)), RANDOM.standard_normal((50, 6))
    weight = model.weight.data
    x = z @ weight.T + 1e-5 * e + model.loc.data
    # In the basis of W's left singular vectors: two dimensions of signal, four of noise alone.
    basis, values, _ = np.linalg.svd(weight)
    turned = (x - model.loc.data) @ basis
    variances = np.append(values**2, np.zeros(4)) + 1e-10
    expected = -0.5 * (turned**2 / variances + np.log(2 * np.pi * variances)).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-5)


@NOISES
def test_blocks_of_rows_and_of_kinds(monkeypatch, noise):
    model = model_of(6, 2, noise)
    x, observed = factor_data(40, 6, 2, share=0.4)
    whole, imputed = model.log_prob(x, observed=observed), model.impute(x, observed)
    statistics = model.e_step(Observations(np.where(observed, x, 0), observed))
    monkeypatch.setattr("minigen.models.density.ppca.CHUNK", 20)
    monkeypatch.setattr("minigen.models.density.linear_gaussian.BLOCK", 9)
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
    q = model.posterior(x, observed=observed)
    assert (q.batch_shape, q.event_shape) == ((6,), (m,))
    for row, o, mean, spread in zip(x, observed, q.mean, np.broadcast_to(q.covariance, (6, m, m)), strict=True):
        gain = weight[o].T @ np.linalg.inv(covariance[np.ix_(o, o)])
        np.testing.assert_allclose(mean, gain @ (row[o] - loc[o]), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(spread, np.eye(m) - gain @ weight[o], rtol=1e-10, atol=1e-12)
    # Bayes' rule at any z
    z = RANDOM.standard_normal((6, m))
    prior = Normal(np.zeros(m), np.ones(m), event_ndim=1).log_prob(z)
    if share == 0:
        both = model.decode(z).log_prob(x) + prior
        np.testing.assert_allclose(both - q.log_prob(z), model.log_prob(x), rtol=1e-10)


@NOISES
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_elbo_is_the_log_likelihood_less_the_divergence(noise, share):
    model = model_of(5, 3, noise)
    x, observed = factor_data(4, 5, 3, share=share)
    exact, p = model.log_prob(x, observed=observed), model.posterior(x, observed=observed)
    factor = np.tril(RANDOM.standard_normal((4, 3, 3)), -1) + np.eye(3) * RANDOM.uniform(0.1, 2, (4, 3, 1))
    loc = RANDOM.standard_normal((4, 3))
    for q in (MultivariateNormal(loc, scale_tril=factor), MultivariateNormal(loc[0], scale_tril=factor[0]),
              Normal(loc, np.exp(loc), event_ndim=1), Normal(loc[0], 0.3, event_ndim=1)):
        found = model.elbo(x, q, observed=observed)
        np.testing.assert_allclose(found, exact - kl_divergence(q, p), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.elbo(x, p, observed=observed), exact, rtol=1e-10)


def test_elbo_by_monte_carlo():
    model, q = model_of(5, 2), Normal(np.array([0.3, -0.2]), np.array([0.7, 1.1]), event_ndim=1)
    x, n = factor_data(1, 5, 2)[0], 40_000
    z = q.sample(3, n)
    draws = model.decode(z).log_prob(x) + Normal(np.zeros(2), 1.0, event_ndim=1).log_prob(z) - q.log_prob(z)
    assert abs(draws.mean() - model.elbo(x, q)[0]) < 4.5 * draws.std() / np.sqrt(n)


def test_gradients():
    """Of log p by x, complete and not, and of the bound by q's parameters."""
    model = model_of(4, 2, "diagonal")
    x, observed = factor_data(3, 4, 2, share=0.4)
    check_grads(lambda x: model.log_prob(x), (x,))
    check_grads(lambda x: model.log_prob(x, observed=observed), (x,))
    check_grads(lambda m, s: model.elbo(x, Normal(m, log_scale=s, event_ndim=1)), RANDOM.standard_normal((2, 3, 2)))
    scale = np.tril(RANDOM.standard_normal((3, 2, 2)), -1) + np.eye(2)
    check_grads(lambda m, t: model.elbo(x, MultivariateNormal(m, scale_tril=t * np.tril(np.ones((2, 2))))),
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
