"""Mixtures of normals for tests: data of three clusters, models with drawn parameters, and their densities by peers."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen import DataSpec, models
from minigen.models.density.support.gmm_components import TYPES

SKLEARN = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}
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


def sklearn_mixture(weights, loc, covariance, form, **settings):
    """scikit-learn's mixture that starts from these parameters."""
    mixture = pytest.importorskip("sklearn.mixture")
    inverse = 1 / covariance if form in ("diagonal", "spherical") else np.linalg.inv(covariance)
    return mixture.GaussianMixture(len(weights), covariance_type=SKLEARN[form], weights_init=weights, means_init=loc,
                                   precisions_init=inverse, reg_covar=0, **settings)


def sklearn_at(weights, loc, covariance, form):
    """scikit-learn's mixture that has these parameters."""
    peer = sklearn_mixture(weights, loc, covariance, form)
    peer._initialize_parameters = lambda *_, **__: None
    peer._initialize(X, np.full((len(X), len(weights)), 1 / len(weights)))
    peer.means_, peer.weights_ = loc, weights
    return peer


def by_scipy(x, weights, loc, matrices, observed=None):
    """log p(x, k) of the observed columns."""
    o = np.ones(loc.shape[1], bool) if observed is None else observed
    if not o.any():
        return np.tile(np.log(weights), (len(x), 1))
    return np.stack([math.log(w) + multivariate_normal(m[o], c[np.ix_(o, o)]).logpdf(x[:, o]).reshape(len(x))
                     for w, m, c in zip(weights, loc, matrices, strict=True)], axis=1)
