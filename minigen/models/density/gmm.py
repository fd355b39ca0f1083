"""The mixture of normals, fitted by expectation-maximisation or by gradient ascent.

    p(x) = Σ_k π_k N(x; μ_k, Σ_k)        r_nk = p(k | x_n) = π_k N(x_n; μ_k, Σ_k) / p(x_n)

EM alternates between the responsibilities r and the moments under them:

    N_k = Σ_n r_nk    π_k = N_k / N    μ_k = Σ_n r_nk x_n / N_k    Σ_k = Σ_n r_nk (x_n - μ_k)(x_n - μ_k)ᵀ / N_k

Σ_k is a matrix for each component (full), one for all (tied: Σ_n Σ_k r_nk (x_n - μ_k)(x_n - μ_k)ᵀ / N), or a diagonal
for each, of different variances (diagonal) or of one (spherical). Where values are missing, their mean and
covariance given the component and the observed values stand in for them, which keeps EM exact; r is then p(k | x_o).

Gradient ascent has the same density with π = softmax(logits) and Σ_k = L_k L_kᵀ, where the diagonal of L is positive.
The likelihood of free covariances is unbounded (a component may shrink onto one example), hence their floor.

Bishop, "Pattern Recognition and Machine Learning", 2006, equations 9.23 to 9.27; Dempster, Laird and Rubin, 1977;
missing values: Ghahramani and Jordan, "Supervised learning from incomplete data via an EM approach", 1994, section 3.
"""

from dataclasses import dataclass, replace

import numpy as np

from ... import kernels, ops
from ...arrays import as_generator
from ...arrays.categories import categories, category_of_rows
from ...arrays.checks import non_negative_number, one_of, positive_integer
from ...arrays.columns import constant_columns
from ...autograd import Parameter, Tensor, raw
from ...layers import Buffer
from ..objective import Objective
from ..takes import Takes
from .support.example_rows import as_rows
from .support.gmm_components import (
    EPS,
    TYPES,
    covariance_of,
    factor_of,
    factor_shape,
    floored,
    log_normals,
    scale_of,
    standardising,
)
from .support.gmm_missing import complete, completed_moments
from .support.k_means import k_means
from .support.mixture_model import MixtureModel
from .support.patterns import patterns


@dataclass(frozen=True)
class Config:
    """Components, form of the covariances, their floor, how they are fitted, and when EM stops.

    EM's covariances are the most likely ones without an eigenvalue below `floor`, so that constant columns and
    components with few examples do not become singular; `floor=0` refuses them instead. With `method="gradient"` the
    floor holds for each variance given the columns before. EM runs from `restarts` starting points, each time until
    the log-likelihood rises by less than `tolerance` nats per example, or for `max_iterations`. The run with the
    fewest eigenvalues at the floor is kept, and of these the most likely one: what a shrunken component adds to the
    likelihood says how low the floor is, and nothing about the data.
    """

    n_components: int = 8
    covariance: str = "full"
    method: str = "em"
    floor: float = 1e-6
    restarts: int = 5
    max_iterations: int = 500
    tolerance: float = 1e-6

    def __post_init__(self):
        for name in ("n_components", "restarts", "max_iterations"):
            positive_integer(name, getattr(self, name))
        one_of("covariance", self.covariance, TYPES)
        one_of("method", self.method, ("em", "gradient"))
        non_negative_number("floor", self.floor)
        non_negative_number("tolerance", self.tolerance)


