"""What models fitted without gradients share: scikit-learn's verbs, information criteria, missing values."""

import math
from collections.abc import Iterator

import numpy as np

from ...arrays import as_generator
from ...autograd import no_grad
from ...autograd.tensor import raw
from ...layers import Module
from ..settings import check_size


class ClosedForm(Module):
    """Base class of models that are fitted in closed form or by expectation-maximisation.

    A subclass has `spec` and `config`, keeps all that it learns in float64 `Buffer`s whose shapes follow from these,
    and defines `fit_steps`, `log_prob(x, condition=None, observed=None)`, `_sample(n, rng)`, `parameter_count` and,
    if `takes_missing`, `impute`. `observed` is a boolean array of the shape of `x`, False where a value is missing;
    missing values are marginalised exactly. `labels` says whether the model learns from class labels: None,
    "optional" or "required".
    """

    takes_missing = False
    labels = None
    by_gradient = False  # a model that can do both says here whether it descends `objectives` instead

    @classmethod
    def data_settings(cls, dataset) -> dict:
        """Settings of `Config` that follow from a `data.Dataset` (a number of classes), where nothing else is said."""
        return {}

    def fit_steps(self, data, rng, *, observed=None, labels=None) -> Iterator[dict]:
        """Fit to `data` `(n, *spec.shape)`; yields metrics (log_likelihood: nats per example) after every pass.

        The model is fitted once the iterator is exhausted.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no fit_steps")

    def fit(self, data, rng=0, *, observed=None, labels=None):
        """Run `fit_steps` to its end and return the model; `history` is then the list of its metrics."""
        self.history = list(self.fit_steps(data, as_generator(rng), observed=observed, labels=labels))
        return self

    def score_samples(self, x, observed=None) -> np.ndarray:
        """log p(x) in nats, float64 `(n,)`; of the observed values alone where `observed` marks them."""
        with no_grad():
            return np.asarray(raw(self.log_prob(x) if observed is None else self.log_prob(x, observed=observed)))

    def score(self, x, observed=None) -> float:
        """The mean of `score_samples`."""
        return float(self.score_samples(x, observed).mean())

    @property
    def parameter_count(self) -> int:
        """How many numbers the model is free to choose."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many free parameters it has")

    def bic(self, x, observed=None) -> float:
        """Schwarz's criterion, k·log n - 2·Σ log p(x); lower is better (Schwarz, 1978)."""
        return self.parameter_count * math.log(len(x)) - 2 * float(self.score_samples(x, observed).sum())

    def aic(self, x, observed=None) -> float:
        """Akaike's criterion, 2·k - 2·Σ log p(x); lower is better (Akaike, 1974)."""
        return 2 * self.parameter_count - 2 * float(self.score_samples(x, observed).sum())

    def sample(self, n: int, rng, condition=None, given=None) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`; with `given`, a pair (values, observed), only what is not observed.

        `values` and `observed` have the shape of one example or of `n`. Raises TypeError if it is no pair, ValueError
        for shapes that do not fit and for a condition.
        """
        check_size("n", n)
        if condition is not None:
            raise ValueError(f"{type(self).__name__}: sample takes no condition, its samples are unconditional")
        rng = as_generator(rng)
        if given is None:
            return self._sample(n, rng)
        return self.impute(*_broadcast_given(given, (n, *self.spec.shape)), rng)

    def impute(self, x, observed, rng=None) -> np.ndarray:
        """`x` with missing values replaced: by their mean given the observed ones, or with `rng` by a draw."""
        raise ValueError(f"{type(self).__name__} does not take missing values")

    def _sample(self, n, rng):
        raise NotImplementedError(f"{type(self).__name__} has no sampler")


def _broadcast_given(given, shape):
    """The pair `given` (values, observed), both of shape `shape`."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"given: expected a pair (values, observed), got {type(given).__name__}")
    arrays = []
    for name, array in zip(("values", "observed"), given, strict=True):
        array = np.asarray(raw(array))
        try:
            arrays.append(np.broadcast_to(array, shape))
        except ValueError:
            raise ValueError(f"given: expected {name} of shape {shape[1:]} or {shape}, got {array.shape}") from None
    return arrays


def as_rows(x, spec, observed=None):
    """`(rows, observed)`: examples as rows `(n, dimensions)`, and their mask likewise or None if nothing is missing.

    Values that are not observed become 0. Raises ValueError for an array that does not fit `spec`, for values that
    are not finite though observed, and for binary or discrete values outside their range.
    """
    x = np.asarray(raw(x))
    if x.dtype.kind not in "biuf":
        raise TypeError(f"x: expected numbers, got an array of dtype {x.dtype}")
    if x.shape[1:] != spec.shape or x.ndim == 0:
        raise ValueError(f"x: expected shape (n, {', '.join(map(str, spec.shape))}), got {x.shape}")
    rows, mask = x.reshape(len(x), spec.dimensions), None
    if observed is not None:
        mask = np.asarray(observed)
        if mask.dtype != bool or mask.shape != x.shape:
            raise ValueError(f"observed: expected booleans of shape {x.shape}, got {mask.dtype} of shape {mask.shape}")
        mask = mask.reshape(rows.shape)
        if mask.all():
            mask = None
        else:
            rows = np.where(mask, rows, np.zeros((), rows.dtype))
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(f"x: expected finite numbers, got {rows[row, column]} in row {row}, column {column} (from 0); "
                         "missing values are marked by observed=False")
    _check_range(rows, spec)
    return rows, mask


def _check_range(rows, spec):
    kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,)
    levels = spec.levels if isinstance(spec.kind, tuple) else (spec.levels,)
    for column, (kind, level) in enumerate(zip(kinds, levels, strict=True)):
        if kind == "continuous" or not len(rows):
            continue
        values = rows[:, column] if len(kinds) > 1 else rows
        top = 1 if kind == "binary" else level - 1
        if values.min() < 0 or values.max() > top or (rows.dtype.kind == "f" and (values != np.floor(values)).any()):
            where = f" in column {column}" if len(kinds) > 1 else ""
            raise ValueError(f"x: expected integers 0 to {top}{where}, got {values.min()} to {values.max()}")
