"""One update of a model: what the loop repeats, a benchmark times and a user's own loop calls."""

import contextlib

import numpy as np

from ..arrays import array_module, as_generator
from ..arrays.memory import keep_freed_memory
from ..autograd import AnomalyError, detect_anomaly, grad
from ..autograd.tensor import raw
from ..optim import ExponentialMovingAverage, ParameterBuffer, clip_scale, create, global_norm
from .batches import count, cut, examples
from .capture import CapturedStep


def make_step(model, optimizer="adam", learning_rate=1e-3, *, capture=False, **settings):
    """A function `step(batch, rng) -> dict` that updates `model` once on each call.

    A batch is an array of examples, or a pair of examples and labels where the model's objectives take such.
    The dict has 0-d arrays, on the model's device: `loss`, the gradient's global norm before clipping as
    `gradient_norm`, `learning_rate`, the objectives' own metrics, and `finite`. An objective whose loss or
    gradient has a NaN or infinity changes nothing, and then `finite` is false; `step.explain(batch, rng)` with the
    same arguments says where it began. `settings` are those of `Step`. Packs the model's parameters into one
    buffer, so make the step after moving the model to its device and dtype. With `capture` the step of a model on a
    GPU is recorded once as a CUDA graph and replayed from then on: see `CapturedStep`.
    """
    step = Step(model, optimizer, learning_rate, **settings)
    return CapturedStep(step) if capture else step


