"""The mixture of products of Bernoullis for binary data, fitted by expectation-maximisation.

    p(x) = Σ_k π_k Π_i θ_ki^x_i (1 - θ_ki)^(1 - x_i)        r_nk = p(k | x_n)

Within a component the columns are independent; the mixture makes them dependent. The M-step counts under the
responsibilities,

    π_k = Σ_n r_nk / N        θ_ki = (Σ_n r_nk x_ni + α) / (Σ_n r_nk + 2α),

with sums over the examples in which column i is observed. The smoothing α > 0 is a prior Beta(1 + α, 1 + α) of each
θ_ki, whose mode is ½: as if each component had seen each column α times as 0 and α times as 1. EM then climbs
log p(x | θ) + log p(θ), and no θ becomes 0 or 1, for which one unseen pixel would make an example impossible. A missing
value drops out of its product, which marginalises it exactly.

Bishop, "Pattern Recognition and Machine Learning", 2006, section 9.3.3 (equations 9.48, 9.56 to 9.60).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ... import kernels, ops, plotting
from ...arrays import as_generator
from ...arrays.categories import categories, category_of_rows
from ...arrays.checks import non_negative_number, one_of, positive_integer, positive_number
from ...autograd import raw
from ...layers import Buffer
from ..takes import Takes
from .support.example_rows import as_rows
from .support.mixture_model import MixtureModel

SHOWN = 100  # components in a picture
BLOCK = 1 << 22  # numbers in memory at a time when examples are scored


@dataclass(frozen=True)
class Config:
    """Components, smoothing α, when EM stops, and the dtype of its matrix products.

    EM runs from `restarts` starting points, each time until log-likelihood + log-prior rises by less than `tolerance`
    nats per example, or for `max_iterations`. The most probable parameters are kept. `precision` "float32" is twice as
    fast as "float64"; examples are always scored in float64.
    """

    n_components: int = 20
    smoothing: float = 0.1
    restarts: int = 1
    max_iterations: int = 200
    tolerance: float = 1e-4
    precision: str = "float32"

    def __post_init__(self):
        for name in ("n_components", "restarts", "max_iterations"):
            positive_integer(name, getattr(self, name))
        positive_number("smoothing", self.smoothing)
        non_negative_number("tolerance", self.tolerance)
        one_of("precision", self.precision, ("float32", "float64"))


class BernoulliMixture(MixtureModel):
    """A mixture of products of Bernoullis for binary data, with missing values marginalised exactly.

    `weights` has shape `(K,)` and `means`, the probabilities θ of a 1, `(K, D)`; what is stored are their logits.
    Raises ValueError for data of another kind or conditional data.
    """

    Config = Config
    takes = Takes(kinds=("binary",), missing=True, mixed=True)

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        k = self.config.n_components
        self.logits = Buffer(np.zeros(k))
        self.mean_logits = Buffer(as_generator(rng).standard_normal((k, spec.dimensions)))

    @property
    def means(self):
        """θ, the probability of a 1 in each column of each component, float64 `(K, D)`."""
        return ops.sigmoid(self.mean_logits.data)

    @property
    def rounding(self):
        """How far rounding may let the objective fall, relative to it."""
        return 1e-6 if self.config.precision == "float32" else 1e-9

    @property
    def parameter_count(self):
        """K - 1 for the weights and K·D for the means."""
        k, d = self.mean_logits.shape
        return k - 1 + k * d

    def assign(self, weights, means):
        """Take these parameters.

        Raises ValueError for weights that are not probabilities, and for means that are not between 0 and 1.
        """
        weights = np.asarray(weights, np.float64)
        means = np.asarray(means, np.float64)
        if weights.shape != self.logits.shape or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
            raise ValueError(f"weights: expected {len(self.logits.data)} probabilities that sum to 1, got {weights}")
        if means.shape != self.mean_logits.shape or not ((means > 0) & (means < 1)).all():
            raise ValueError(f"means: expected numbers between 0 and 1 of shape {self.mean_logits.shape}, got "
                             f"shape {means.shape}")
        self._take(weights, np.log(means) - np.log1p(-means))

    def e_step(self, data):
        """Σ_n r_nk, Σ_n r_nk x_n, and Σ_n r_nk of the examples in which a column is observed; objective's terms."""
        rows, observed = data
        dtype = self.config.precision
        logits, log_zero, constant = self._tables(observed)
        zero = None if observed is None else log_zero.astype(dtype)
        total, counts, ones, present = kernels.bernoulli_mixture_moments(
            rows, logits.astype(dtype), constant.astype(dtype), observed, zero)
        counts = counts.astype(np.float64)
        ones = ones.astype(np.float64)
        present = counts[:, None] if present is None else present.astype(np.float64)
        # log Beta(θ; 1 + α, 1 + α) = α (log θ + log (1 - θ)) - log B(1 + α, 1 + α)
        a = self.config.smoothing
        log_beta = 2 * math.lgamma(1 + a) - math.lgamma(2 + 2 * a)
        prior = a * float((logits + 2 * log_zero).sum()) - logits.size * log_beta
        return (counts, ones, present), float(total) / len(rows), prior / len(rows)

    def m_step(self, statistics):
        """Take the weights and means of the examples that each component is responsible for; without any, means ½."""
        counts, ones, present = statistics
        a = self.config.smoothing
        self._take(counts / counts.sum(), np.log(ones + a) - np.log(np.maximum(present - ones, 0) + a))

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given the observed ones (float64), or with `rng` by a draw."""
        rows, mask = as_rows(x, self.spec, observed)
        if mask is None:
            return np.array(x)
        r = self.predict_proba(x, observed)  # (n, K)
        if rng is None:
            filled = np.where(mask, rows, r @ self.means)
        else:
            rng = as_generator(rng)
            means = self.means[category_of_rows(r, rng)]
            filled = np.where(mask, rows, rng.bernoulli(means, dtype=np.uint8).astype(rows.dtype))
        return filled.reshape(np.shape(x))

    def report_pictures(self, dataset, folder):
        """Where examples are images, draw the means of the heaviest components into a run's folder."""
        shape = self.spec.shape
        d = self.spec.dimensions
        is_image = len(shape) == 3 and shape[2] in (1, 3)
        is_square = d >= 64 and math.isqrt(d) ** 2 == d
        if not is_image and not is_square:
            return
        order = np.argsort(-self.weights, kind="stable")[:SHOWN]
        means = self.means[order].reshape(len(order), *(shape if len(shape) == 3 else (d,)))
        plotting.image_grid(means, Path(folder) / "components.png", title="Means of the components, heaviest first")

    def _sample(self, n, rng):
        means = self.means[categories(self.weights, n, rng)]
        return rng.bernoulli(means, dtype=np.uint8).reshape(n, *self.spec.shape)

    def _log_joint(self, rows, observed):
        """log p(x, k) `(n, K)`, a block of rows at a time."""
        logits, log_zero, constant = self._tables(observed)
        joint = np.empty((len(rows), len(constant)))
        size = max(1, BLOCK // logits.shape[1])
        for start in range(0, len(rows), size):
            block = slice(start, start + size)
            joint[block] = rows[block].astype(np.float64) @ logits.T + constant
            if observed is not None:
                joint[block] += observed[block].astype(np.float64) @ log_zero.T
        return joint

    def _tables(self, observed):
        """log θ - log (1 - θ), log (1 - θ), and log p(x, k) of an example of zeros (with a mask: without values)."""
        logits = self.mean_logits.data  # (K, D)
        log_zero = -ops.softplus(logits)
        constant = ops.log_softmax(self.logits.data)
        if observed is None:
            constant = constant + log_zero.sum(axis=1)
        return logits, log_zero, constant

    def _prepared(self, rows, observed):
        return rows, observed

    def _start(self, prepared, rng):
        """Take for each component an example drawn at random, every pixel half way to the mean of all examples."""
        rows, observed = prepared
        k = len(self.logits.data)
        chosen = rng.permutation(len(rows))[:k]
        ones = rows.sum(axis=0, dtype=np.float64)
        counts = len(rows) if observed is None else observed.sum(axis=0)
        mean = (ones + 1) / (counts + 2)
        examples = rows[chosen] if observed is None else np.where(observed[chosen], rows[chosen], mean)
        means = 0.5 * (examples + mean)
        self._take(np.full(k, 1 / k), np.log(means) - np.log1p(-means))

    def _take(self, weights, mean_logits):
        with np.errstate(divide="ignore"):
            self.logits.assign(np.log(weights))
        self.mean_logits.assign(raw(mean_logits))
