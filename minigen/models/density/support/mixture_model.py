"""What mixtures p(x) = Σ_k π_k p(x | k) share, whatever their components: the posterior of k, and EM from some starts.

By Bayes' rule p(k | x) = π_k p(x | k) / p(x), the responsibility of component k for x.
"""

import numpy as np

from .... import ops
from ....arrays import as_generator
from ....autograd import no_grad, raw
from ....inference import em_restarts
from ...takes import Takes
from .estimator import Estimator
from .example_rows import as_rows


class MixtureModel(Estimator):
    """Base class of mixtures that are fitted by EM, with missing values marginalised exactly.

    A subclass has `logits` `(K,)`, the logarithms of the weights up to a constant. It defines `_log_joint(rows,
    observed)` for log p(x, k) `(n, K)`, `_prepared(rows, observed)` for the data that its `e_step` takes, and
    `_start(prepared, rng)` for a starting point of EM. `rounding` says how far rounding may let the log-likelihood
    fall, relative to it.
    """

    takes = Takes(missing=True, mixed=True)
    conditions_on_any = True
    rounding = 1e-9

    @property
    def weights(self):
        """π, the probabilities of the components, float64 `(K,)`."""
        logits = raw(self.logits).astype(np.float64)
        weights = np.exp(logits - logits.max())
        return weights / weights.sum()

    def log_prob(self, x, condition=None, observed=None):
        """log p(x) = log Σ_k π_k p(x | k) in nats, float64 `(n,)`, of the observed values alone."""
        self.check_condition(condition, len(x))
        return ops.logsumexp(self._log_joint(*self._rows(x, observed)), axis=1)

    def predict_log_proba(self, x, observed=None):
        """log p(k | x) in nats, float64 `(n, K)`, given the observed values alone."""
        with no_grad():
            return raw(ops.log_softmax(self._log_joint(*self._rows(x, observed)), axis=1))

    def predict_proba(self, x, observed=None):
        """The responsibilities p(k | x), float64 `(n, K)`: rows sum to 1."""
        return np.exp(self.predict_log_proba(x, observed))

    def predict(self, x, observed=None):
        """The most probable component of each example, int64 `(n,)`; the first of those that are equally probable."""
        return self.predict_log_proba(x, observed).argmax(axis=1)

    def prepare(self, batch):
        """The examples of a `data.Batch` (or an array) in the form that `e_step` takes.

        Raises ValueError for fewer examples than components, and for a column that is observed nowhere.
        """
        rows, observed = self.training_rows(batch)
        if len(rows) < self.config.n_components:
            raise ValueError(f"x: expected at least as many examples as n_components={self.config.n_components}, "
                             f"got {len(rows)}")
        if observed is not None and not observed.any(axis=0).all():
            column = int(np.argmin(observed.any(axis=0)))
            raise ValueError(f"x: column {column} (from 0) is observed in no example")
        return self._prepared(rows, observed)

    def initialise(self, batch, rng):
        """Take a starting point for the examples of `batch`, as each run of EM does; errors as in `prepare`."""
        self._start(self.prepare(batch), as_generator(rng))

    def fit_steps(self, batch, rng=0, state=None):
        """Fit to all examples of `batch` by EM from several starting points; yields the metrics of `em_restarts`.

        Raises ValueError for fewer examples than components, and for a column that is observed nowhere.
        """
        prepared = self.prepare(batch)
        yield from em_restarts(
            self, prepared, lambda rng: self._start(prepared, rng), as_generator(rng), self.config.restarts,
            preference=lambda: self._preference(prepared), max_iterations=self.config.max_iterations,
            tolerance=self.config.tolerance, rounding=self.rounding, state=state)

    def _preference(self, prepared):
        """A number by which runs of EM are compared before their likelihood; higher is better."""
        return 0

    def _rows(self, x, observed):
        return as_rows(x, self.spec, observed)
