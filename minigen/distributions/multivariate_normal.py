"""The multivariate normal distribution with a full covariance, by its Cholesky factor."""

import math

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator
from ..arrays.constants import LOG_2PI
from ..autograd import raw, xp_of
from .distribution import Distribution
from .kl import register_kl
from .normal import Normal
from .shapes import as_float, common_dtype, full, parameter, sample_shape


class MultivariateNormal(Distribution):
    """Normal distribution over vectors of d elements, with mean `loc` and covariance Σ, given in one of three ways.

    `covariance` Σ, `scale_tril` L (lower triangular with positive diagonal, Σ = L Lᵀ) or `precision` Σ⁻¹: exactly one
    is given, of shape `(..., d, d)`; `loc` has shape `(..., d)`, and the leading axes broadcast to `batch_shape`.

        log p(x) = -½ |z|² - Σ log L_ii - ½ d log 2π,   L z = x - loc

    (Bishop, Pattern Recognition and Machine Learning, section 2.3.) An empty vector, d = 0, has log p = 0. Raises
    ValueError for a covariance or precision that is not finite, symmetric and positive definite to working precision,
    for another kind of factor, and for shapes that do not fit. Values on a GPU are not checked, since reading them
    would wait for it. A diagonal Σ is `Normal(loc, scale, event_ndim=1)`.
    """

    def __init__(self, loc, covariance=None, *, scale_tril=None, precision=None):
        matrices = {"covariance": covariance, "scale_tril": scale_tril, "precision": precision}
        matrices = {name: matrix for name, matrix in matrices.items() if matrix is not None}
        if len(matrices) != 1:
            raise TypeError("MultivariateNormal: expected exactly one of covariance, scale_tril and precision, got "
                            f"{' and '.join(matrices) or 'none'}")
        (name, matrix), = matrices.items()
        self.loc, matrix = parameter("loc", loc), parameter(name, matrix)
        d = _checked_shapes(self.loc, name, matrix)
        self._covariance = matrix if name == "covariance" else None
        self._precision = matrix if name == "precision" else None
        if name == "scale_tril":
            _check_triangle(raw(matrix))
            self.scale_tril = matrix
        else:
            lower = _factor(name, matrix if name == "covariance" else ops.flip(matrix, (-2, -1)))
            if name == "precision":
                # the factor of the reversed precision, reversed, is U with Σ⁻¹ = U Uᵀ, so that Σ = U⁻ᵀ U⁻¹ and L = U⁻ᵀ
                upper = ops.flip(lower, (-2, -1))
                lower = ops.triangular_solve(upper, _identity(upper), False, True)
            self.scale_tril = lower
        try:
            batch = np.broadcast_shapes(self.loc.shape[:-1], matrix.shape[:-2])
        except ValueError:
            raise ValueError(f"parameters: expected batch shapes that broadcast together, got loc {self.loc.shape} and "
                             f"{name} {matrix.shape}") from None
        self._set_shape((*batch, d), 1)
        self.dtype = common_dtype(self.loc, matrix)

    @property
    def covariance(self):
        """Σ, in the shape of the matrix that was given."""
        return _gram(self.scale_tril) if self._covariance is None else self._covariance

    @property
    def precision(self):
        """Σ⁻¹, in the shape of the matrix that was given."""
        if self._precision is not None:
            return self._precision
        return _gram(_swap(ops.triangular_solve(self.scale_tril, _identity(self.scale_tril))))

    def standardize(self, x):
        """L⁻¹ (x - loc): uncorrelated elements of variance 1, for x of shape `(..., d)`."""
        return _to_vectors(ops.triangular_solve, self.scale_tril, x - self.loc)

    def _log_prob(self, x):
        z = self.standardize(as_float(x, self.dtype))
        return -0.5 * ops.square(z).sum(axis=-1) - (self._half_log_det() + 0.5 * LOG_2PI * self.event_shape[0])

    def _half_log_det(self):
        """½ log|Σ| = Σ log L_ii."""
        return ops.log(_diagonal(self.scale_tril)).sum(axis=-1)

    def _noise(self, shape, rng):
        xp = xp_of(self.loc, self.scale_tril)
        return as_generator(rng).standard_normal(shape, self.dtype, xp)

    def _sample(self, shape, rng):
        return _to_vectors(ops.matmul, raw(self.scale_tril), self._noise(shape, rng)) + raw(self.loc)

    def rsample(self, n, rng):
        """loc + L e with e standard normal."""
        noise = self._noise(sample_shape(n) + self.batch_shape + self.event_shape, rng)
        return _to_vectors(ops.matmul, self.scale_tril, noise) + self.loc

    def entropy(self):
        """½ log|Σ| + ½ d (1 + log 2π)."""
        return full(self._half_log_det() + 0.5 * (1 + LOG_2PI) * self.event_shape[0], self.batch_shape, self.dtype)

    @property
    def mean(self):
        """loc."""
        return full(self.loc, self.batch_shape + self.event_shape, self.dtype)

    @property
    def variance(self):
        """The diagonal of Σ."""
        return full(ops.square(self.scale_tril).sum(axis=-1), self.batch_shape + self.event_shape, self.dtype)

    def marginal(self, indices) -> "MultivariateNormal":
        """The distribution of the elements at `indices`, integers in the order wanted or a boolean mask of shape (d,).

        Its mean and covariance are those entries of loc and Σ (Bishop, equation 2.98).
        """
        chosen = xp_of(self.loc).asarray(self._indices("indices", indices))
        return MultivariateNormal(self.loc[..., chosen], self.covariance[..., chosen[:, None], chosen])

    def conditional(self, observed, values) -> "MultivariateNormal":
        """The distribution of the other elements, in ascending order, given that those at `observed` have `values`.

        `observed` are integers or a boolean mask of shape (d,), `values` has shape `(..., n_observed)` in that order;
        its leading axes broadcast with the batch. With o the observed and h the other elements the mean is
        loc_h + Σ_ho Σ_oo⁻¹ (values - loc_o) and the covariance Σ_hh - Σ_ho Σ_oo⁻¹ Σ_oh (Bishop, equations 2.81 and
        2.82), read off the Cholesky factor [[L_oo, 0], [L_ho, L_hh]] of Σ in the order o, h as L_ho L_oo⁻¹ and L_hh.
        """
        chosen = self._indices("observed", observed)
        rest = np.setdiff1d(np.arange(self.event_shape[0]), chosen)
        values = parameter("values", values)
        if not getattr(values, "shape", ()) or values.shape[-1] != len(chosen):
            raise ValueError(f"values: expected shape (..., {len(chosen)}), one for each observed element, got "
                             f"{getattr(values, 'shape', ())}")
        order, n = xp_of(self.loc).asarray(np.concatenate([chosen, rest])), len(chosen)
        lower = _factor("covariance", self.covariance[..., order[:, None], order])
        z = _to_vectors(ops.triangular_solve, lower[..., :n, :n], values - self.loc[..., order[:n]])
        loc = self.loc[..., order[n:]] + _to_vectors(ops.matmul, lower[..., n:, :n], z)
        return MultivariateNormal(loc, scale_tril=lower[..., n:, n:])

    def _indices(self, name, indices):
        """Distinct positions within the vector, from integers or a mask."""
        d, indices = self.event_shape[0], np.asarray(indices)
        if indices.dtype == bool and indices.shape == (d,):
            return np.flatnonzero(indices)
        if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
            raise ValueError(f"{name}: expected a row of integers or a boolean mask of shape ({d},), got "
                             f"{indices.dtype} of shape {indices.shape}")
        indices = indices.astype(np.int64)
        if indices.size and not (-d <= indices.min() and indices.max() < d):
            raise ValueError(f"{name}: expected integers from 0 to {d - 1}, got {indices.min()} to {indices.max()}")
        if len(set((indices % max(d, 1)).tolist())) < len(indices):
            raise ValueError(f"{name}: expected each element once, got {indices.tolist()}")
        return indices % max(d, 1)


