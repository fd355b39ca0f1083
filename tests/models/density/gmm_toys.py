"""Mixtures of normals for tests: data of three clusters, and models with drawn parameters."""

import numpy as np
import pytest

from minigen import DataSpec, models
from minigen.models.density.support.gmm_components import TYPES

FORMS = pytest.mark.parametrize("form", TYPES)
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.standard_normal((50, 3)) @ RNG.standard_normal((3, 3)) + 3 * RNG.standard_normal(3)
                    for _ in range(3)])


def mixture(k, d, form="full", **config):
    """A model that is not fitted."""
    return models.create("gmm", DataSpec((d,), "continuous"), n_components=k, covariance=form, **config)


def parameters(seed, k, d, form):
    """Weights, means and covariances in the form's shape, and as matrices."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((k, d, d)) + 1.5 * np.eye(d)
    full = a @ a.transpose(0, 2, 1) + 0.05 * np.eye(d)
    weights, loc = rng.dirichlet(np.full(k, 3.0)), 2 * rng.standard_normal((k, d))
    diagonal = np.diagonal(full, axis1=1, axis2=2)
    covariance = {"full": full, "tied": full[0], "diagonal": diagonal, "spherical": diagonal[:, 0]}[form]
    matrices = {"full": full, "tied": np.broadcast_to(full[0], full.shape),
                "diagonal": diagonal[:, :, None] * np.eye(d), "spherical": diagonal[:, :1, None] * np.eye(d)}[form]
    return weights, loc, covariance.copy(), matrices


def assigned(seed, k, d, form, **config):
    """A model with drawn parameters, and these: weights, means, covariances as matrices."""
    weights, loc, covariance, matrices = parameters(seed, k, d, form)
    model = mixture(k, d, form, **config)
    model.assign(weights, loc, covariance)
    return model, weights, loc, matrices


def holes(x, seed=1, fraction=0.3):
    """NaN in about so many places, and where there is none."""
    observed = np.random.default_rng(seed).random(x.shape) > fraction
    return np.where(observed, x, np.nan), observed
