"""`Objective`: a loss, the parameters that descend it, and how they do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..arrays.checks import positive_integer
from ..autograd import Parameter

RESERVED = frozenset(("loss", "gradient_norm", "learning_rate", "finite"))  # metrics that a training step gives itself


@dataclass(frozen=True)
class Objective:
    """One loss and the parameters that descend it.

    `loss(batch, rng, step)` gives a scalar Tensor (nats per example unless the model says otherwise) and a dict of
    metrics, numbers, 0-d arrays or Tensors by name, under other names than those of `RESERVED`. `batch` is a
    `data.Batch`, `rng` a source of noise, and `step` the number of updates of the model so far: an int, or in a
    captured step on a GPU a 0-d array of the model's dtype. The call is a training call: the loss passes `train=True`
    on to its networks.

    Most models have one objective; an adversarial model has a critic's and a generator's, which take turns:

    - `every`: the objective is applied in every `every`-th step.
    - `optimizer`: settings of its own in place of the run's, by the names of `training.TrainConfig` that concern an
      optimiser (`learning_rate`, `betas`, `schedule`, `clip_norm`, `ema`, …).
    - `after()` runs once after each of its updates: weights are clipped, a codebook's averages move.
    - `fresh`: the objective gets a batch of its own in each step, not the one that the others see.

    Raises TypeError or ValueError for a field that is not so.
    """

    name: str
    loss: Callable[[Any, Any, Any], tuple[Any, dict]]
    parameters: Sequence
    every: int = 1
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[], None] | None = None
    fresh: bool = False

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"objective name: expected a word such as critic, got {self.name!r}")
        positive_integer(f"objective {self.name}: every", self.every)
        if not callable(self.loss):
            raise TypeError(f"objective {self.name}: loss: expected a function, got {self.loss!r}")
        if self.after is not None and not callable(self.after):
            raise TypeError(f"objective {self.name}: after: expected a function or None, got {self.after!r}")
        if not isinstance(self.optimizer, Mapping):
            raise TypeError(f"objective {self.name}: optimizer: expected a dict of settings, got {self.optimizer!r}")
        object.__setattr__(self, "parameters", tuple(self.parameters))
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"objective {self.name}: parameters: expected Parameters, "
                                f"got a {type(parameter).__name__}")
        if not self.parameters:
            raise ValueError(f"objective {self.name}: parameters: expected at least one, got none")