@register_kl(MultivariateNormal, MultivariateNormal)
def kl_multivariate_normal(p, q):
    """½ (tr(Σ_q⁻¹Σ_p) - d + |L_q⁻¹(μ_p - μ_q)|² + log|Σ_q| - log|Σ_p|), by M = L_q⁻¹L_p with tr(Σ_q⁻¹Σ_p) = Σ M_ij².

    M's diagonal is L_p,ii / L_q,ii = exp(t_i), so that the terms that nearly cancel meet as ½(exp(2t) - 1) - t.
    """
    ratio = ops.triangular_solve(q.scale_tril, p.scale_tril)
    t = ops.log(_diagonal(p.scale_tril)) - ops.log(_diagonal(q.scale_tril))
    below = np.tril(np.ones(ratio.shape[-2:], bool), -1)
    off_diagonal = ops.square(ratio * xp_of(ratio).asarray(below)).sum(axis=(-2, -1))
    shift = ops.square(q.standardize(p.loc)).sum(axis=-1)
    return (0.5 * ops.expm1(2 * t) - t).sum(axis=-1) + 0.5 * (off_diagonal + shift)


@register_kl(MultivariateNormal, Normal)
def kl_multivariate_normal_normal(p, q):
    """The divergence to independent elements, as a multivariate normal of diagonal covariance."""
    return kl_multivariate_normal(p, as_multivariate(q))


