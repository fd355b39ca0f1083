"""Data and models for runs of models that fit themselves: every way in which one does, and two that are small."""

import dataclasses

import numpy as np
import pytest

import minigen
from minigen import DataSpec, models
from minigen.autograd import Parameter
from minigen.data import Dataset
from minigen.layers import Buffer
from minigen.models import Objective, Takes
from minigen.models.density.support.estimator import Estimator

RNG = np.random.default_rng(0)
MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 2.0]])
SPLITS = ("train", "validation", "test")


def dataset(missing=True, rows=(60, 20, 20), **more):
    parts = {split: RNG.standard_normal((n, 3)) @ MIX for split, n in zip(SPLITS, rows, strict=True)}
    observed = {split: np.random.default_rng(1).random(x.shape) > 0.3 for split, x in parts.items()}
    if missing:
        parts = {split: np.where(observed[split], x, 0.0) for split, x in parts.items()}
    return Dataset("holes", DataSpec((3,), "continuous"), **parts, observed=observed if missing else None, **more)


DATA, WHOLE = dataset(), dataset(missing=False)


def gaussian(**config):
    return models.create("gaussian", DATA.spec, **config)


def labelled_table(labels):
    """A table of numbers, a flag and levels from two classes, with labels of which a share is missing."""
    rng = np.random.default_rng(3)
    spec = DataSpec((3,), ("continuous", "binary", "discrete"), (None, None, 3))
    parts, classes = {}, {}
    for split in SPLITS:
        y = rng.integers(0, 2, 40)
        parts[split] = np.stack([rng.normal(2 * y), rng.random(40) < 0.3 + 0.4 * y, rng.integers(0, 2, 40) + y], axis=1)
        classes[split] = np.where(rng.random(40) < labels, y, -1)
    return Dataset("table", spec, **parts, labels=classes)


def plain(spec, draw):
    return Dataset("plain", spec, **{split: draw(n) for split, n in zip(SPLITS, (60, 20, 20), strict=True)})


BITS = plain(DataSpec((5,), "binary"), lambda n: (RNG.random((n, 5)) < RNG.choice([0.2, 0.8], (n, 1))).astype(np.uint8))
SEQUENCES = plain(DataSpec((6, 1), "discrete", 3), lambda n: RNG.integers(0, 3, (n, 6, 1)))
CASES = {  # every way in which a model fits itself: the model, its data, its settings
    "gaussian": ("gaussian", WHOLE, {}),
    "gaussian, holes": ("gaussian", DATA, {}),
    "gmm": ("gmm", WHOLE, {"n_components": 2, "restarts": 2, "max_iterations": 6}),
    "gmm, holes": ("gmm", DATA, {"n_components": 2, "restarts": 2, "max_iterations": 3, "covariance": "diagonal"}),
    "bernoulli_mixture": ("bernoulli_mixture", BITS, {"n_components": 3, "restarts": 3, "max_iterations": 4}),
    "hmm": ("hmm", SEQUENCES, {"n_components": 2, "restarts": 2, "max_iterations": 5}),
    "hmm, numbers": ("hmm", DATA, {"n_components": 2, "restarts": 2, "max_iterations": 4}),
    "naive_bayes": ("naive_bayes", labelled_table(1.0), {}),
    "naive_bayes, labels missing": ("naive_bayes", labelled_table(0.6), {"max_iterations": 6}),
    "naive_bayes, no labels": ("naive_bayes", labelled_table(0.0), {"restarts": 3, "max_iterations": 3}),
    "ppca": ("ppca", WHOLE, {"latent_dim": 1}),
    "ppca, holes": ("ppca", DATA, {"latent_dim": 2, "max_iterations": 8}),
    "factor analysis": ("ppca", WHOLE, {"latent_dim": 1, "noise": "diagonal", "max_iterations": 8}),
    "kde": ("kde", WHOLE, {"bandwidth": "cross_validation", "candidates": (0.1, 0.3, 0.5, 0.9), "folds": 3}),
    "kde, a rule": ("kde", WHOLE, {}),
    "logistic_regression": ("logistic_regression", labelled_table(0.9), {}),
    "a multilayer perceptron": ("logistic_regression", labelled_table(0.9), {"hidden": (3,), "max_iterations": 12}),
}
EACH_CASE = pytest.mark.parametrize("case", CASES)


def model_of(case):
    key, data, settings = CASES[case]
    return models.create(key, data.spec, **settings), data


@dataclasses.dataclass(frozen=True)
class CountsConfig:
    gradient: bool = False


class Counts(Estimator):
    """Class frequencies, and what `fit_steps` was given; it can also descend an objective."""

    Config = CountsConfig
    takes = Takes(labels="required")

    def __init__(self, spec, config=None):
        super().__init__(spec, config)
        self.logits = Parameter(np.zeros(3)) if self.config.gradient else Buffer(np.zeros(3))

    @property
    def learns_by_gradient(self):
        return self.config.gradient

    def fit_steps(self, batch, rng, state=None):
        self.given = batch
        yield {"iteration": np.int64(0), "log_likelihood": np.float32(-1.0), "good": np.bool_(True)}
        self.logits.assign(np.log(np.bincount(batch.labels, minlength=3) / len(batch)))

    def predict_log_proba(self, x, observed=None):
        return np.broadcast_to(self.logits.data - np.log(np.exp(self.logits.data).sum()), (len(x), 3))

    def objectives(self):
        return [Objective("classes", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        assert (batch.x[:, 0] == batch.labels).all()
        log_proba = self.logits - minigen.ops.logsumexp(self.logits)
        return -log_proba[batch.labels].mean(), {}


def labelled():
    labels = {split: np.random.default_rng(2).choice(3, len(getattr(WHOLE, split)), p=[0.5, 0.3, 0.2])
              for split in SPLITS}
    parts = {split: np.column_stack([labels[split]] * 3).astype(np.float64) for split in SPLITS}
    return Dataset("classes", WHOLE.spec, **parts, labels=labels)


class Anything(Estimator):
    """A model whose state has one value of each type."""

    STATE = {"number": 1.5, "count": np.int64(7), "infinite": -np.inf, "nan": np.nan, "yes": True, "nothing": None,
             "word": "inf", "list": [1, [2.5, np.inf], "a", None, False], "array": np.arange(3.0),
             "bits": np.eye(2) > 0}

    def __init__(self, spec, config=None):
        super().__init__(spec, config)
        self.resumed = None

    def fit_steps(self, batch, rng, state=None):
        if state:
            self.resumed = dict(state)
            return
        state.update(self.STATE)
        yield {}

    def log_prob(self, x, condition=None):
        return np.zeros(len(x))
