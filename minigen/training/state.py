"""Everything that changes while a model trains, so that a checkpoint is this and nothing else."""

import itertools
import math

import numpy as np

from ..arrays import Generator, to_device, to_numpy
from ..data import Loader
from ..evaluation import validation_score
from .checkpoint import CheckpointError
from .config import OF_AN_OBJECTIVE
from .load import load_parameters
from .step import make_step

# children of the run's generator, one for each purpose; none is ever advanced, so they need no saving
LOADER, STEPS, VALIDATION, PICTURES, INITIAL, FRESH = range(6)

READ_EVERY = 16  # steps on a GPU after which their metrics are read: reading waits for it


class TrainingDiverged(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite; the message names where it began."""


class State:
    """A model in training: its parameters, optimiser, averages, position in the data and counters."""

    def __init__(self, model, data, config):
        self.model, self.config, self.validation = model, config, data.batch("validation")
        self.rng = Generator(config.seed)
        size, train = config.batch_size * config.accumulate, data.batch("train")
        if model.takes.labels is None:
            train = train.replace(labels=None)
        self.loader = Loader(train, size, self.rng.fold_in(LOADER), transform=data.transform)
        self.steps_per_epoch = math.ceil(len(train) / size)
        self.step = make_step(model, **step_settings(config, self.steps_per_epoch))
        self.steps = 0  # updates done
        self.epoch = 0  # epochs completed, their validation included
        self.stale = 0  # epochs since the best
        self.best = None  # the best validation figure: its epoch and value
        self.best_parameters, self.best_is_saved = None, False  # what had it, and whether that is on the disk
        self.last_score = None  # of the latest validation
        self.rates = {}  # the learning rate of the latest update, by objective where there are several
        self.sums = {}  # for each metric its sum over this epoch's examples, and their number
        self.metrics_bytes = 0  # the length of metrics.jsonl
        self.pending, self.figures = [], None  # steps whose metrics are to be read; the latest that were

    @property
    def within_epoch(self):
        """Whether the epoch that has begun has batches to come."""
        return self.steps < (self.epoch + 1) * self.steps_per_epoch

    @property
    def stopped_early(self):
        """Whether the validation figure has not improved for as many epochs as `patience` says."""
        return self.config.patience is not None and self.stale >= self.config.patience

    def update(self, batch):
        """One step on `batch`: its metrics as floats. Raises TrainingDiverged, the parameters unchanged.

        On a GPU the metrics are those of the last step that were read, and it may have diverged some steps ago.
        """
        with np.errstate(all="ignore"):  # the step's finite flag says it, and `explain` says it better
            metrics = self.step(batch, self.rng.fold_in(STEPS, self.steps), self._fresh(self.steps))
        self.pending.append((batch, metrics))
        self.steps += 1
        if self.step.xp is np or len(self.pending) == READ_EVERY or self.figures is None:
            self.collect()
        return self.figures

    def collect(self):
        """Read the metrics of the steps since the last time. Raises TrainingDiverged for the first that diverged."""
        pending, self.pending = self.pending, []
        tables = _read([metrics for _, metrics in pending], self.step.xp)
        for i, ((batch, _), figures) in enumerate(zip(pending, tables, strict=True)):
            if not figures.pop("finite"):
                self.steps -= len(pending) - i
                rng = self.rng.fold_in(STEPS, self.steps)
                cause = self.step.explain(batch, rng, self._fresh(self.steps))
                raise TrainingDiverged(f"training diverged in step {self.steps + 1} (epoch {self.epoch + 1}): {cause}")
            self.figures = figures
            for name, value in figures.items():
                if name.rpartition(".")[2] == "learning_rate":
                    self.rates[name] = value
                    continue
                total, n = self.sums.get(name, (0.0, 0))
                self.sums[name] = (total + value * len(batch), n + len(batch))

    def _fresh(self, steps):
        """A function that gives fresh batches for the update after so many steps, always the same ones."""
        numbers = itertools.count()
        rng = self.rng.fold_in(FRESH, steps)
        return lambda: on_device(self.loader.random_batch(rng.fold_in(next(numbers))), self.config.device)

    def end_epoch(self):
        """Validate, note the best, and return the epoch's line of metrics.jsonl."""
        self.collect()
        train = {name: total / n for name, (total, n) in self.sums.items()}
        self.sums = {}
        row = {"epoch": self.epoch + 1, "step": self.steps, **{name: self.rates[name] for name in sorted(self.rates)}}
        row["train"] = {name: _json(train[name]) for name in sorted(train)}  # the order that a checkpoint has too
        with self.step.averaged(), np.errstate(all="ignore"):
            rng = self.rng.fold_in(VALIDATION, self.epoch)
            score = validation_score(self.model, self.validation, rng)
            for name, value in score.items():
                if not math.isfinite(value):
                    raise TrainingDiverged(f"training diverged: {name} of the validation split is {value} after "
                                           f"epoch {self.epoch + 1}")
                row["validation"] = {name: value}
                self._compare(value)
        self.epoch += 1
        return row

    def _compare(self, value):
        self.last_score = value
        self.stale += 1
        if self.best is None or value > self.best["value"]:
            self.best, self.stale = {"epoch": self.epoch + 1, "value": value}, 0
            self.best_parameters, self.best_is_saved = self.model.state_dict(), False

    def use_best(self, folder):
        """Give the model the parameters that had the best validation figure (of `folder` after a resumption)."""
        if self.best is None:
            return
        if self.best_parameters is None:
            self.best_parameters = load_parameters(folder, folder.best_path)
        self.model.load_state_dict(self.best_parameters)

    def check_parameters(self):
        """Raise TrainingDiverged naming the first parameter or buffer that is not finite."""
        for name, array in self.model.state_dict().items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise TrainingDiverged(f"training diverged before step {self.steps + 1}: {name} is not finite")

    def save(self):
        """`(arrays, header)` for a checkpoint."""
        self.collect()
        arrays = {f"model/{name}": array for name, array in self.model.state_dict().items()}
        arrays.update((f"step/{name}", array) for name, array in self.step.state_dict().items())
        if self.step.has_averages:  # what a loaded model has
            with self.step.averaged():
                arrays.update((f"average/{name}", array) for name, array in self.model.state_dict().items())
        arrays.update((f"sums/{name}", np.array(pair, np.float64)) for name, pair in self.sums.items())
        header = {
            "step": self.steps, "epoch": self.epoch, "stale": self.stale, "best": self.best,
            "last_score": self.last_score, "metrics_bytes": self.metrics_bytes, "loader": self.loader.state,
            "rng": self.rng.state, "rates": self.rates,
        }
        return arrays, header

    def restore(self, arrays, header, path):
        """Put back what `save` gave; CheckpointError (naming `path`) if it does not fit this model and data."""
        groups = {"model": {}, "step": {}, "sums": {}, "average": {}}
        try:
            for name, array in arrays.items():
                group, _, rest = name.partition("/")
                groups[group][rest] = array
            counters = {name: _count(header[name]) for name in ("step", "epoch", "stale", "metrics_bytes")}
            best = None if header["best"] is None else {
                "epoch": _count(header["best"]["epoch"]), "value": _finite(header["best"]["value"])
            }
            last_score = None if header["last_score"] is None else _finite(header["last_score"])
            rates = {str(name): _finite(rate) for name, rate in dict(header["rates"]).items()}
            first = counters["epoch"] * self.steps_per_epoch
            if not first <= counters["step"] < first + self.steps_per_epoch:
                raise ValueError(f"step {counters['step']} is not in epoch {counters['epoch'] + 1}")
            position = {"epoch": counters["epoch"], "position": counters["step"] - first}
            if header["loader"] != {**self.loader.state, **position}:
                raise ValueError(f"the data are at {header['loader']!r}")
            if any(pair.shape != (2,) or pair.dtype != np.float64 for pair in groups["sums"].values()):
                raise ValueError("the sums of the metrics are not pairs")
            if self.rng.state != header["rng"]:
                raise ValueError("the random state is another seed's")
            if _shapes(groups["average"]) != (_shapes(groups["model"]) if self.step.has_averages else {}):
                raise ValueError("the averages are not those of the model's parameters")
            self.model.load_state_dict(groups["model"])
            self.step.load_state_dict(groups["step"])
            self.loader.state = header["loader"]
            if self.step.updates != counters["step"]:
                raise ValueError(f"the optimiser is at step {self.step.updates}, the run at {counters['step']}")
        except (ValueError, TypeError, KeyError) as error:
            what = f"{error} is missing or unknown" if isinstance(error, KeyError) else error
            raise CheckpointError(f"{path} does not fit this run: {what}") from error
        self.steps, self.epoch = counters["step"], counters["epoch"]
        self.stale, self.metrics_bytes = counters["stale"], counters["metrics_bytes"]
        self.best, self.last_score, self.rates = best, last_score, rates
        self.sums = {name: (float(total), int(n)) for name, (total, n) in groups["sums"].items()}


def on_device(batch, device):
    """A batch with its arrays on a device."""
    return batch.map(lambda array: to_device(array, device))


def _read(tables, xp):
    """Dicts of 0-d arrays as dicts of floats, those on a GPU in one copy for each dtype."""
    values = [value for metrics in tables for value in metrics.values()]
    if xp is not np:
        kinds = {value.dtype: [] for value in values}
        for i, value in enumerate(values):
            kinds[value.dtype].append(i)
        for numbers in kinds.values():
            copied = to_numpy(xp.stack([values[i] for i in numbers]))
            for i, value in zip(numbers, copied, strict=True):
                values[i] = value
    values = iter(values)
    return [{name: float(next(values)) for name in metrics} for metrics in tables]


def step_settings(config, steps_per_epoch):
    """The arguments of `make_step` that a TrainConfig stands for."""
    return {
        **{name: getattr(config, name) for name in OF_AN_OBJECTIVE}, "accumulate": config.accumulate,
        "objectives": config.objectives, "steps": config.epochs * steps_per_epoch, "steps_per_epoch": steps_per_epoch,
    }


def _shapes(arrays):
    return {name: (array.shape, array.dtype) for name, array in arrays.items()}


def _json(value):
    return value if math.isfinite(value) else None  # JSON has no NaN


def _count(value):
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"expected a count, got {value!r}")
    return value


def _finite(value):
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value!r}")
    return float(value)
