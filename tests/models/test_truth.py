"""No model's density beats the truth: on known sources KL(data ‖ model) is not below 0.

KL(data ‖ model) >= 0 for every density that integrates to 1, and for every lower bound on one. A model whose average
log-density on fresh data exceeds the source's is therefore not normalised: it sees what it predicts, a mixture's
weights do not sum to 1, a constant is missing. Every registered model with a likelihood is fitted to a small source and
held to this, and then to it again with a fault planted, which the check has to see.
"""

import copy
import functools
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

from minigen import known, models, ops, training
from minigen.evaluation import gap_to_truth
from minigen.known.ising import Ising
from minigen.known.linear_factors import LinearFactors
from minigen.layers import degree_mask

FRESH = 20_000  # examples that the gap is measured on, none of which the model has seen


def facts():
    """Eight dependent binary variables."""
    return known.create("bayes_net")


def numbers():
    """Three correlated real numbers, jointly normal."""
    return LinearFactors(np.array([[1.0], [-0.5], [2.0]]), np.array([1.0, 0.0, -1.0]), np.array([0.5, 0.4, 0.3]))


def points():
    """Points in the plane."""
    return known.create("eight_gaussians")


def image(rows=4, columns=4, beta=0.4):
    """A small black-and-white image."""
    return Ising(rows, columns, beta=beta, field=0.1, periodic=False)


@dataclass(frozen=True)
class Case:
    """A source, settings of the model and of its training, and the gap in nats below which the fit has to come."""

    source: callable
    config: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    closes: float = 0.1
    n_train: int = 5000


ROWS = {"epochs": 10, "learning_rate": 0.01}
IMAGES = {"epochs": 3, "learning_rate": 0.01, "batch_size": 100, "ema": 0.9}
CASES = {
    "bernoulli_mixture": Case(facts, {"n_components": 8, "restarts": 1}),
    "naive_bayes": Case(facts, {"n_classes": 8, "restarts": 1}),
    "gaussian": Case(numbers, closes=0.01),
    "ppca": Case(numbers, {"latent_dim": 1, "noise": "diagonal"}, closes=0.01),
    "gmm": Case(points, {"n_components": 8}, closes=0.02),
    "kde": Case(points, {"bandwidth": 0.1}),
    "hmm": Case(lambda: image(8, 1, beta=0.8), {"n_components": 2, "restarts": 3}, n_train=2000),
    "fvsbn": Case(facts, {}, ROWS | {"learning_rate": 0.05}),
    "made": Case(facts, {"hidden": (64,)}, ROWS),
    "nade": Case(facts, {"hidden": 32}, ROWS | {"learning_rate": 0.02}),
    "rnade": Case(numbers, {"hidden": 16, "components": 2}, ROWS),
    "pixel_cnn": Case(image, {"channels": 16, "blocks": 1, "first_size": 3}, IMAGES),
    "gated_pixel_cnn": Case(image, {"channels": 8, "layers": 2, "first_size": 3, "skip_channels": 16}, IMAGES),
    "pixel_cnn_pp": Case(image, {"channels": 8, "blocks": 1, "scales": 1, "components": 1, "dropout": 0.0}, IMAGES),
    "multiscale_pixel_cnn": Case(lambda: image(6, 6), {"scales": 2, "channels": 8, "layers": 1, "group_channels": 16,
                                                       "blocks": 1, "components": 2}, IMAGES),
    # of the bound, which has a gap to log p(x) too
    "vae": Case(facts, {"hidden": (32,), "latent_dim": 4, "dropout": 0.0}, ROWS | {"weight_decay": 0.0}, closes=0.25),
}


def fit(key):
    """The source of a case, and a model fitted to it."""
    case = CASES[key]
    source = case.source()
    model = models.create(key, source.spec, rng=0, **case.config)
    data = source.dataset(seed=1, n_train=case.n_train, n_validation=100, n_test=1)
    training.fit(model, data, seed=0, **case.train)
    return source, model


fitted = functools.cache(fit)


def gap_of(source, model):
    return gap_to_truth(source, model, FRESH, rng=2, k=20)


def beats_the_truth(gap):
    return gap.value < -3 * gap.standard_error


def test_every_model_with_a_likelihood_is_held_to_the_truth():
    keys = [key for family in models.available().values() for key in family]
    likelihoods = [key for key in keys if models.model_class(key).offers("log_prob")
                   or models.model_class(key).offers("iwae_bound")]
    assert set(CASES) == set(FAULTS) == set(likelihoods)


@pytest.mark.parametrize("key", CASES)
def test_no_model_beats_the_truth(key):
    gap = gap_of(*fitted(key))
    assert not beats_the_truth(gap), str(gap)
    # so near that a density with exp(closes) times too much mass would have been seen
    assert gap.value + 3 * gap.standard_error < CASES[key].closes, str(gap)


class Ops:
    """`minigen.ops` with some functions replaced."""

    def __init__(self, **replaced):
        self.replaced = replaced

    def __getattr__(self, name):
        return self.replaced[name] if name in self.replaced else getattr(ops, name)


