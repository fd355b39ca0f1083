"""`Estimator`: the base class of models that fit themselves to all examples at once, with scikit-learn's verbs."""

import math

import numpy as np

from ....arrays import as_generator
from ....arrays.checks import positive_integer
from ....autograd import raw
from ....data.batch import as_batch
from ...model import Model
from .example_rows import as_rows


class Estimator(Model):
    """Base class of models that `fit_steps` fits: from moments, by expectation-maximisation, or by L-BFGS.

    A subclass keeps all that it learns in float64 `Buffer`s whose shapes follow from `spec` and `config`. It defines
    `fit_steps`, `log_prob(x, condition=None, observed=None)`, `_sample(n, rng)` and `parameter_count`, and if values
    may be missing also `impute`, with `conditions_on_any = True`. `observed` are booleans of the shape of `x`, False
    where a value is missing; missing values are marginalised exactly.
    """

    def training_rows(self, batch):
        """`(rows, observed)` of the examples that a model is fitted to, as `as_rows` gives them.

        `batch` is a `data.Batch` or an array `(n, *spec.shape)`. Raises ValueError also if values are missing and the
        model does not take that, and if there are no labels and the model needs them.
        """
        batch = as_batch(batch)
        self.takes.check_beside(self.name, "x", batch)
        return as_rows(batch.x, self.spec, batch.observed)

    def score(self, x, observed=None) -> float:
        """The mean of `score_samples`, in nats per example."""
        return float(self.score_samples(x, observed=observed).mean())

    @property
    def parameter_count(self) -> int:
        """How many numbers the model is free to choose."""
        raise NotImplementedError(f"{self.name} does not say how many free parameters it has")

    def bic(self, x, observed=None) -> float:
        """Schwarz's criterion, k·log n - 2·Σ log p(x) for k parameters; lower is better (Schwarz, 1978)."""
        return self.parameter_count * math.log(len(x)) - 2 * float(self.score_samples(x, observed=observed).sum())

    def aic(self, x, observed=None) -> float:
        """Akaike's criterion, 2·k - 2·Σ log p(x) for k parameters; lower is better (Akaike, 1974)."""
        return 2 * self.parameter_count - 2 * float(self.score_samples(x, observed=observed).sum())

    def sample(self, n: int, rng, condition=None, given=None) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`; with `given`, a pair (values, observed), only what is not observed.

        `values` and `observed` have the shape of one example or of `n`. Raises TypeError if `given` is not a pair, and
        ValueError for shapes that do not fit, for a condition, and for `given` if the model does not take missing
        values.
        """
        positive_integer("n", n)
        self.check_condition(condition, n)
        rng = as_generator(rng)
        if given is None:
            return self._sample(n, rng)
        if not self.offers("impute"):
            raise ValueError(f"given: {self.name} cannot draw some values given others")
        values, observed = _broadcast_given(given, (n, *self.spec.shape))
        return self.impute(values, observed, rng)

    def _sample(self, n, rng):
        raise NotImplementedError(f"{self.name} has no sampler")


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
