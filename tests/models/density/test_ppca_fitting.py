"""Fitting probabilistic PCA and factor analysis: against eigenvalues and scikit-learn; rising likelihoods; bad data."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import DataSpec, models
from minigen.distributions import Normal
from minigen.inference import em_steps
from minigen.models.density.linear_gaussian import Axes, Observations
from models.density.factors import NOISES, dense_log_prob, factor_data, model_of

RANDOM = np.random.default_rng(5)


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
    precision = np.linalg.inv(model.fit(x).posterior(x).covariance)
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

    factors = models.create("ppca", DataSpec((8,), "continuous"), latent_dim=3, noise="diagonal", tolerance=1e-12,
                            max_iterations=5000).fit(x)
    peer = decomposition.FactorAnalysis(3, tol=1e-12, max_iter=20_000, svd_method="lapack").fit(x)
    assert factors.score(x) == pytest.approx(peer.score(x), abs=1e-7)
    np.testing.assert_allclose(factors.noise.data, peer.noise_variance_, rtol=1e-3)
    assert factors.score(x) > model.score(x)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["isotropic", "diagonal"]), st.sampled_from([0.0, 0.3, 0.7]),
       st.integers(2, 6), st.integers(1, 3))
def test_likelihood_never_falls(seed, noise, share, d, m):
    """From anywhere, of complete data and not; and the statistics' log-likelihood is the model's own."""
    m = min(m, d - 1)
    x, observed = factor_data(15, d, m, seed, share)
    model = model_of(d, m, noise, seed)
    data = Axes(x) if share == 0 else Observations(np.where(observed, x, 0), observed)
    first, history = dense_log_prob(model, x, observed).mean(), []
    for metrics in em_steps(model, data, max_iterations=6, tolerance=0.0):
        history.append(metrics["log_likelihood"])
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
    config = {"latent_dim": 2, "noise": "diagonal", "max_iterations": 3000, "tolerance": 1e-12}
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
    np.testing.assert_array_equal(model.posterior(x, observed).mean[0], 0)


@pytest.mark.parametrize(("spec", "config", "words"), [
    (DataSpec((4,), "binary"), {}, "continuous"),
    (DataSpec((4,), "discrete", 3), {}, "continuous"),
    (DataSpec((2,), ("continuous", "binary")), {}, "continuous"),
    (DataSpec((4,), "continuous", condition=DataSpec((2,), "continuous")), {}, "condition"),
    (DataSpec((1,), "continuous"), {}, "latent_dim"),
    (DataSpec((4,), "continuous"), {"latent_dim": 4}, "less than the 4"),
    (DataSpec((4,), "continuous"), {"latent_dim": 0}, "latent_dim"),
    (DataSpec((4,), "continuous"), {"noise": "full"}, "isotropic, diagonal"),
    (DataSpec((4,), "continuous"), {"floor": 0}, "floor"),
    (DataSpec((4,), "continuous"), {"tolerance": -1.0}, "tolerance"),
    (DataSpec((4,), "continuous"), {"floor": float("nan")}, "floor"),
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
        model.elbo(x, Normal(np.zeros(3), 1.0, event_ndim=1))
    with pytest.raises(ValueError, match="condition"):
        model.log_prob(x, condition=x)
    assert model.log_prob(x[:0]).shape == (0,) and model.impute(x[:0], never[:0]).shape == (0, 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.config.latent_dim = 3
