"""Hidden Markov models with drawn parameters, and the sum over all their paths of states, by definition."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen import DataSpec, models

KINDS = ["categorical", "channels", "diagonal", "full"]
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def model_of(kind, steps=4, states=3, seed=0, **config):
    """A model with drawn parameters: one channel of 3 levels, two of 3, or two that are normal."""
    random = np.random.default_rng(seed)
    if kind in ("categorical", "channels"):
        spec = DataSpec((steps, 1 if kind == "categorical" else 2), "discrete", 3)
    else:
        spec, config = DataSpec((steps, 2), "continuous"), {"covariance": kind, **config}
    model = models.create("hmm", spec, n_components=states, **config)
    model.initial.assign(random.dirichlet(np.ones(states)))
    model.transition.assign(random.dirichlet(np.ones(states), states))
    if spec.kind == "discrete":
        model.emission.probabilities.assign(random.dirichlet(np.ones(3), (states, spec.shape[1])))
    else:
        model.emission.loc.assign(2 * random.standard_normal((states, 2)))
        factor = random.standard_normal((states, 2, 2))
        covariance = factor @ factor.swapaxes(1, 2) + 0.2 * np.eye(2)
        model.emission.covariance.assign(covariance if kind == "full" else random.uniform(0.2, 2, (states, 2)))
    return model


def normal_of(model, s):
    """Mean and covariance matrix of a state."""
    covariance = model.emission.covariance.data[s]
    return model.emission.loc.data[s], covariance if covariance.ndim == 2 else np.diag(covariance)


def log_emission(model, frame, observed, s):
    """log p(x_t | z_t = s) of the observed values, by definition."""
    if model.spec.kind != "continuous":
        table = model.emission.probabilities.data[s]
        return sum(np.log(table[d, int(frame[d])]) for d in np.flatnonzero(observed))
    loc, covariance = normal_of(model, s)
    o = observed
    return multivariate_normal(loc[o], covariance[np.ix_(o, o)]).logpdf(frame[o]) if o.any() else 0.0


def by_paths(model, x, observed):
    """All paths of states for one sequence, and log p(x, path)."""
    initial, transition = model.initial.data, model.transition.data
    paths = np.array(list(itertools.product(range(len(initial)), repeat=len(x))))
    table = np.array([[log_emission(model, frame, o, s) for s in range(len(initial))]
                      for frame, o in zip(x, observed, strict=True)])
    joint = np.log(initial[paths[:, 0]]) + table[np.arange(len(x)), paths].sum(axis=1)
    return paths, joint + np.log(transition[paths[:, :-1], paths[:, 1:]]).sum(axis=1)


def draw(model, n, share=0.0, seed=1):
    """Sequences of the model and a mask without a share of the values."""
    x, random = model.sample(n, seed), np.random.default_rng(seed)
    return x, random.random(x.shape) >= share


def prepared(model, x, observed):
    """What the model's `e_step` takes."""
    return (x.astype(np.float64 if model.spec.kind == "continuous" else np.int64),
            None if observed.all() else observed)
