"""One update of a model: what the loop repeats, a benchmark times and a user's own loop calls."""

import contextlib

import numpy as np

from ..arrays import array_module, as_generator
from ..arrays.checks import positive_integer
from ..arrays.memory import keep_freed_memory
from ..autograd import AnomalyError, Tensor, detect_anomaly, grad, raw
from ..data import as_batch
from ..models.objective import RESERVED
from ..optim import ParameterBuffer
from ..protocols import nearest
from .capture import CapturedStep
from .updater import Updater


def make_step(model, optimizer="adam", learning_rate=1e-3, *, capture=False, **settings):
    """A function `step(batch, rng) -> dict` that updates `model` once on each call.

    A batch is a `data.Batch`, or an array of examples. The dict has 0-d arrays, on the model's device: of each
    objective that took part `loss`, the gradient's global norm before clipping as `gradient_norm`, `learning_rate` and
    the objective's own metrics, and `finite`. A model of several objectives has these as `critic.loss`, after the
    objective's name. An objective whose loss or gradient has a NaN or infinity changes nothing, and then `finite` is
    false; `step.explain(batch, rng)` with the same arguments says where it began. `settings` are those of `Step`. Packs
    the model's parameters into one buffer, so make the step after moving the model to its device and dtype. With
    `capture` the step of a model on a GPU is recorded once as a CUDA graph and replayed from then on: see
    `CapturedStep`.
    """
    step = Step(model, optimizer=optimizer, learning_rate=learning_rate, **settings)
    return CapturedStep(step) if capture else step