class Step:
    """What `make_step` makes.

    `optimizer` and the `options` are those of `optim.create`; `schedule` is one of `optim.schedules`, the factor of
    `learning_rate` at each update. `clip_norm` limits the global norm of each objective's gradient. `ema` is the
    decay of an average of the parameters, which `averaged` puts in their place. `accumulate` cuts a batch into so
    many pieces, one after the other in memory, with the gradient of the whole.
    """

    def __init__(self, model, optimizer="adam", learning_rate=1e-3, *, schedule=None, clip_norm=None, ema=None,
                 accumulate=1, **options):
        self.model, self.schedule, self.learning_rate = model, schedule, learning_rate
        self.clip_norm, self.accumulate = clip_norm, accumulate
        self.objectives = model.objectives()
        self.buffer = ParameterBuffer.pack(model, [objective.parameters for objective in self.objectives])
        self.optimizers = [
            create(optimizer, self.buffer.part(objective.parameters), learning_rate=learning_rate, **options)
            for objective in self.objectives
        ]
        self.average = None if ema is None else ExponentialMovingAverage(self.buffer, ema)
        self.updates = 0
        self.xp = array_module(*[parameter.data for parameter in self.buffer.parameters])
        keep_freed_memory()

    def __call__(self, batch, rng):
        """Update once on `batch` and return the metrics.

        On a GPU nothing is waited for: the GPU itself leaves out an update that is not finite, and `updates` counts it.
        """
        metrics = self.update(batch, as_generator(rng), self.rate())
        if self.xp is not np or metrics["finite"]:
            self.updates += 1
        return metrics

    def rate(self):
        """The learning rate of the next update."""
        return self.learning_rate * (self.schedule(self.updates) if self.schedule else 1.0)

    def update(self, batch, rng, rate):
        """An update at this learning rate, a number or a 0-d array on the GPU, that is not counted; the metrics."""
        xp, metrics, finite = self.xp, {}, True
        for number, objective in self.due():
            updater, stream = self.optimizers[number], self._stream(rng, number)
            loss, figures = self._gather(objective, updater.part, batch, stream)
            norm = global_norm(updater.part)
            scale = 1.0 if self.clip_norm is None else clip_scale(norm, self.clip_norm)
            good = xp.isfinite(loss) & xp.isfinite(norm)
            if xp is not np:
                updater.step(learning_rate=rate, scale=xp.where(good, scale, float("nan")))
            elif good:
                updater.step(learning_rate=rate, scale=scale)
            finite = good & finite
            prefix = f"{objective.name}_" if number else ""
            metrics.update({f"{prefix}loss": loss, f"{prefix}gradient_norm": norm, **figures})
        if self.average is not None and (xp is not np or finite):
            self.average.update(True if xp is np else finite)
        metrics["learning_rate"] = rate if hasattr(rate, "get") else xp.full((), rate, np.float64)
        metrics["finite"] = finite if hasattr(finite, "get") else np.asarray(finite)
        return metrics

    def explain(self, batch, rng):
        """Words for what first became NaN or infinite in `step(batch, rng)`: data, a parameter, or an op."""
        for name, array in self.model.state_dict().items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return f"{name} is not finite"
        x = examples(batch)
        if x.dtype.kind == "f" and not array_module(x).isfinite(x).all():
            return "the batch has a NaN or an infinity"
        rng = as_generator(rng)
        try:
            with np.errstate(all="ignore"), detect_anomaly():
                for number, objective in self.due():
                    part = self.optimizers[number].part
                    self._gather(objective, part, batch, self._stream(rng, number))
        except AnomalyError as error:
            return str(error)
        return "the norm of the gradient is too large for its dtype"

    def averaged(self):
        """The context in which the model has the averaged parameters, if there are any."""
        return contextlib.nullcontext() if self.average is None else self.average.applied()

    def state_dict(self):
        """All that `load_state_dict` needs, as named arrays (NumPy); the model's own parameters are not in it."""
        state = {"updates": np.array(self.updates)}
        for number, updater in enumerate(self.optimizers):
            entries = updater.state_dict().items()
            state.update((f"{number}/{name}", np.asarray(value)) for name, value in entries)
        if self.average is not None:
            entries = self.average.state_dict().items()
            state.update((f"average/{name}", np.asarray(value)) for name, value in entries)
        return state

    def load_state_dict(self, state):
        """Go on from a `state_dict`, bit for bit; ValueError for one that does not fit."""
        groups = {}
        for name, array in state.items():
            group, _, rest = name.rpartition("/")
            groups.setdefault(group, {})[rest] = array
        owners = {str(number): updater for number, updater in enumerate(self.optimizers)}
        if self.average is not None:
            owners["average"] = self.average
        own = groups.pop("", {})
        if set(groups) != set(owners) or set(own) != {"updates"}:
            raise ValueError(f"state of the step does not fit: expected updates and the groups {', '.join(owners)}, "
                             f"got {', '.join([*own, *groups])}")
        updates = own["updates"]
        if updates.shape != () or updates.dtype.kind != "i" or updates < 0:
            raise ValueError(f"state of the step does not fit: updates is {updates!r}")
        for group, owner in owners.items():
            owner.load_state_dict(groups[group])
        self.updates = int(updates)

    def due(self):
        """The objectives of this update, with their numbers."""
        return [
            (number, objective) for number, objective in enumerate(self.objectives)
            if (self.updates + 1) % objective.every == 0
        ]

    def _stream(self, rng, number):
        # streams of their own for several objectives, so that the loss of one can be computed again alone
        return rng if len(self.objectives) == 1 else rng.fold_in(number)

    def _gather(self, objective, part, batch, rng):
        """Loss and metrics of one objective on a batch, its gradients gathered into the buffer."""
        pieces = cut(batch, self.accumulate) if self.accumulate > 1 else [batch]
        totals = {}
        for number, piece in enumerate(pieces):
            loss, figures = objective.loss(piece, rng)
            gradients = grad(loss, part.trainable())
            share = count(piece) / count(batch)
            if len(pieces) > 1:
                gradients = [share * gradient for gradient in gradients]
            part.gather(gradients, add=number > 0)
            for name, value in (("", loss), *figures.items()):
                value = raw(value) if len(pieces) == 1 else share * raw(value)
                totals[name] = totals[name] + value if number else value
        return totals.pop(""), totals
