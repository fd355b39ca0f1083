"""Pictures of a mixture of normals and of how EM finds one, in the plane of the first two principal components."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from .... import plotting
from ....arrays import as_generator
from ....inference import em_steps
from .k_means import k_means_seeds

EXAMPLES = 2000  # of the film, on which EM runs once more
ITERATIONS = 200  # of that run, at most


def report_pictures(model, dataset, folder):
    """Draw a GaussianMixture and EM from broad components, on the training examples.

    Writes `components.png` and, for several dimensions and components, `em.gif`. Missing values are imputed.
    """
    x = np.asarray(dataset.train)
    observed = None if dataset.observed is None else dataset.observed["train"]
    x = np.asarray(x if observed is None else model.impute(x, observed), np.float64)
    folder = Path(folder)
    k = len(model.weights)
    title = f"Mixture of {k} normals, {model.config.covariance} covariance"
    if model.spec.dimensions == 1:
        loc = model.loc.data.reshape(-1)
        variance = model.matrices.reshape(-1)
        plotting.mixture_density(x.reshape(-1), model.weights, loc, variance, folder / "components.png", title=title)
        return
    plane = _Plane(x.reshape(len(x), -1))
    plotting.mixture_picture(*plane.scene(model, x).values(), folder / "components.png", title, plane.names)
    some = x[:: math.ceil(len(x) / EXAMPLES)]
    if not 1 < k <= len(some):
        return
    scenes = _em_scenes(model, some, plane)
    reference = (model.score(some), "the fitted mixture")
    points = scenes[0].pop("x")
    plotting.em_film(points, scenes, folder / "em.gif", f"EM, {k} components", plane.names, reference)


class _Plane:
    """Coordinates of rows `(n, D)`: themselves in two dimensions, else along their first two principal axes."""

    def __init__(self, rows):
        self.centre = np.zeros(rows.shape[1])
        self.axes = np.eye(rows.shape[1])  # (D, 2)
        self.names = ("x₁", "x₂")
        if rows.shape[1] > 2:
            self.centre = rows.mean(axis=0)
            values, vectors = np.linalg.eigh(np.cov(rows.T, ddof=0))
            order = np.argsort(values)[::-1][:2]
            self.axes = vectors[:, order] * np.where(vectors[:, order].sum(axis=0) < 0, -1, 1)
            shares = values[order] / max(values.sum(), np.finfo(np.float64).tiny)
            self.names = tuple(f"principal component {i + 1} ({share:.0%} of the variance)"
                               for i, share in enumerate(shares))

    def scene(self, model, x):
        """The examples and the model's components as `plotting.mixture_picture` takes them, in its order."""
        rows = x.reshape(len(x), -1)
        return {
            "x": (rows - self.centre) @ self.axes, "responsibilities": model.predict_proba(x),
            "weights": model.weights, "loc": (model.loc.data - self.centre) @ self.axes,
            "covariance": self.axes.T @ model.matrices @ self.axes,
        }


def _em_scenes(model, x, plane):
    """The scene at each iteration of EM, from k-means++ seeds and the covariance of all examples for each component."""
    config = replace(model.config, method="em", floor=max(model.config.floor, 1e-9))
    learner = type(model)(model.spec, config)
    rows = x.reshape(len(x), -1)
    spread = rows.std(axis=0)
    k = config.n_components
    seeds = k_means_seeds(rows / np.where(spread > 0, spread, 1), k, as_generator(0))
    prepared = learner.prepare(x)
    centred, _, _, least = prepared
    learner.begin(centred, np.full(k, 1 / k), rows[seeds], least)
    scenes = []
    for metrics in em_steps(learner, prepared, ITERATIONS, 1e-5):
        scenes.append({"log_likelihood": metrics["log_likelihood"], **plane.scene(learner, x)})
    return scenes
