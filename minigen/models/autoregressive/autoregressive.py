"""What autoregressive models share: the chain rule, the loss, and sampling around values that are given."""

import numpy as np

from ...arrays import array_module, as_generator, to_numpy
from ...autograd import no_grad
from ...autograd.tensor import raw
from ...layers import Module
from ...protocols import Objective
from ..settings import are_levels, check_size


class Autoregressive(Module):
    """Base class of models p(x) = Π_d p(x_d | x_1 … x_{d-1}), for some order of the variables.

    A subclass defines

    - `log_prob(x, condition=None)`, exact, from one parallel pass,
    - `conditionals(x, condition=None)`: what the parallel pass says of every variable given those before it, an array
      of parameters (logits of a Bernoulli or categorical distribution, …) `(n, *spec.shape, parameters)`,
    - `_draw(n, rng, condition, values, observed)`: the incremental pass, one variable after the other, which gives
      the examples `(n, *spec.shape)` and the parameters of each conditional as `conditionals` lays them out,
    - `order`: the places of the variables in an example read as one row, in the order in which they are drawn.
    """

    def objectives(self) -> list[Objective]:
        """One: minus the log-likelihood, averaged over the batch."""
        return [Objective("log_prob", self._loss, self.parameters())]

    @property
    def dtype(self):
        """The dtype of the parameters, frozen or not."""
        return next(parameter for _, parameter in self.named_parameters()).dtype

    def score_samples(self, x, condition=None) -> np.ndarray:
        """log p(x) in nats as a NumPy array `(n,)`."""
        with no_grad():
            return to_numpy(raw(self.log_prob(x, condition)))

    def sample(self, n: int, rng, condition=None, given=None) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`, the variables one after the other.

        `given` is a pair (values, observed), each of the shape of one example or of all `n`: where `observed` is true
        the value is taken from `values`, and what follows is drawn given it. Raises ValueError when some variable is
        observed after one that is not, since the conditional would not be exact, and for values outside their range.
        The steps run on the CPU; of a model on a GPU the examples are brought there.
        """
        return self.draw(n, rng, condition, given)[0]

    def draw(self, n: int, rng, condition=None, given=None):
        """`sample`, and the parameters of each conditional that the sampler used, as `conditionals` has them."""
        check_size("n", n)
        xp = array_module(next(raw(parameter) for _, parameter in self.named_parameters()))
        if xp is not np:
            twin = type(self)(self.spec, self.config, rng=0).to(dtype=self.dtype)
            twin.load_state_dict(self.state_dict())
            condition = None if condition is None else to_numpy(raw(condition))
            x, found = twin.draw(n, rng, condition, given)
            return xp.asarray(x), [xp.asarray(part) for part in found] if isinstance(found, list) else xp.asarray(found)
        values, observed = self._check_given(n, given)
        with no_grad():
            return self._draw(n, as_generator(rng), self._check_condition(n, condition), values, observed)

    def _loss(self, batch, rng):
        log_prob = self.log_prob(batch).mean()
        return -log_prob, {"log_prob": log_prob}

    def _check_condition(self, n, condition):
        if condition is not None:
            raise ValueError(f"{type(self).__name__}: it models p(x), not p(x | condition)")
        return None

    def _check_given(self, n, given):
        """`(values, observed)` of shape `(n, *spec.shape)`, or a pair of None."""
        if given is None:
            return None, None
        values, observed = self._check_given_values(n, given)
        flat, ranks = observed.reshape(n, -1), self.ranks()
        last = np.where(flat, ranks, -1).max(axis=1)
        first = np.where(flat, len(ranks), ranks).min(axis=1)
        if (last > first).any():
            row = int(np.argmax(last > first))
            raise ValueError("given: expected the observed variables to be the first ones in the model's order, got "
                             f"number {last[row] + 1} of the order but not number {first[row] + 1} (sample {row})")
        return values, observed

    def _check_given_values(self, n, given):
        """What is given as two arrays, if it has the right shapes and values."""
        shape = (n, *self.spec.shape)
        try:
            values, observed = given
            values, observed = (np.broadcast_to(to_numpy(raw(part)), shape) for part in (values, observed))
        except (TypeError, ValueError):
            raise ValueError(f"given: expected a pair (values, observed), each of shape {self.spec.shape} or "
                             f"{shape}") from None
        if observed.dtype != bool:
            raise TypeError(f"given: expected observed to be booleans, got {observed.dtype}")
        shown = values[observed]
        if shown.size and self.spec.kind == "continuous" and not np.isfinite(shown).all():
            raise ValueError("given: expected finite numbers where observed, got NaN or infinity")
        levels = 2 if self.spec.kind == "binary" else self.spec.levels
        if shown.size and self.spec.kind != "continuous" and not are_levels(shown, levels):
            raise ValueError(f"given: expected integers 0 to {levels - 1}, "
                             f"got values from {shown.min()} to {shown.max()}")
        return np.where(observed, values, 0), observed  # what is not observed may be NaN

    def ranks(self) -> np.ndarray:
        """Of each variable the number of the step that draws it, `(dimensions,)`."""
        return np.argsort(to_numpy(raw(self.order)))