class GaussianMixture(MixtureModel):
    """A mixture of normals for continuous data, with missing values marginalised exactly.

    `weights` has shape `(K,)`, `loc` `(K, D)`, and `covariance` `(K, D, D)` if full, `(D, D)` if tied, `(K, D)` if
    diagonal, `(K,)` if spherical; `assign` sets them. What is stored of a covariance is `factor`, its Cholesky factor
    (or standard deviations) with L_ii² = floor + exp(2·factor_ii). With `method="gradient"` logits, loc and factor are
    Parameters for a training loop, from the start that `initialise` gives or a random one. Raises ValueError for data
    of another kind or conditional data.
    """

    Config = Config
    takes = Takes(kinds=("continuous",), missing=True, mixed=True)
    training = {"epochs": 200, "learning_rate": 1e-2, "schedule": "cosine"}

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        if self.learns_by_gradient:  # objectives take complete examples
            self.takes = replace(self.takes, missing=False)
        k = self.config.n_components
        d = spec.dimensions
        kind = Parameter if self.learns_by_gradient else Buffer
        self.logits = kind(np.zeros(k))
        self.loc = kind(as_generator(rng).standard_normal((k, d)))
        self.factor = kind(np.zeros(factor_shape(self.config.covariance, k, d)))

    @property
    def learns_by_gradient(self):
        """Whether training descends `objectives`: with `method="gradient"`."""
        return self.config.method == "gradient"

    @property
    def covariance(self):
        """Σ, in the shape that its form has."""
        return covariance_of(self._numbers(), self.config.covariance)

    @property
    def matrices(self):
        """The covariances as matrices `(K, D, D)`."""
        k, d = self.loc.shape
        scale = self._numbers()
        squares = scale @ scale.transpose(0, 2, 1) if scale.ndim == 3 else scale[:, :, None] ** 2 * np.eye(d)
        return np.broadcast_to(squares, (k, d, d))

    @property
    def parameter_count(self):
        """K - 1 for the weights, K·D for the means, and those of the covariances."""
        k, d = self.loc.shape
        triangle = d * (d + 1) // 2
        of_covariances = {"full": k * triangle, "tied": triangle, "diagonal": k * d, "spherical": k}
        return k - 1 + k * d + of_covariances[self.config.covariance]

    def assign(self, weights, loc, covariance):
        """Take these parameters, shaped as the attributes are.

        Raises ValueError for weights that are not probabilities, numbers that are not finite, and covariances that are
        not positive definite or have an eigenvalue below the floor.
        """
        weights = np.asarray(weights, np.float64)
        if weights.shape != self.logits.shape or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-6:
            raise ValueError(f"weights: expected {len(self.logits.data)} probabilities that sum to 1, got {weights}")
        loc = np.asarray(loc, np.float64)
        covariance = np.asarray(covariance, np.float64)
        for name, value, like in (("loc", loc, self.loc), ("covariance", covariance, self.factor)):
            if value.shape != like.shape or not np.isfinite(value).all():
                raise ValueError(f"{name}: expected finite numbers of shape {like.shape}, got shape {value.shape}")
        values = np.linalg.eigvalsh(covariance) if self.config.covariance in ("full", "tied") else covariance
        if values.min() <= 0 or values.min() < self.config.floor * (1 - 1e-6):
            raise ValueError(f"covariance: expected positive definite matrices with eigenvalues of at least the floor, "
                             f"{self.config.floor}, got one of {values.min()}")
        self._take(weights, loc, covariance)

    def objectives(self):
        """One: minus the mean log-likelihood."""
        return [Objective("nll", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        """-log p(x), the mean over the examples, in nats."""
        return -self.log_prob(batch.x).mean(), {}

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` by EM from several starting points; yields the metrics of `em_restarts`.

        A component that is responsible for nothing keeps its mean and its covariance, with weight 0. Raises ValueError
        for fewer examples than components, for a column that is observed nowhere, with `floor=0` for a component that
        becomes singular, and with `method="gradient"`.
        """
        if self.learns_by_gradient:
            raise ValueError("gmm: with method='gradient' a training loop fits the model, as training.fit(model, data) "
                             "does; method='em' fits it here")
        yield from super().fit_steps(batch, rng, state)

    def report_pictures(self, dataset, folder):
        """Draw the components, and EM from a start where all are broad, into a run's folder."""
        from .support.gmm_pictures import report_pictures

        report_pictures(self, dataset, folder)

    def e_step(self, data):
        """N_k, Σ_n r_nk E[x_n - μ_k] and Σ_n r_nk E[(x_n - μ_k)(x_n - μ_k)ᵀ], with the floor; the log-likelihood.

        The last sum is `(K, D)`, of squares, for diagonal and spherical covariances.
        """
        rows, centre, observed, least = data
        if observed is not None:
            joint = self._log_joint(rows, observed, centre)  # (n, K)
            r = np.exp(ops.log_softmax(joint, axis=1))
            total = ops.logsumexp(joint, axis=1).sum()
            sums = (r.sum(axis=0), *completed_moments(rows, observed, r, self.loc.data - centre, self._numbers()))
        else:
            total, counts, first, second = kernels.normal_mixture_moments(rows, *self._standardising(centre))
            scale = self._numbers()
            if scale.ndim == 3:  # back from y = L⁻¹ (x - μ)
                sums = counts, (scale @ first[..., None])[..., 0], scale @ second @ scale.transpose(0, 2, 1)
            else:
                sums = counts, scale * first, scale**2 * second
        return (*sums, least), float(total) / len(rows)

    def m_step(self, statistics):
        """Weights, means and covariances of the examples that each component is responsible for."""
        counts, first, second, least = statistics
        form = self.config.covariance
        responsible = counts > np.finfo(np.float64).tiny / EPS  # (K,)
        divisor = np.where(responsible, counts, 1.0)
        shift = np.where(responsible[:, None], first / divisor[:, None], 0.0)
        if second.ndim == 3:
            second = second - counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
        else:
            second = second - counts[:, None] * shift**2
        if form == "tied":
            covariance = second.sum(axis=0) / counts.sum()
        else:
            covariance = second / divisor.reshape(-1, *[1] * (second.ndim - 1))
            covariance = covariance.mean(axis=1) if form == "spherical" else covariance
            covariance[~responsible] = self.covariance[~responsible]  # any is as good for a component without examples
        covariance = floored(covariance, form, least, refuse=self.config.floor == 0)
        self._take(counts / counts.sum(), self.loc.data + shift, covariance)

    def impute(self, x, observed, rng=None):
        """`x` with missing values replaced by their mean given the observed ones, or with `rng` by a sample; float64.

        The mean is that of the whole mixture; a sample comes from a component chosen by its responsibility.
        """
        rows, mask = as_rows(x, self.spec, observed)
        rows = rows.astype(np.float64)
        if mask is None:
            return rows.reshape(np.shape(x))
        r = self.predict_proba(x, observed)  # (n, K)
        samples = None
        if rng is not None:
            rng = as_generator(rng)
            k = category_of_rows(r, rng)
            r = np.eye(r.shape[1])[k]
            samples = self._sample_of(k, rng)
        return complete(rows, mask, r, raw(self.loc), self._numbers(), samples).reshape(np.shape(x))

    def begin(self, deviations, weights, loc, least):
        """Take weights and means, and for all components the covariance of these deviations `(n, D)`.

        No eigenvalue of it is below `least`.
        """
        form = self.config.covariance
        if form in ("full", "tied"):
            within = deviations.T @ deviations / len(deviations)
        else:
            within = (deviations**2).mean(axis=0) if form == "diagonal" else np.mean(deviations**2)
        within = np.broadcast_to(within, self.factor.shape).copy()
        self._take(weights, loc, floored(within, form, least, refuse=self.config.floor == 0))

    def _sample(self, n, rng):
        k = categories(self.weights, n, rng)
        return self._sample_of(k, rng).reshape(n, *self.spec.shape)

    def _sample_of(self, components, rng):
        """A row from each of these components."""
        noise = rng.standard_normal((len(components), self.loc.shape[1]), np.float64)
        scale = self._numbers()
        for k in np.unique(components):
            rows = components == k
            factor = scale[k if len(scale) > 1 else 0]
            noise[rows] = noise[rows] @ factor.T if scale.ndim == 3 else noise[rows] * factor
        return raw(self.loc)[components] + noise

    def _rows(self, x, observed):
        rows, observed = as_rows(x, self.spec, observed)
        if not isinstance(x, Tensor):
            return rows.astype(self.loc.dtype), observed
        rows = x.reshape(rows.shape)
        return rows if observed is None else ops.where(observed, rows, 0.0), observed

    def _log_joint(self, rows, observed, centre=0.0):
        """log p(x, k) `(n, K)` of rows less the `centre`."""
        plain = not (isinstance(rows, Tensor) or self.learns_by_gradient)
        if plain and observed is None:
            middle = self.weights @ self.loc.data  # without which means far from 0 would cost digits
            return kernels.normal_mixture_log_joint(rows - middle, *self._standardising(middle))
        scale = self._numbers() if plain else self._scale()
        loc = (self.loc.data if plain else self.loc) - centre
        log_weights = ops.log_softmax(self.logits.data if plain else self.logits, axis=0)
        if observed is None or scale.ndim == 2:
            return ops.transpose(log_normals(rows, loc, scale, observed)) + log_weights
        log_probs = []  # (K, rows of one pattern)
        row_numbers = []
        for chosen, _ in patterns(observed):
            log_probs.append(log_normals(rows[chosen], loc, scale, observed[chosen[:1]]))
            row_numbers.append(chosen)
        order = np.argsort(np.concatenate(row_numbers))
        return ops.transpose(ops.concatenate(log_probs, axis=1))[order] + log_weights

    def _standardising(self, centre):
        return standardising(ops.log_softmax(self.logits.data), self.loc.data - centre, self._numbers())

    def _prepared(self, rows, observed):
        """Rows less their mean, that mean, the mask, and the least eigenvalue: the floor, but above rounding errors."""
        rows = rows.astype(np.float64)
        counts = len(rows) if observed is None else observed.sum(axis=0)
        centre = rows.sum(axis=0) / counts
        rows = rows - centre if observed is None else np.where(observed, rows - centre, 0.0)
        variance = (rows**2).sum(axis=0) / counts
        if not np.isfinite(variance).all():
            raise ValueError("x: the numbers are too large to have a variance in float64")
        constant = np.flatnonzero(constant_columns(centre, np.sqrt(variance), len(rows)))
        if self.config.floor == 0 and len(constant):
            raise ValueError(f"x: column {constant[0]} (from 0) is constant, which makes covariances singular; a "
                             "floor above 0 gives every direction at least that variance")
        largest = {"diagonal": variance, "spherical": variance.mean()}.get(
            self.config.covariance, len(centre) * variance.max())
        return rows, centre, observed, np.maximum(self.config.floor, 64 * EPS * largest)

    def _start(self, prepared, rng):
        """Take the means of k-means' clusters, and for all components the covariance within clusters."""
        rows, centre, _, least = prepared
        k = self.config.n_components
        spread = rows.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        labels, centres = k_means(rows / spread, k, rng)
        # One more example for each component, so that none starts without weight.
        weights = (np.bincount(labels, minlength=k) + 1) / (len(rows) + k)
        loc = centres * spread
        self.begin(rows - loc[labels], weights, loc + centre, least)

    def _preference(self, prepared):
        """Minus the number of directions in which components have no more than the least variance."""
        *_, least = prepared
        scale = self._numbers()
        values = np.linalg.eigvalsh(scale @ scale.transpose(0, 2, 1)) if scale.ndim == 3 else scale**2
        return -int((values < 1.1 * least).sum())

    def _take(self, weights, loc, covariance):
        with np.errstate(divide="ignore"):
            self.logits.assign(np.log(weights))
        self.loc.assign(loc)
        self.factor.assign(factor_of(covariance, self.config.covariance, self.config.floor))

    def _scale(self):
        """The scale of the components, differentiable by `factor`."""
        return scale_of(self.factor, self.config.covariance, self.config.floor)

    def _numbers(self):
        """The scale as plain numbers."""
        return scale_of(raw(self.factor), self.config.covariance, self.config.floor)
