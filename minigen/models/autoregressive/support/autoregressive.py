"""The base class of autoregressive models: what they are asked for is checked here, once."""

import numpy as np

from ....arrays import to_numpy
from ....autograd import raw
from ...model import Model
from ...objective import Objective
from .sampling import Options, check_given_values


class Autoregressive(Model):
    """Base class of models p(x | c) = Π_d p(x_d | x_1 … x_{d-1}, c), for some order of the variables.

    A subclass defines

    - `log_prob(x, condition=None)`, exact, from one parallel pass;
    - `loss(batch, rng, step)`;
    - `conditionals(x, condition=None)`: the parameters of each variable's distribution given those before it;
    - `draw(n, rng, condition=None, given=None, **options)`, a method with the decorator `sampler`: the incremental
      pass, one variable after the other. It gives the examples and the parameters of each conditional as
      `conditionals` lays them out. `sample` gives the examples alone;
    - `order`: the numbers of the variables, an example read as one row, in the order in which they are drawn.
    """

    Options = Options

    def objectives(self) -> list[Objective]:
        """One: minus the log-likelihood, averaged over the batch, and what the model adds to that."""
        return [Objective("log_prob", self.loss, self.parameters())]

    def ranks(self) -> np.ndarray:
        """For each variable the number of the step that draws it, `(dimensions,)`."""
        return np.argsort(to_numpy(raw(self.order)))

    def check_given(self, n: int, given):
        """`given` as two arrays `(values, observed)` of shape `(n, *spec.shape)`.

        Raises ValueError if some variable is observed after one that is not, since the conditional would not be exact,
        and for values outside their range.
        """
        values, observed = check_given_values(self.spec, n, given)
        flat = observed.reshape(n, -1)
        ranks = self.ranks()
        last = np.where(flat, ranks, -1).max(axis=1)
        first = np.where(flat, len(ranks), ranks).min(axis=1)
        if (last > first).any():
            row = int(np.argmax(last > first))
            raise ValueError("given: expected the observed variables to be the first ones in the model's order, got "
                             f"number {last[row] + 1} of the order but not number {first[row] + 1} (sample {row})")
        return values, observed
