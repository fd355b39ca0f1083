"""What every latent model must satisfy: bounds below the integral over the prior, samples and events of its data.

The integral is over one latent number, by a sum on a grid of `decode` and `prior` alone; models have small networks
with every parameter drawn at random.
"""

import math

import numpy as np
import pytest
from scipy import special, stats

from minigen import DataSpec, models
from minigen.autograd import raw
from minigen.evaluation import identities

GRID = np.linspace(-9, 9, 2001)[:, None]
SPACES = {  # spec, and whether all its values can be listed
    "bits": (DataSpec((2, 2, 1), "binary"), True),
    "levels": (DataSpec((3,), "discrete", 3), True),
    "numbers": (DataSpec((2,), "continuous"), False),
}
SETTINGS = {"vae": {"hidden": (6,), "latent_dim": 1, "activation": "tanh"}}
CASES = [(key, name) for key in SETTINGS for name in SPACES]


def build(key, name):
    """A model whose posterior is about as wide as the prior, so that importance weights have light tails."""
    random = np.random.default_rng(5)
    spec, _ = SPACES[name]
    model = models.create(key, spec, rng=5, **SETTINGS[key]).to(dtype="float64")
    for path, parameter in model.named_parameters():
        spread = 0.7 if path.startswith("decoder") else 0.1
        parameter.assign(spread * random.standard_normal(parameter.shape))
    return model


def examples(name):
    """All values of a small space, else some values: `(n, *spec.shape)`."""
    spec, listed = SPACES[name]
    if not listed:
        return np.random.default_rng(1).standard_normal((8, *spec.shape))
    levels = spec.levels or 2
    digits = np.indices((levels,) * spec.dimensions).reshape(spec.dimensions, -1).T
    return digits.reshape(-1, *spec.shape).astype(np.uint8)


def log_density(model, x):
    """log ∫ p(x | z) p(z) dz, for each x."""
    likelihood = model.decode(GRID)
    joint = np.stack([raw(likelihood.log_prob(row)) for row in x]) + raw(model.prior.log_prob(GRID))
    return special.logsumexp(joint, axis=1) + math.log(GRID[1, 0] - GRID[0, 0])


def repeated(function, x, times=1000):
    """Mean and standard error of a bound over `times` draws, for each x."""
    values = np.asarray(raw(function(np.repeat(x, times, axis=0)))).reshape(len(x), times)
    return values.mean(axis=1), values.std(axis=1, ddof=1) / math.sqrt(times)


def test_no_latent_model_is_left_out():
    assert set(SETTINGS) == set(models.available()["latent"])


@pytest.mark.parametrize("key, name", CASES)
def test_bounds_rise_to_the_log_density(key, name):
    model, x = build(key, name), examples(name)
    exact = log_density(model, x)
    elbo, elbo_error = repeated(lambda rows: model.elbo(rows, 1), x)
    one, one_error = repeated(lambda rows: model.iwae_bound(rows, 1, 2), x)
    many, many_error = repeated(lambda rows: model.iwae_bound(rows, 50, 3), x)
    assert (np.abs(elbo - one) < 4.5 * np.hypot(elbo_error, one_error)).all()
    assert (elbo < exact + 4.5 * elbo_error).all() and (many < exact + 4.5 * many_error).all()
    assert (exact - many).mean() < 0.2 * (exact - elbo).mean()


@pytest.mark.parametrize("key, name", [case for case in CASES if SPACES[case[1]][1]])
def test_probabilities_add_up_to_one_and_samples_follow_them(key, name):
    model, x = build(key, name), examples(name)
    p = np.exp(log_density(model, x))
    assert p.sum() == pytest.approx(1, abs=1e-9)
    n, levels = 20_000, model.spec.levels or 2
    samples = model.sample(n, 7)
    assert samples.shape == (n, *model.spec.shape) and samples.dtype == np.uint8
    index = samples.reshape(n, -1).astype(int) @ levels ** np.arange(model.spec.dimensions)[::-1]
    assert stats.chisquare(np.bincount(index, minlength=len(x)), n * p).pvalue > 1e-4


@pytest.mark.parametrize("key, name", CASES)
def test_decoded_events_are_examples_and_identities_hold(key, name):
    model, x = build(key, name), examples(name)
    z = model.encode(x)
    assert z.batch_shape == (len(x),) and z.event_shape == model.prior.event_shape
    decoded = model.decode(raw(z.mean))
    assert decoded.batch_shape == (len(x),) and decoded.event_shape == model.spec.shape
    assert raw(decoded.log_prob(x)).shape == (len(x),)
    assert not [check for check in identities(model, rng=1, samples=500) if check.passed is False]
    copy = models.create(key, model.spec, rng=9, **SETTINGS[key]).to(dtype="float64")
    copy.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(raw(copy.elbo(x, 3)), raw(model.elbo(x, 3)))
