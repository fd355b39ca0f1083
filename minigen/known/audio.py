"""Sound as a linear-Gaussian autoregression: noise through resonances.

    x_t = a₁ x_{t-1} + … + a_p x_{t-p} + σ e_t,    e_t ~ N(0, 1),

started in its stationary distribution. The autocovariances γ solve the Yule-Walker equations γ_j - Σ_i a_i γ_{|j-i|} =
σ² [j = 0]; the first p samples are N(0, Γ) with Γ_ij = γ_{|i-j|}, and each later sample is Gaussian given the p before
it. Entropy: ½ log det 2πe Γ + (T - p) ½ log 2πe σ². Source: Hamilton, "Time Series Analysis" (1994), chapters 3 and 5.
"""

import math

import numpy as np

from ..arrays.checks import positive_integer, positive_number
from ..arrays.constants import LOG_2PI
from ..protocols import DataSpec
from .common import check_array
from .source import Source


class AutoRegression(Source):
    """Windows of `length` samples of a stationary autoregression, shape `(length, 1)`.

    `coefficients` are a₁ … a_p, `scale` is σ. Raises TypeError or ValueError for a scale that is not above 0 and for
    coefficients of a process that is not stationary: 1 - Σ a_i z^i must have its roots outside the unit circle.
    """

    name = "autoregression"

    def __init__(self, coefficients, scale: float = 1.0, length: int = 256):
        self.coefficients, self.scale = check_array("coefficients", coefficients, 1), positive_number("scale", scale)
        self.length, self.order = positive_integer("length", length), len(self.coefficients)
        poles = np.roots(np.concatenate([[1.0], -self.coefficients]))
        if len(poles) and np.abs(poles).max() >= 1:
            raise ValueError(f"coefficients: expected those of a stationary process, got a pole of size "
                             f"{np.abs(poles).max():.4g}")
        self.spec = DataSpec((self.length, 1), "continuous")
        first = min(self.order, self.length)
        lags = np.abs(np.subtract.outer(np.arange(first), np.arange(first)))
        self._cholesky = np.linalg.cholesky(self.autocovariance()[lags])

    def autocovariance(self) -> np.ndarray:
        """γ₀ … γ_p."""
        p = self.order
        equations = np.eye(p + 1)
        for j in range(p + 1):
            for i, a in enumerate(self.coefficients, 1):
                equations[j, abs(j - i)] -= a
        return np.linalg.solve(equations, self.scale**2 * (np.arange(p + 1) == 0))

    def _log_prob(self, x):
        x, first = x[:, :, 0], len(self._cholesky)
        start = np.linalg.solve(self._cholesky, x[:, :first].T)
        rest = x[:, first:].copy()
        for i, a in enumerate(self.coefficients, 1):
            rest -= a * x[:, first - i : self.length - i] if self.length > first else 0.0
        squares = (start * start).sum(axis=0) + (rest * rest).sum(axis=1) / self.scale**2
        return -0.5 * squares - self._entropy() + 0.5 * self.length

    def _entropy(self):
        first = len(self._cholesky)
        log_det = np.log(np.diag(self._cholesky)).sum() + (self.length - first) * math.log(self.scale)
        return 0.5 * self.length * (1 + LOG_2PI) + log_det

    def _sample(self, n, rng):
        noise, first = rng.standard_normal((n, self.length)), len(self._cholesky)
        x = np.concatenate([noise[:, :first] @ self._cholesky.T, self.scale * noise[:, first:]], axis=1)
        backwards = self.coefficients[::-1]
        for t in range(first, self.length):
            x[:, t] += x[:, t - first : t] @ backwards
        return x[:, :, None], None


class Audio(AutoRegression):
    """The sound of a whispered vowel: white noise through resonances.

    It is scaled to variance 1. `resonances` are pairs (frequency, bandwidth) in hertz at `sample_rate` samples a
    second; each gives a pair of poles exp(-π bandwidth / rate ± 2πi frequency / rate). Source of the poles: Rabiner and
    Schafer, "Digital Processing of Speech Signals" (1978), section 3.2. Raises TypeError or ValueError unless 0 <
    frequency < sample_rate / 2 and bandwidth > 0.
    """

    name = "audio"

    def __init__(self, resonances=((700.0, 130.0), (1220.0, 90.0), (2600.0, 160.0)), sample_rate=8000.0, length=256):
        self.sample_rate = positive_number("sample_rate", sample_rate)
        pairs = check_array("resonances", resonances, 2)
        if pairs.shape[1] != 2 or not (pairs > 0).all() or not (pairs[:, 0] < self.sample_rate / 2).all():
            raise ValueError(f"resonances: expected pairs of a frequency between 0 and {self.sample_rate / 2} and a "
                             f"bandwidth above 0, got {resonances}")
        poles = np.exp(np.pi * (2j * pairs[:, 0] - pairs[:, 1]) / self.sample_rate)
        coefficients = -np.poly(np.concatenate([poles, poles.conj()])).real[1:]
        power = AutoRegression(coefficients, 1.0, 1).autocovariance()[0]
        super().__init__(coefficients, float(1 / np.sqrt(power)), length)
