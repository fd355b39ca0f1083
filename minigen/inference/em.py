"""Expectation-maximisation, for any model with an E-step and an M-step.

For parameters θ and latent variables z, any distribution q(z) gives a lower bound

    log p(x | θ) ≥ F(q, θ) = E_q[log p(x, z | θ)] + H(q).

The E-step maximises F over q: q(z) = p(z | x, θ) makes it an equality. The M-step maximises F over θ, which raises
the bound and so the log-likelihood: it never falls. With a prior on θ the same holds for log p(x | θ) + log p(θ).

Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", 1977; Neal and Hinton,
"A View of the EM Algorithm that Justifies Incremental, Sparse, and other Variants", 1998 (equation 7 is F).
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol


class EMError(ArithmeticError):
    """The log-likelihood fell or became NaN: the E-step and the M-step do not belong to one model."""


class ExpectationMaximisation(Protocol):
    """What a model offers to be fitted by EM."""

    def e_step(self, data) -> tuple[Any, float]:
        """`(statistics, log_likelihood)` at the current parameters.

        The statistics are what the M-step needs of the posterior p(z | x); the log-likelihood is in nats per example
        (plus the log-prior over the number of examples, where there is one).
        """

    def m_step(self, statistics) -> None:
        """Take the parameters that maximise the expected complete-data log-likelihood (plus the log-prior)."""

    def state_dict(self) -> dict:
        """Copies of the parameters."""

    def load_state_dict(self, state) -> None:
        """Take such copies back."""


def em_steps(model, data, max_iterations: int = 200, tolerance: float = 1e-6, rounding: float = 1e-9) -> Iterator[dict]:
    """Run EM from the model's present parameters, yielding metrics after each E-step.

    Stops when the log-likelihood has risen by less than `tolerance` nats per example, or after `max_iterations`
    M-steps. Each dict has `iteration` (M-steps so far), `log_likelihood` (nats per example, of the parameters that the
    model has at that moment), `rise` and `converged`. Raises EMError when the log-likelihood falls by more than
    `rounding`·(1 + |log-likelihood|), or is NaN.
    """
    previous = -math.inf
    for iteration in range(max_iterations + 1):
        statistics, value = model.e_step(data)
        rise = value - previous
        if math.isnan(value) or rise < -rounding * (1 + abs(previous)):
            raise EMError(f"EM: the log-likelihood went from {previous!r} to {value!r} in iteration {iteration}; "
                          "it must never fall")
        converged = rise < tolerance
        yield {"iteration": iteration, "log_likelihood": value, "rise": rise, "converged": converged}
        if converged or iteration == max_iterations:
            return
        model.m_step(statistics)
        previous = value


def em_restarts(model, data, initialise: Callable, rng, restarts: int = 1, **options) -> Iterator[dict]:
    """Run EM from `restarts` starting points and keep the parameters with the highest log-likelihood.

    `initialise(rng)` gives the model a starting point. Metrics are those of `em_steps`, which takes `options`, with
    `restart` (from 0); the model has the best parameters when the iterator is exhausted.
    """
    best, kept = -math.inf, None
    for restart in range(restarts):
        initialise(rng.fold_in(restart))
        for metrics in em_steps(model, data, **options):
            yield {"restart": restart, **metrics}
        if kept is None or metrics["log_likelihood"] > best:
            best, kept = metrics["log_likelihood"], model.state_dict()
    model.load_state_dict(kept)
