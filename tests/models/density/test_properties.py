"""What every density model must satisfy: the identities of a model, and a gap to the truth that is not negative."""

import math

import numpy as np
import pytest

from minigen import DataSpec, known, models
from minigen.evaluation import gap_to_truth, identities
from minigen.known.markov import Markov

RNG = np.random.default_rng(0)
SIDES = np.repeat([0, 1], 60)
TABLE = np.stack([RNG.normal(3 * SIDES), RNG.random(120) < 0.3 + 0.4 * SIDES, RNG.integers(0, 4, 120),
                  RNG.normal(size=120)], axis=1)
DATA = {  # spec and examples
    "a number": (DataSpec((1,), "continuous"), RNG.normal(4 * SIDES[:, None], 1, (120, 1))),
    "the plane": (DataSpec((2,), "continuous"), RNG.normal(4 * SIDES[:, None], [0.5, 2], (120, 2))),
    "five numbers": (DataSpec((5,), "continuous"), RNG.normal(SIDES[:, None], 0.5, (120, 5)) @ RNG.normal(size=(5, 5))),
    "six bits": (DataSpec((2, 3), "binary"), (RNG.random((120, 2, 3)) < 0.2 + 0.5 * SIDES[:, None, None]).astype("u1")),
    "forty bits": (DataSpec((40,), "binary"), (RNG.random((120, 40)) < 0.2 + 0.5 * SIDES[:, None]).astype("u1")),
    "a table": (DataSpec((4,), ("continuous", "binary", "discrete", "continuous"), (None, None, 4, None)), TABLE),
    "short sequences": (DataSpec((4, 1), "discrete", 3), RNG.integers(0, 3, (120, 4, 1))),
    "long sequences": (DataSpec((20, 1), "discrete", 4), RNG.integers(0, 3, (120, 20, 1))),
    "sequences of numbers": (DataSpec((3, 2), "continuous"), RNG.normal(size=(120, 3, 2)).cumsum(axis=1)),
}
NUMBERS = ("a number", "the plane", "five numbers")
CASES = {  # data and settings
    "gaussian": [(name, {}) for name in NUMBERS],
    "gmm": [(name, {"n_components": 2, "covariance": covariance}) for name, covariance in
            [("a number", "spherical"), ("the plane", "tied"), ("five numbers", "full"), ("five numbers", "diagonal")]],
    "kde": [(name, {}) for name in NUMBERS],
    "naive_bayes": [(name, {}) for name in ("the plane", "six bits", "forty bits", "a table", "short sequences")],
    "logistic_regression": [("five numbers", {}), ("a table", {})],
    "hmm": [(name, {"n_components": 2}) for name in ("short sequences", "long sequences", "sequences of numbers")],
    "ppca": [("the plane", {"latent_dim": 1}), ("five numbers", {"latent_dim": 2})],
    "bernoulli_mixture": [("six bits", {"n_components": 3}), ("forty bits", {"n_components": 2})],
}


def test_no_density_model_is_left_out():
    assert set(CASES) == set(models.available()["density"])


@pytest.mark.parametrize("key, name, settings", [(key, *case) for key, cases in CASES.items() for case in cases])
def test_identities(key, name, settings):
    spec, x = DATA[name]
    model = models.create(key, spec, **settings)
    model.fit(x, 0, labels=SIDES) if model.takes.labels else model.fit(x, 0)
    found = {one.name: one for one in identities(model, rng=1, samples=1000)}
    assert not [one for one in found.values() if one.passed is False]
    if model.offers("log_prob"):
        assert found["normalisation"].passed and found["sampler against density"].passed, found


CHAIN = Markov("abc", [[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]], length=6)
TRUTHS = {  # a source, the settings of the model, and how small the gap must be, in nats
    "gaussian": ("linear_factors", {}, 0.03),
    "gmm": ("eight_gaussians", {"n_components": 8, "restarts": 3}, 0.03),
    "kde": ("warped_gaussian", {}, 0.1),
    "naive_bayes": ("bayes_net", {"n_classes": 6, "restarts": 2, "tolerance": 1e-5}, 0.2),
    "hmm": (CHAIN, {"n_components": 3, "restarts": 1, "max_iterations": 60}, 0.05),
    "ppca": ("linear_factors", {"latent_dim": 3, "noise": "diagonal"}, 0.03),
    "bernoulli_mixture": ("bayes_net", {"n_components": 10}, 0.2),
}


@pytest.mark.parametrize("key", TRUTHS)
def test_the_gap_to_a_known_truth_is_small_and_not_negative(key, monkeypatch):
    name, settings, limit = TRUTHS[key]
    source = known.create(name) if isinstance(name, str) else name
    model = models.create(key, source.spec, **settings).fit(source.sample(4000, 0), 0)
    x = source.sample(4000, 1)
    gap = gap_to_truth(source, model, x=x)
    assert -3 * gap.standard_error <= gap.value < limit
    log_prob = type(model).log_prob
    monkeypatch.setattr(type(model), "log_prob", lambda self, x: log_prob(self, x) + math.log(4 / 3))
    too_high = gap_to_truth(source, model, x=x)  # not normalised: it seems to beat the truth
    assert too_high.value < -3 * too_high.standard_error


def test_every_density_is_held_to_a_truth():
    assert set(TRUTHS) == {key for key in CASES if models.model_class(key).offers("log_prob")}