def module_of(key):
    return sys.modules[models.model_class(key).__module__]


def support(key, name):
    """A module of the family's support folder."""
    package = module_of(key).__package__
    return sys.modules[f"{package}.support.{name}"]


def divided_by_the_largest(logits, axis=-1):
    """log weights that do not sum to 1: the logits less their maximum in place of their log-sum-exp."""
    return logits - logits.max(axis=axis, keepdims=True)


def sees_itself(replaced):
    """Replace what masks the network, so that the parameters of a variable depend on the variable itself."""
    def plant(key, monkeypatch):
        for name, function in replaced(module_of(key)).items():
            monkeypatch.setattr(module_of(key), name, function)
    return plant


def with_centre(convolution):
    """Masked convolutions of kind "A" (without the pixel itself) made of kind "B" (with it)."""
    return lambda *arguments, **named: convolution(*("B" if argument == "A" else argument for argument in arguments),
                                                   **named)


def shifted(convolution):
    """The convolution of the pixels on the left, moved so that it takes in the pixel itself."""
    def make(inputs, outputs, taps, rng, **named):
        taps = [(-1, -1), (0, 0)] if taps == [(-1, -1), (0, -1)] else taps
        return convolution(inputs, outputs, taps, rng, **named)
    return make


def one_ahead(table, start, v, b, x, levels):
    """NADE's logits with each variable in the sum before itself, in place of the first one."""
    rolled = ops.concatenate([table[1:], table[:1]], axis=0)
    return ops.nade_logits(rolled, start, v, b, np.roll(x, -1, axis=1), levels)


def no_strictness(before, after, strict=False):
    """Masks by degree in which a variable's outputs may depend on the variable."""
    return degree_mask(before, after)


# Planted before a model is built and trained: it then learns to use what it should not see.
BEFORE = {
    "fvsbn": sees_itself(lambda module: {"degree_mask": no_strictness}),
    "made": sees_itself(lambda module: {"degree_mask": no_strictness}),
    "nade": sees_itself(lambda module: {"ops": Ops(nade_logits=one_ahead)}),
    "rnade": sees_itself(lambda module: {"ops": Ops(cumsum=lambda x, axis: ops.cumsum(x, axis) + x)}),
    "pixel_cnn": sees_itself(lambda module: {"MaskedConv2d": with_centre(module.MaskedConv2d)}),
    "gated_pixel_cnn": sees_itself(lambda module: {"ColourConv": with_centre(module.ColourConv)}),
    "pixel_cnn_pp": sees_itself(lambda module: {"Conv": shifted(module.Conv)}),
}


def weights_that_do_not_sum_to_1(model, monkeypatch):
    name = {"GaussianMixture": "gmm", "BernoulliMixture": "bernoulli_mixture"}[type(model).__name__]
    monkeypatch.setattr(module_of(name), "ops", Ops(log_softmax=divided_by_the_largest))


def no_two_pi(key, *where):
    def plant(model, monkeypatch):
        monkeypatch.setattr(support(key, *where) if where else module_of(key), "LOG_2PI", 0.0)
    return plant


def classes_that_do_not_sum_to_1(model, monkeypatch):
    model.class_log_prior.assign(model.class_log_prior.data - model.class_log_prior.data.max())


def transitions_that_do_not_sum_to_1(model, monkeypatch):
    model.transition.assign(model.transition.data / model.transition.data.max(axis=1, keepdims=True))


def volume_of_one_dimension_less(model, monkeypatch):
    right = module_of("kde").log_normaliser
    monkeypatch.setattr(module_of("kde"), "log_normaliser", lambda kernel, d: right(kernel, d - 1))


def a_group_left_out(model, monkeypatch):
    groups = type(model)._groups
    monkeypatch.setattr(type(model), "_groups", lambda self, x: list(groups(self, x))[:-1])


class Flat:
    def log_prob(self, z):
        return 0.0


def no_prior(model, monkeypatch):
    monkeypatch.setattr(type(model), "prior", Flat())


# Planted in a model that is already fitted.
AFTER = {
    "bernoulli_mixture": weights_that_do_not_sum_to_1,
    "gmm": weights_that_do_not_sum_to_1,
    "naive_bayes": classes_that_do_not_sum_to_1,
    "gaussian": no_two_pi("gaussian"),
    "ppca": no_two_pi("ppca", "linear_gaussian"),
    "kde": volume_of_one_dimension_less,
    "hmm": transitions_that_do_not_sum_to_1,
    "multiscale_pixel_cnn": a_group_left_out,
    "vae": no_prior,
}
FAULTS = BEFORE | AFTER


@pytest.mark.parametrize("key", FAULTS)
def test_planted_faults_beat_the_truth(key, monkeypatch):
    if key in BEFORE:
        BEFORE[key](key, monkeypatch)
        source, model = fit(key)
    else:
        source, model = copy.deepcopy(fitted(key))
        AFTER[key](model, monkeypatch)
    gap = gap_of(source, model)
    assert beats_the_truth(gap), str(gap)
