"""The continuous distributions of one variable beside scipy's, with ranges in which both are to agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from minigen import distributions as D


@dataclass(frozen=True)
class Family:
    """How to make a distribution, and scipy's, from parameters; the ranges to draw them from."""

    make: Callable
    oracle: Callable
    ranges: dict

    def parameters(self, shape=(), seed=0):
        """Random parameters, as a list of arrays."""
        random = np.random.default_rng(seed)
        return [self.at(name, random.uniform(size=shape)) for name in self.ranges]

    def at(self, name, u):
        """The parameter that is a fraction u through its range: in its logarithm where the range is of ends above 0."""
        low, high = self.ranges[name]
        return np.exp(np.log(low) + u * np.log(high / low)) if low > 0 else low + u * (high - low)


def _truncated(loc, scale, low, width):
    return stats.truncnorm((low - loc) / scale, (low + width - loc) / scale, loc, scale)


LOC, SCALE, SHAPE = (-3.0, 3.0), (0.1, 8.0), (0.05, 400.0)
FAMILIES = {
    "Normal": Family(D.Normal, stats.norm, {"loc": LOC, "scale": SCALE}),
    "Uniform": Family(lambda low, width, **k: D.Uniform(low, low + width, **k), stats.uniform,
                      {"low": LOC, "width": SCALE}),
    "Beta": Family(D.Beta, stats.beta, {"concentration1": SHAPE, "concentration0": SHAPE}),
    "Gamma": Family(D.Gamma, lambda a, b: stats.gamma(a, scale=1 / b), {"concentration": SHAPE, "rate": SCALE}),
    "Laplace": Family(D.Laplace, stats.laplace, {"loc": LOC, "scale": SCALE}),
    "StudentT": Family(D.StudentT, stats.t, {"df": (0.5, 1e4), "loc": LOC, "scale": SCALE}),
    "Logistic": Family(D.Logistic, stats.logistic, {"loc": LOC, "scale": SCALE}),
    "LogNormal": Family(D.LogNormal, lambda loc, scale: stats.lognorm(scale, scale=np.exp(loc)),
                        {"loc": LOC, "scale": (0.1, 2.0)}),
    "VonMises": Family(D.VonMises, lambda loc, k: stats.vonmises(k, loc), {"loc": LOC, "concentration": (0.01, 1e3)}),
    "TruncatedNormal": Family(lambda loc, scale, low, width, **k: D.TruncatedNormal(loc, scale, low, low + width, **k),
                              _truncated, {"loc": LOC, "scale": (0.7, 3.0), "low": (-3.5, 0.0), "width": (1.0, 5.0)}),
}