class Step:
    """What `make_step` makes.

    `settings` are those of `Updater`: optimiser, learning rate, schedule, clipping, average, and the optimiser's own
    options. They hold for each objective, except for what its `Objective.optimizer` says, and before that
    `objectives`, a dict from an objective's name to settings. `steps` and `steps_per_epoch` are the length of the run
    and of an epoch, by which schedules that are named count. `accumulate` cuts a batch into so many pieces, one after
    the other in memory, with the gradient of the whole.

    Raises ValueError for no objective, for two of one name, and for settings of an objective that there is not;
    TypeError or ValueError for settings that do not fit.
    """

    def __init__(self, model, *, accumulate=1, objectives=None, steps=None, steps_per_epoch=1, **settings):
        self.model, self.accumulate = model, positive_integer("accumulate", accumulate)
        self.objectives = model.objectives()
        names = [objective.name for objective in self.objectives]
        if not names:
            raise ValueError("objectives: expected at least one, got none")
        if len(set(names)) < len(names):
            raise ValueError(f"objectives: expected different names, got {', '.join(names)}")
        for name in objectives or {}:
            if name not in names:
                raise ValueError(f"unknown objective {name!r}{nearest(name, names)}")
        self.buffer = ParameterBuffer.pack(model, [objective.parameters for objective in self.objectives])
        self.updaters = []
        for objective in self.objectives:
            theirs = {**settings, **objective.optimizer, **(objectives or {}).get(objective.name, {})}
            try:
                updater = Updater(objective, self.buffer.group(objective.parameters), steps, steps_per_epoch, **theirs)
            except (TypeError, ValueError) as error:
                raise type(error)(f"objective {objective.name}: {error}") from error
            self.updaters.append(updater)
        self.module_buffers = [buffer for _, buffer in model.named_buffers()]
        self.updates = 0
        self.xp = array_module(*[parameter.data for parameter in self.buffer.parameters])
        keep_freed_memory()

    def __call__(self, batch, rng, fresh=None):
        """Update once on `batch` and return the metrics.

        `fresh()` gives one more batch to each objective that asks for a batch of its own. On a GPU nothing is waited
        for: the GPU itself leaves out an update that is not finite, and `updates` counts it.
        """
        due = self.due()
        metrics = self.update(due, self.batches(due, batch, fresh), as_generator(rng), self.rates(due), self.updates)
        if self.xp is not np or metrics["finite"]:
            self.updates += 1
        return metrics

    def due(self) -> list[int]:
        """The numbers of the objectives that take part in the next update."""
        return [number for number, objective in enumerate(self.objectives) if (self.updates + 1) % objective.every == 0]

    def batches(self, due, batch, fresh) -> list:
        """The batch of each objective that is due: the common one, or a fresh one where the objective asks for it."""
        batch, batches = as_batch(batch), []
        for number in due:
            objective = self.objectives[number]
            if objective.fresh and fresh is None:
                raise ValueError(f"fresh: objective {objective.name} takes a batch of its own in each step, "
                                 "expected a function that gives one, got None")
            batches.append(as_batch(fresh()) if objective.fresh else batch)
        return batches

    def rates(self, due) -> list:
        """The learning rate of each objective that is due."""
        return [self.updaters[number].rate(self.updates) for number in due]

    def update(self, due, batches, rng, rates, updates):
        """An update that is not counted; its metrics. On a GPU `rates` and `updates` may be 0-d arrays there."""
        xp, metrics, all_finite = self.xp, {}, True
        for number, batch, rate in zip(due, batches, rates, strict=True):
            updater, held = self.updaters[number], [buffer.data for buffer in self.module_buffers]
            loss, figures = self._gather(number, batch, rng, updates)
            norm, finite = updater.apply(loss, rate)
            self._settle(held, finite)
            all_finite = finite & all_finite
            rate = rate if hasattr(rate, "get") else xp.full((), rate, np.float64)
            figures = {"loss": loss, "gradient_norm": norm, "learning_rate": rate, **figures}
            prefix = "" if len(self.objectives) == 1 else f"{updater.objective.name}."
            metrics.update({prefix + name: value for name, value in figures.items()})
        metrics["finite"] = all_finite if hasattr(all_finite, "get") else np.asarray(all_finite)
        return metrics

    def explain(self, batch, rng, fresh=None):
        """Words for what first became NaN or infinite in `step(batch, rng, fresh)`: data, a parameter, or an op."""
        for name, array in self.model.state_dict().items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return f"{name} is not finite"
        due = self.due()
        batches, rng = self.batches(due, batch, fresh), as_generator(rng)
        for batch in batches:
            for name, array in batch.present("x", "condition").items():
                if array.dtype.kind == "f" and not array_module(array).isfinite(array).all():
                    return f"the batch's {name} has a NaN or an infinity"
        held = [buffer.data for buffer in self.module_buffers]
        try:
            with np.errstate(all="ignore"), detect_anomaly():
                for number, batch in zip(due, batches, strict=True):
                    self._gather(number, batch, rng, self.updates)
        except AnomalyError as error:
            return str(error)
        finally:
            self._settle(held, False)
        return "the norm of the gradient is too large for its dtype"

    @property
    def has_averages(self) -> bool:
        """Whether some objective keeps an average of its parameters."""
        return any(updater.average is not None for updater in self.updaters)

    @contextlib.contextmanager
    def averaged(self):
        """The context in which the parameters that have an average are replaced by it."""
        with contextlib.ExitStack() as stack:
            for updater in self.updaters:
                if updater.average is not None:
                    stack.enter_context(updater.average.applied())
            yield

    def state_dict(self):
        """All that `load_state_dict` needs, as named arrays (NumPy); the model's own parameters are not in it."""
        state = {"updates": np.array(self.updates)}
        for group, owner in self._owners().items():
            state.update((f"{group}/{name}", np.asarray(value)) for name, value in owner.state_dict().items())
        return state

    def load_state_dict(self, state):
        """Go on from a `state_dict`, bit for bit; ValueError for one that does not fit."""
        groups, owners = {}, self._owners()
        for name, array in state.items():
            group, _, rest = name.rpartition("/")
            groups.setdefault(group, {})[rest] = array
        counters = groups.pop("", {})
        if set(groups) != set(owners) or set(counters) != {"updates"}:
            raise ValueError(f"state of the step does not fit: expected updates and the groups {', '.join(owners)}, "
                             f"got {', '.join([*counters, *groups])}")
        updates = counters["updates"]
        if updates.shape != () or updates.dtype.kind != "i" or updates < 0:
            raise ValueError(f"state of the step does not fit: updates is {updates!r}")
        for group, owner in owners.items():
            owner.load_state_dict(groups[group])
        self.updates = int(updates)

    def _owners(self):
        """What has a state, by the name of its group."""
        owners = {}
        for updater in self.updaters:
            owners[f"{updater.objective.name}/optimizer"] = updater.optimizer
            if updater.average is not None:
                owners[f"{updater.objective.name}/average"] = updater.average
        return owners

    def _gather(self, number, batch, rng, updates):
        """Loss and metrics of one objective on a batch, its gradients gathered into the buffer."""
        objective, group = self.objectives[number], self.updaters[number].optimizer.group
        # several objectives have streams of their own, so that the loss of one can be computed again alone
        rng = rng if len(self.objectives) == 1 else rng.fold_in(number)
        rows = -(-len(batch) // self.accumulate)
        pieces = [batch] if self.accumulate == 1 else [batch[at:at + rows] for at in range(0, len(batch), rows)]
        totals = {}
        for index, piece in enumerate(pieces):
            loss, figures = self._loss(objective, piece, rng, updates)
            gradients = grad(loss, group.trainable())
            share = len(piece) / len(batch)
            if len(pieces) > 1:
                gradients = [share * gradient for gradient in gradients]
            group.gather(gradients, add=index > 0)
            for name, value in (("", loss), *figures.items()):
                value = raw(value) if len(pieces) == 1 else share * raw(value)
                totals[name] = totals[name] + value if index else value
        return totals.pop(""), totals

    def _loss(self, objective, batch, rng, updates):
        """The loss and its metrics. Raises TypeError or ValueError, with the objective's name, for anything else."""
        result, where = objective.loss(batch, rng, updates), f"objective {objective.name}"
        if not isinstance(result, tuple) or [isinstance(result[0], Tensor), *map(type, result[1:])] != [True, dict]:
            raise TypeError(f"{where}: loss: expected a scalar Tensor and a dict of metrics, got {result!r}")
        loss, figures = result
        if loss.shape:
            raise ValueError(f"{where}: loss: expected a scalar, got shape {loss.shape}")
        for name, value in figures.items():
            if name in RESERVED:
                raise ValueError(f"{where}: metric {name!r}: the step itself gives one of this name")
            if getattr(raw(value), "shape", ()):
                raise ValueError(f"{where}: metric {name!r}: expected a number, got shape {value.shape}")
        return result

    def _settle(self, held, finite):
        """Keep what a loss recorded in the model's buffers (running averages) if the update was finite.

        On a GPU the values go into the arrays that the buffers had, since a captured graph reads those again.
        """
        for buffer, array in zip(self.module_buffers, held, strict=True):
            if buffer.data is array:
                continue
            if self.xp is not np:
                array[...] = self.xp.where(finite, buffer.data, array)
                buffer.data = array
            elif not finite:
                buffer.data = array