@register_kl(Normal, MultivariateNormal)
def kl_normal_multivariate_normal(p, q):
    """The divergence from independent elements, as a multivariate normal of diagonal covariance."""
    return kl_multivariate_normal(as_multivariate(p), q)


def as_multivariate(normal: Normal) -> MultivariateNormal:
    """A Normal whose event is a vector as a MultivariateNormal."""
    if normal.event_ndim != 1:
        raise ValueError(f"Normal: expected an event of one axis, got event_shape {normal.event_shape}")
    scale = normal.stddev
    eye = xp_of(scale).eye(normal.event_shape[0], dtype=normal.dtype)
    return MultivariateNormal(normal.mean, scale_tril=scale.reshape((*scale.shape, 1)) * eye)


def _to_vectors(operation, matrix, x):
    """`operation(matrix, x)` for vectors x of shape `(..., d)`, where the operation takes matrices of columns.

    The axes of x before the matrix's own batch become columns, so that many vectors make one product.
    """
    batch = matrix.ndim - 2
    x = x.reshape((1,) * (batch + 1 - x.ndim) + x.shape)
    leading, rest = x.shape[: x.ndim - 1 - batch], x.shape[x.ndim - 1 - batch :]
    columns = ops.transpose(x.reshape((math.prod(leading), *rest)), (*range(1, batch + 2), 0))
    result = operation(matrix, columns)
    result = ops.transpose(result, (batch + 1, *range(batch + 1)))
    return result.reshape((*leading, *result.shape[1:]))


def _checked_shapes(loc, name, matrix) -> int:
    """d. Raises ValueError unless loc holds vectors and the matrix fits them."""
    loc_shape, shape = getattr(loc, "shape", ()), getattr(matrix, "shape", ())
    if not loc_shape:
        raise ValueError("loc: expected vectors, shape (..., d), got a number")
    d = loc_shape[-1]
    if shape[-2:] != (d, d):
        raise ValueError(f"{name}: expected shape (..., {d}, {d}) as loc has shape {loc_shape}, got {shape}")
    return d


def _factor(name, matrix):
    """The Cholesky factor. Raises ValueError if the matrix is not finite, symmetric and safely positive definite.

    L_ii² is the variance of element i given the elements before it. If rounding errors alone could be as large, the
    matrix counts as singular.
    """
    values = raw(matrix)
    if array_module(values) is not np:  # reading values on a GPU would wait for it
        return ops.cholesky(matrix)
    precision = np.finfo(values.dtype).eps
    variance = np.diagonal(values, axis1=-2, axis2=-1)
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite numbers, got {values[~np.isfinite(values)][0]}")
    size = np.sqrt(np.abs(variance))
    size = size[..., :, None] * size[..., None, :]
    if (np.abs(values - np.swapaxes(values, -1, -2)) > precision**0.5 * size).any():
        raise ValueError(f"{name}: expected symmetric matrices, got one that differs from its transpose by "
                         f"{np.abs(values - np.swapaxes(values, -1, -2)).max():.3g}")
    try:
        lower = ops.cholesky(matrix)
    except np.linalg.LinAlgError:
        lower = None
    if lower is None or (_diagonal(raw(lower)) ** 2 <= variance * (precision * values.shape[-1])).any():
        raise ValueError(f"{name}: expected positive definite matrices, got one that is singular to working precision "
                         f"or indefinite: smallest eigenvalue {np.linalg.eigvalsh(values)[..., 0].min():.3g}")
    return lower


def _check_triangle(lower):
    if array_module(lower) is not np:
        return
    if (np.triu(lower, 1) != 0).any():
        raise ValueError("scale_tril: expected lower-triangular matrices, got one with numbers above the diagonal")
    if (_diagonal(lower) <= 0).any():
        raise ValueError(f"scale_tril: expected a diagonal above 0, got {_diagonal(lower).min()}")


def _diagonal(matrix):
    index = xp_of(matrix).arange(matrix.shape[-1])
    return matrix[..., index, index]


def _identity(matrix):
    return xp_of(matrix).eye(matrix.shape[-1], dtype=matrix.dtype)


def _swap(matrix):
    axes = list(range(matrix.ndim))
    axes[-2:] = axes[-1], axes[-2]
    return ops.transpose(matrix, tuple(axes))


def _gram(matrix):
    """A Aᵀ."""
    return matrix @ _swap(matrix)
