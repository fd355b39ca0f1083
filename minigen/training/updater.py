"""How the parameters of one objective follow their gradient: optimiser, schedule, clipping, average."""

import numpy as np

from ..arrays import array_module
from ..arrays.checks import fraction, positive_integer, positive_number
from ..optim import ExponentialMovingAverage, clip_scale, create, global_norm, schedules


class Updater:
    """The update rule of one objective, with its state.

    `group` is the group of the parameter buffer that the objective moves, with gradients gathered in it. `optimizer`
    and `options` (`weight_decay`, `momentum`, `betas`, …) are those of `optim.create`; an option that is None is left
    out. `schedule` gives the factor of `learning_rate` at each update of the model: a function such as
    `optim.schedules` makes, or "constant", "step" (multiplied by `decay_factor` every `decay_every` epochs of
    `steps_per_epoch` steps) or "cosine" (down to 0 after `steps`), both after a linear `warmup` of so many steps.
    `clip_norm` limits the global norm of the gradient. `ema` is the decay of an average of the parameters. Raises
    TypeError or ValueError that names the setting.
    """

    def __init__(self, objective, group, steps, steps_per_epoch, *, optimizer="adam", learning_rate=1e-3, schedule=None,
                 warmup=0, decay_every=30, decay_factor=0.1, clip_norm=None, ema=None, **options):
        if schedule == "cosine":
            if steps is None:
                raise ValueError("schedule cosine needs the number of steps, got None")
            schedule = schedules.cosine(max(1, steps), warmup)
        elif schedule == "step":
            decay_every = positive_integer("decay_every", decay_every)
            schedule = schedules.step(decay_every * steps_per_epoch, decay_factor, warmup)
        elif schedule in (None, "constant"):
            schedule = schedules.constant(warmup)
        elif not callable(schedule):
            raise ValueError(f"schedule: expected constant, step, cosine or a function, got {schedule!r}")
        options = {name: value for name, value in options.items() if value is not None}
        self.objective = objective
        self.schedule = schedule
        self.learning_rate = learning_rate
        self.clip_norm = None if clip_norm is None else positive_number("clip_norm", clip_norm)
        ema = None if ema is None else fraction("ema", ema)
        self.optimizer = create(optimizer, group, learning_rate=learning_rate, **options)
        self.average = None if ema is None else ExponentialMovingAverage(group, ema)

    def rate(self, updates: int) -> float:
        """The learning rate after so many updates of the model."""
        return self.learning_rate * self.schedule(updates)

    def apply(self, loss, rate):
        """Move the parameters by the gathered gradients: `(norm of the gradient, whether it and the loss are finite)`.

        What is not finite moves nothing. On a GPU, where nothing is waited for, both are 0-d arrays, and `after` is
        called all the same.
        """
        group = self.optimizer.group
        norm = global_norm(group)
        scale = 1.0 if self.clip_norm is None else clip_scale(norm, self.clip_norm)
        xp = array_module(norm)
        finite = xp.isfinite(loss) & xp.isfinite(norm)
        if xp is np and not finite:
            return norm, finite
        if xp is not np:
            scale = xp.where(finite, scale, float("nan"))
        self.optimizer.step(learning_rate=rate, scale=scale)
        if self.objective.after is not None:
            self.objective.after()
        if self.average is not None:
            self.average.update(True if xp is np else finite)
        return norm, finite
