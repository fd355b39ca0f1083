"""What mixtures p(x) = Σ_k π_k p(x | k) share, whatever their components: the posterior of k, and EM from some starts.

By Bayes' rule p(k | x) = π_k p(x | k) / p(x), the responsibility of component k for x.
"""

import math

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...autograd import no_grad
from ...autograd.tensor import raw
from ...inference import em_restarts
from .closed_form import ClosedForm, as_rows


class MixtureModel(ClosedForm):
    """Base class of mixtures that are fitted by EM, with missing values marginalised exactly.

    A subclass has `logits` `(K,)`, the logarithms of the weights up to a constant, `_log_joint(rows, mask)` for
    log p(x, k) `(n, K)`, `_prepared(rows, mask)` for what its `e_step` takes, and `_start(prepared, rng)`. `rounding`
    says how far rounding may let the log-likelihood fall, relative to it.
    """

    takes_missing = True
    rounding = 1e-9

    @property
    def weights(self):
        """π, the probabilities of the components, float64 `(K,)`."""
        logits = raw(self.logits).astype(np.float64)
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) = log Σ_k π_k p(x | k) in nats, float64 `(n,)`, of the observed values alone."""
        if condition is not None:
            raise ValueError(f"{type(self).__name__}: log_prob takes no condition")
        return ops.logsumexp(self._log_joint(*self._rows(x, observed)), axis=1)

    def predict_log_proba(self, x, observed=None):
        """log p(k | x) in nats, float64 `(n, K)`, given the observed values alone."""
        with no_grad():
            return raw(ops.log_softmax(self._log_joint(*self._rows(x, observed)), axis=1))

    def predict_proba(self, x, observed=None):
        """The responsibilities p(k | x), float64 `(n, K)`: rows sum to 1."""
        return np.exp(self.predict_log_proba(x, observed))

    def predict(self, x, observed=None):
        """The most probable component of each example, int64 `(n,)`; of equal ones the first."""
        return self.predict_log_proba(x, observed).argmax(axis=1)

    def prepare(self, data, observed=None):
        """The data `(n, *spec.shape)`, checked, in the form that `e_step` takes them.

        Raises ValueError for fewer examples than components, or a column that is observed nowhere.
        """
        rows, mask = as_rows(data, self.spec, observed)
        if len(rows) < self.config.n_components:
            raise ValueError(f"data: expected at least as many examples as n_components={self.config.n_components}, "
                             f"got {len(rows)}")
        if mask is not None and not mask.any(axis=0).all():
            column = int(np.argmin(mask.any(axis=0)))
            raise ValueError(f"data: column {column} (from 0) is observed in no example")
        return self._prepared(rows, mask)

    def initialise(self, data, rng, observed=None):
        """Take a starting point for `data` `(n, *spec.shape)`, as `fit` does for each run; errors as in `prepare`."""
        self._start(self.prepare(data, observed), as_generator(rng))

    def fit_steps(self, data, rng=0, *, observed=None, labels=None):
        """Fit to `data` `(n, *spec.shape)` by EM from several starting points; yields the metrics of `em_restarts`.

        Raises ValueError for fewer examples than components, or a column that is observed nowhere.
        """
        config, prepared = self.config, self.prepare(data, observed)
        yield from em_restarts(
            self, prepared, lambda rng: self._start(prepared, rng), as_generator(rng), config.restarts,
            preference=lambda: self._preference(prepared), max_iterations=config.max_iterations,
            tolerance=config.tolerance, rounding=self.rounding)

    def _preference(self, prepared):
        """A number by which runs of EM are compared before their likelihood; higher is better."""
        return 0

    def _rows(self, x, observed):
        return as_rows(x, self.spec, observed)


def draw_components(probabilities, rng):
    """A component for each row of `probabilities` `(n, K)`, int64 `(n,)`."""
    total = np.cumsum(probabilities, axis=1)
    # in (0, total]: never a component of probability 0
    places = (1 - rng.random(len(total))) * total[:, -1]
    return (total < places[:, None]).sum(axis=1)


def check_number(name, value, low=0.0, above=False):
    """`value` if it is a finite number of at least (or above) `low`, else ValueError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value < math.inf or (above and value == low):
        raise ValueError(f"{name}: expected a number {'above' if above else 'of at least'} {low:g}, got {value!r}")
    return value
