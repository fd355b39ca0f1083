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
from typing import Protocol

METRICS = ("restart", "iteration", "log_likelihood", "log_prior", "rise", "converged")  # in this order


class EMError(ArithmeticError):
    """The log-likelihood fell or became NaN: the E-step and the M-step do not belong to one model."""


class ExpectationMaximisation(Protocol):
    """What a model offers to be fitted by EM."""

    def e_step(self, data) -> tuple:
        """`(statistics, log_likelihood)` at the current parameters, or `(statistics, log_likelihood, log_prior)`.

        The statistics are what the M-step needs of the posterior p(z | x); the log-likelihood is in nats per example,
        and so is log p(θ), divided by the number of examples, of a model that has a prior.
        """

    def m_step(self, statistics) -> None:
        """Take the parameters that maximise the expected complete-data log-likelihood (plus the log-prior)."""

    def state_dict(self) -> dict:
        """Copies of the parameters."""

    def load_state_dict(self, state) -> None:
        """Take such copies back."""


def em_steps(model, data, max_iterations: int = 200, tolerance: float = 1e-6, rounding: float = 1e-9,
             state: dict | None = None) -> Iterator[dict]:
    """Run EM from the model's present parameters, yielding metrics after each E-step.

    The objective is the log-likelihood, or with a prior log-likelihood + log-prior, in nats per example. EM stops when
    it has risen by less than `tolerance`, or after `max_iterations` M-steps. Each dict has `iteration` (M-steps so
    far), `log_likelihood` (nats per example, of the parameters that the model has at that moment), with a prior
    `log_prior`, then `rise` (of the objective, infinite at first) and `converged`. Raises EMError when the objective
    falls by more than `rounding`·(1 + |objective|), or is NaN.

    `state` is a dict in which `iteration`, `objective` and `ended` are kept. Given one that has these, EM goes on after
    the yield that they were left at, from the parameters that the model had then.
    """
    state = {} if state is None else state
    first = 0
    previous = -math.inf
    if "iteration" in state:
        if state["ended"]:
            return
        statistics, *_ = model.e_step(data)  # at the same parameters, so the same again
        model.m_step(statistics)
        first = state["iteration"] + 1
        previous = state["objective"]
    for iteration in range(first, max_iterations + 1):
        statistics, value, *prior = model.e_step(data)
        objective = value + sum(prior)
        rise = objective - previous
        if math.isnan(objective) or rise < -rounding * (1 + abs(previous)):
            raise EMError(f"EM: the log-likelihood{' with its prior' if prior else ''} went from {previous!r} to "
                          f"{objective!r} in iteration {iteration}; it must never fall")
        converged = rise < tolerance
        ended = converged or iteration == max_iterations
        terms = {"log_likelihood": value, **({"log_prior": prior[0]} if prior else {})}
        state.update(iteration=iteration, objective=objective, ended=ended)
        yield {"iteration": iteration, **terms, "rise": rise, "converged": converged}
        if ended:
            return
        model.m_step(statistics)
        previous = objective


def em_restarts(model, data, initialise: Callable, rng, restarts: int = 1, preference: Callable | None = None,
                state: dict | None = None, **options) -> Iterator[dict]:
    """Run EM from `restarts` starting points and keep the parameters with the highest objective.

    `initialise(rng)` gives the model a starting point. Where `preference()`, asked after each run, gives numbers, the
    highest of these comes first and the objective decides between equal ones. Metrics are those of `em_steps`, which
    takes `options`, with `restart` (from 0). After several runs the last metrics of the one kept are yielded once
    more, and `kept` is true in them: the last metrics always describe the parameters that the model has in the end.

    `state` is as in `em_steps`. It also has the number of the run, `restart`, the metrics that came last, and of the
    best run its objective, its metrics and its parameters (`latest/…`, `best`, `best/…`, `kept/…`).
    """
    state = {} if state is None else state
    if state.get("chosen"):
        return
    for restart in range(state.get("restart", 0), restarts):
        if state.get("restart") != restart:
            for name in ("iteration", "objective", "ended"):
                state.pop(name, None)
            initialise(rng.fold_in(restart))
            state["restart"] = restart
        for metrics in em_steps(model, data, state=state, **options):
            metrics = {"restart": restart, **metrics}
            _put(state, "latest", metrics)
            yield metrics
        latest = _get(state, "latest")
        objective = latest["log_likelihood"] + latest.get("log_prior", 0.0)
        value = [preference() if preference else 0, objective]
        if "best" not in state or value > state["best"]:
            state["best"] = value
            _put(state, "best", latest)
            _put(state, "kept", model.state_dict())
    model.load_state_dict(_get(state, "kept"))
    if restarts > 1:
        state["chosen"] = True
        best = _get(state, "best")
        yield {**{name: best[name] for name in METRICS if name in best}, "kept": True}


def _put(state, group, values):
    """Keep a dict under flat names, group/NAME."""
    state.update({f"{group}/{name}": value for name, value in values.items()})


def _get(state, group):
    """The dict that `_put` kept under these names."""
    return {name.removeprefix(f"{group}/"): value for name, value in state.items() if name.startswith(f"{group}/")}
