"""`Model`: everything that a model may offer, in one class.

A model writes the methods that it has; the others say that it does not offer them. What the rest of minigen does with a
model follows from what it offers and from what data it `takes`: nothing else is asked.

    class Coins(Model):
        \"\"\"p(x) = Π_d Bernoulli(x_d; sigmoid(l_d)).\"\"\"

        takes = Takes(kinds=("binary",))

        def __init__(self, spec, config=None, *, rng=0):
            super().__init__(spec, config)
            self.logits = Parameter(zeros((spec.dimensions,)))

        def log_prob(self, x, condition=None):
            return ops.bernoulli_log_prob(x.reshape(len(x), -1).astype(self.dtype), self.logits)

        def objectives(self):
            return [Objective("log_prob", self.loss, self.parameters())]

        def loss(self, batch, rng, step):
            log_prob = self.log_prob(batch.x).mean()
            return -log_prob, {"log_prob": log_prob}

        def sample(self, n, rng, condition=None, given=None):
            chances = ops.sigmoid(self.logits.data)
            return as_generator(rng).bernoulli(np.broadcast_to(chances, (n, len(chances))))

`training.fit(Coins(spec), x)` trains it, `evaluation.evaluate` and `evaluation.identities` judge it. `minigen.models`
registers the models that the command line knows; a model of one's own needs no registration in a script.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import ops
from ..arrays import array_module, as_generator, to_numpy
from ..autograd import Tensor, no_grad, raw
from ..data.batch import Batch
from ..layers import Module
from ..protocols import DataSpec, nearest
from .batches import check_batch
from .registry import key_of
from .takes import Takes, condition_name

CAPABILITIES = []  # the names of the methods and properties below that a model offers by overriding them


def _capability(declaration):
    """A method that a model offers by overriding it; until then it raises NotImplementedError."""
    name = declaration.__name__
    CAPABILITIES.append(name)

    @functools.wraps(declaration)
    def not_offered(self, *arguments, **keywords):
        raise NotImplementedError(f"{self.name} does not offer {name}")

    return not_offered


@dataclass(frozen=True)
class NoSettings:
    """The settings of a model that has none, and the options of a sampler that has none."""


class Model(Module):
    """Base class of all models: p(x), or p(x | c) where the data have a condition c.

    A subclass states, as class attributes,

    - `Config`: a frozen dataclass, the settings of the model;
    - `takes`: a `Takes`, which data it is for. An instance may set a narrower `takes` of its own;
    - `training`: a dict, its own defaults of `training.TrainConfig`;
    - `Options`: a frozen dataclass, what `sample` takes besides (temperature, steps, …), each with a default;

    and begins its `__init__(self, spec, config, *, rng)` with `super().__init__(spec, config)`, which sets `spec`, a
    `DataSpec`, and `config`. Its parameters are the `Parameter`s and `Buffer`s that its attributes hold (see
    `layers.Module`).

    `model.offers("elbo")` says whether a model has a method of those declared here. Log-densities are in nats, one for
    each example. Arrays of examples have shape `(n, *spec.shape)`, conditions `(n, *spec.condition.shape)`.
    """

    Config: type = NoSettings
    Options: type = NoSettings
    takes = Takes()
    training: dict = {}
    conditions_on_any = False  # whether `sample` keeps any given values, not only those that come first in its order

    def __init__(self, spec: DataSpec, config: Any = None):
        """Note the data's spec and the settings (None: the defaults). ValueError for data that the model is not for."""
        self.takes.check_spec(self.name, spec)
        self.spec, self.config = spec, self.Config() if config is None else config

    @classmethod
    def offers(cls, *names: str) -> bool:
        """Whether the model has all of these methods. Raises ValueError for a name that `Model` does not declare."""
        for name in names:
            if name not in CAPABILITIES:
                raise ValueError(f"offers: {name!r} is no capability of a model{nearest(name, CAPABILITIES)}")
        return all(getattr(cls, name) is not getattr(Model, name) for name in names)

    @property
    def name(self) -> str:
        """The registry key, or for a class that is not registered its name."""
        return key_of(type(self)) or type(self).__name__

    # Samples

    @_capability
    def sample(self, n: int, rng, condition=None, given=None, **options) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`.

        `condition` is c of a conditional model: one for each example, or one for all. `given` is a pair (values,
        observed), each of the shape of one example or of all: where `observed` is true the value is kept, and the rest
        is drawn given it. `options` are fields of the model's `Options`. Raises ValueError for what the model cannot
        do.
        """

    def sampling_options(self, options: dict):
        """The model's `Options` with these values. Raises TypeError for one that it does not have."""
        valid = [field.name for field in fields(self.Options)]
        for name in options:
            if name not in valid:
                hint = nearest(name, valid) if valid else "; it takes no options"
                raise TypeError(f"{self.name}: sample: unknown option {name!r}{hint}")
        return self.Options(**options)

    # Density

    @_capability
    def log_prob(self, x, condition=None):
        """log p(x) or log p(x | condition), exact, in nats: `(n,)`.

        A model that takes missing values also has the argument `observed`, booleans of the shape of `x`: then this is
        the log-density of the observed values alone. One that takes lengths has the argument `length`, integers
        `(n,)`: then it is that of so many steps. The same holds for `elbo` and `iwae_bound`.
        """

    def score_samples(self, x, condition=None, observed=None, length=None) -> np.ndarray:
        """`log_prob` as a NumPy array, without gradients."""
        with no_grad():
            beside = {"condition": condition, "observed": observed, "length": length}
            beside = {name: value for name, value in beside.items() if value is not None}
            return to_numpy(raw(self.log_prob(x, **beside)))

    @_capability
    def energy(self, x):
        """E(x) of an unnormalised density p(x) ∝ exp(-E(x)), in nats: `(n,)`."""

    @_capability
    def score_function(self, x, t):
        """∇ log p_t(x), the gradient of the log-density of x with the noise of time t: the shape of `x`.

        (`score` is scikit-learn's word for the mean of `score_samples`.)
        """

    # Latent variables

    @_capability
    def elbo(self, x, rng, condition=None):
        """The evidence lower bound on log p(x | condition), estimated with one draw of the noise, in nats: `(n,)`."""

    @_capability
    def iwae_bound(self, x, k: int, rng, condition=None):
        """The importance-weighted bound on log p(x | condition) with `k` draws, in nats: `(n,)`."""

    @property
    @_capability
    def prior(self):
        """p(z), a distribution over one latent variable (no batch shape)."""

    @_capability
    def encode(self, x, condition=None):
        """q(z | x, condition), a distribution over latent variables, of batch shape `(n,)`."""

    @_capability
    def decode(self, z, condition=None):
        """p(x | z, condition), a distribution over events of `spec.shape`, of the batch shape of `z`."""

    # Bijections

    @_capability
    def forward(self, z, condition=None):
        """`(x, log_det)` of the bijection from latent points z to data: log_det = log |det ∂x/∂z|, `(n,)`."""

    @_capability
    def inverse(self, x, condition=None):
        """`(z, log_det)` of the inverse, from data to latent points: log_det = log |det ∂z/∂x|, `(n,)`."""

    # Autoregressive structure

    @_capability
    def conditionals(self, x, condition=None):
        """The parameters of p(x_d | what precedes x_d) for each variable d, from one parallel pass."""

    @_capability
    def conditionals_of_inputs(self, inputs, condition=None):
        """`conditionals` as a differentiable function of the network's inputs, real numbers from -1 to 1.

        `inputs` has the shape of examples. A receptive field is the gradient of this function.
        """

    @property
    @_capability
    def order(self):
        """The numbers of the variables (of an example read as one row) in the order in which they are drawn."""

    @_capability
    def ranks(self) -> np.ndarray:
        """For each variable the number of the step that draws it, `(spec.dimensions,)`."""

    @_capability
    def start(self, batch: int):
        """The state of a sequence model before the first step of `batch` sequences."""

    @_capability
    def advance(self, state, x_t):
        """`(state, parameters)`: the state after the step `x_t`, and the parameters of the next step's distribution."""

    @_capability
    def generate(self, prompt, length: int, rng, **options) -> Iterator:
        """Draw the steps that follow `prompt`, one at a time, up to `length` of them."""

    # Learning by gradients

    @_capability
    def objectives(self) -> list:
        """The `Objective`s, in the order in which a step applies them."""

    @property
    def learns_by_gradient(self) -> bool:
        """Whether training descends `objectives`; else it runs `fit_steps`."""
        return self.offers("objectives")

    def initialise(self, batch: Batch, rng) -> None:  # noqa: B027
        """Choose a start for the parameters from the training examples, before the first step. By default: nothing."""

    # Learning without gradients

    @_capability
    def fit_steps(self, batch: Batch, rng, state: dict | None = None) -> Iterator[dict]:
        """Fit the model to all examples of `batch`; yields metrics after each pass over them.

        The model is fitted once the iterator is exhausted. `state` is a dict that `fit_steps` keeps current at each
        yield: with it and the model's `state_dict()` a fit that was stopped goes on as if it had not been. It has flat
        string keys; values are numbers, strings, booleans, None, lists of these, and NumPy arrays. None, or an empty
        one, starts a fit.
        """

    def fit(self, x, rng=0, *, condition=None, labels=None, observed=None, length=None):
        """Run `fit_steps` on `x` `(n, *spec.shape)` to its end and return the model, as in scikit-learn.

        `history` is then the list of the metrics. The keywords are as in `data.Batch`.
        """
        batch = Batch(x, condition, labels, observed, length)
        self.takes.check_beside(self.name, "x", batch)
        self.history = list(self.fit_steps(batch, as_generator(rng)))
        return self

    @classmethod
    def data_settings(cls, dataset) -> dict:
        """Settings of `Config` that follow from a `data.Dataset`, such as a number of classes."""
        return {}

    # Classes and missing values

    @_capability
    def predict_log_proba(self, x, observed=None) -> np.ndarray:
        """log p(k | x) in nats for each class or component k: `(n, K)`."""

    @_capability
    def joint_log_prob(self, x, observed=None):
        """log p(x, k) in nats for each class or component k: `(n, K)`."""

    @_capability
    def impute(self, x, observed, rng=None) -> np.ndarray:
        """`x` with the values that are not observed replaced: by their means given the others, with `rng` by draws."""

    # Pictures

    def report_pictures(self, dataset, folder) -> None:  # noqa: B027
        """Draw pictures of the trained model into the run's folder, besides those that every run has."""

    # Checks

    def check_condition(self, condition, n: int):
        """`condition` as an array `(n, *spec.condition.shape)`, or None for a model without a condition.

        One condition stands for all `n` examples. Raises ValueError for a condition that is missing, not asked for, of
        another shape, or out of range. Values on a GPU are not looked at: that would wait for it.
        """
        spec = self.spec.condition
        if spec is None:
            if condition is not None:
                raise ValueError(f"{self.name}: it models p(x), not p(x | condition), got a condition")
            return None
        what = condition_name(spec)
        if condition is None:
            raise ValueError(f"condition: {self.name} is p(x | {what}), expected a {what} for each example, got None")
        condition = condition if isinstance(condition, Tensor) else array_module(condition).asarray(condition)
        if condition.shape == () or condition.shape == spec.shape:
            condition = ops.broadcast_to(condition.reshape(spec.shape), (n, *spec.shape))
        elif what == "class" and condition.shape == (n,):
            condition = condition.reshape(n, *spec.shape)
        if condition.shape != (n, *spec.shape):
            raise ValueError(f"condition: expected shape {(n, *spec.shape)}, or {spec.shape} for all, "
                             f"got {condition.shape}")
        condition = check_batch(condition, spec, "condition")
        return condition if spec.kind == "continuous" else raw(condition).astype(np.int64)
