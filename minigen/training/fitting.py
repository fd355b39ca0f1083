"""Runs of models that fit themselves: one pass over the data after the other, with checkpoints between the passes.

Beside its parameters a model's `fit_steps` keeps all that it needs to go on in a dict, its state. A checkpoint has
both:

    header    step             how many lines metrics.jsonl has, one for each pass, and the validation figure at the end
              metrics_bytes    how long these are
              fitted           whether the model is fitted: whether all passes are done
              state            the numbers, strings and lists of the state
    arrays    model/NAME       parameters and buffers
              state/NAME       the arrays of the state

So a fit that was stopped or killed goes on from its latest checkpoint and ends as if it had never been stopped, bit for
bit, metrics.jsonl included.
"""

import math

import numpy as np

from ..arrays import Generator, set_threads
from ..evaluation import validation_score
from .checkpoint import CheckpointError
from .clock import Clock
from .load import is_fitted
from .metrics import RunError, open_metrics, read_metrics
from .progress import Passes
from .run import Run, check_same, describe
from .signals import Interrupted, stop_requests
from .state import TrainingDiverged

# children of the run's generator, one for each purpose
FIT, VALIDATION, TRANSFORM = range(3)


def fit_by_steps(model, data, config, run=None, resume=False, quiet=True, source=None):
    """Fit `model` on a Dataset by its `fit_steps`: `(metrics, the run folder or None)`.

    The metrics are one dict for each pass, and one with the validation figure. `run` is the path of a run folder to
    make or, with `resume`, to continue. Of the config `seed`, `threads` and `checkpoint_every` (passes) count. Raises
    as `training.fit` does.
    """
    if config.threads is not None:
        set_threads(config.threads)
    fit = _Fit(model, config)
    if run is None:
        fit.run(data, quiet)
        return fit.rows, None
    description = describe(model, data, source, config)
    if resume:
        fit.folder = Run.open(run)
        check_same(fit.folder.config, description)
        path = fit.folder.latest_path()
        arrays, header = fit.folder.read(path)
        fit.restore(arrays, header, path)
        if fit.folder.config["train"] != description["train"]:
            fit.folder.update_config({**fit.folder.config, "train": description["train"]})
        if is_fitted(header):
            return read_metrics(fit.folder.metrics), fit.folder
    else:
        fit.folder = Run.create(run, description, *fit.content())
    try:
        with open_metrics(fit.folder.metrics, fit.metrics_bytes) as fit.metrics:
            fit.run(data, quiet)
    except RunError:  # a full disk: the folder can be resumed
        raise
    except KeyError as error:
        if not resume:
            raise
        raise CheckpointError(f"{path} does not fit this run: its state has no {error}") from error
    except (TypeError, ValueError):  # the model refuses the data, and always would: leave nothing in the way
        if not resume:
            fit.folder.remove()
        raise
    return read_metrics(fit.folder.metrics), fit.folder


class _Fit:
    """A fit that has come to some pass: the model, the state of its `fit_steps`, and the metrics so far."""

    def __init__(self, model, config):
        self.model = model
        self.config = config
        self.folder = None  # of the run, if it has one
        self.metrics = None  # the open metrics file of the folder
        self.state = {}
        self.step = 0  # lines of metrics.jsonl
        self.metrics_bytes = 0
        self.fitted = False
        self.rows = []  # the metrics of this call

    def run(self, data, quiet):
        """Fit to the end, validate, and save the fitted model."""
        rng = Generator(self.config.seed)
        self._run_passes(_training_batch(self.model, data, rng.fold_in(TRANSFORM)), rng.fold_in(FIT), quiet)
        for name, array in self.model.state_dict().items():
            if array.dtype.kind == "f" and np.isnan(array).any():  # infinities may be meant, as log 0
                raise TrainingDiverged(f"the fit failed: {name} has NaN")
        score = validation_score(self.model, data.batch("validation"), rng.fold_in(VALIDATION))
        self._add({"validation": {name: _plain(value) for name, value in score.items()}})
        self.fitted = True
        self.state = {}
        self._save()

    def _run_passes(self, batch, rng, quiet):
        """Run `fit_steps` from where it stands; save now and then, and when asked to stop."""
        clock = Clock(self.config.checkpoint_every, self.step)
        with stop_requests() as stop, Passes(quiet, self.step) as progress:
            for figures in self.model.fit_steps(batch, rng, self.state):
                progress.update(figures)
                self._add({name: _plain(value) for name, value in figures.items()})
                if stop or clock.due(self.step):
                    self._save()
                    clock.saved(self.step)
                if stop:
                    path = None if self.folder is None else self.folder.path
                    raise Interrupted(f"stopped after pass {self.step} of the fit", path, self.step)

    def _add(self, row):
        self.rows.append(row)
        self.step += 1
        if self.metrics is not None:
            self.metrics_bytes += self.metrics.append(row)

    def _save(self):
        if self.folder is not None:
            self.metrics.sync()  # a checkpoint names the metrics' length, so they must be there first
            self.folder.write(*self.content())

    def content(self):
        """`(arrays, header)` for a checkpoint."""
        arrays = {f"model/{name}": array for name, array in self.model.state_dict().items()}
        plain = {}
        for name, value in self.state.items():
            if isinstance(value, np.ndarray):
                arrays[f"state/{name}"] = value
            else:
                plain[name] = _to_json(value, f"{self.model.name}: fit_steps: state[{name!r}]")
        header = {"step": self.step, "metrics_bytes": self.metrics_bytes, "fitted": self.fitted, "state": plain}
        return arrays, header

    def restore(self, arrays, header, path):
        """Take back what `content` gave. Raises CheckpointError (naming `path`) if it does not fit the model."""
        groups = {"model": {}, "state": {}}
        try:
            for name, array in arrays.items():
                group, _, rest = name.partition("/")
                groups[group][rest] = array
            plain = {name: _from_json(value) for name, value in dict(header["state"]).items()}
            for name in ("step", "metrics_bytes"):
                if type(header[name]) is not int or not 0 <= header[name] < 2**53:
                    raise ValueError(f"{name}: expected a count, got {header[name]!r}")
            if type(header["fitted"]) is not bool:
                raise ValueError(f"fitted: expected true or false, got {header['fitted']!r}")
            self.model.load_state_dict(groups["model"])
        except (ValueError, TypeError, KeyError) as error:
            what = f"{error} is missing or unknown" if isinstance(error, KeyError) else error
            raise CheckpointError(f"{path} does not fit this run: {what}") from error
        self.state = {**groups["state"], **plain}
        self.step = header["step"]
        self.metrics_bytes = header["metrics_bytes"]
        self.fitted = header["fitted"]


def _training_batch(model, data, rng):
    """All training examples, as the data's transform makes them; with labels only for a model that learns from them."""
    batch = data.batch("train")
    if model.takes.labels is None:
        batch = batch.replace(labels=None)
    return batch if data.transform is None else batch.replace(x=data.transform(batch.x, rng))


def _plain(value):
    """A number as metrics.jsonl has it: no NumPy types; null for infinity and NaN."""
    value = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _to_json(value, where):
    """A value of a state in JSON, which has no NaN and no infinity: these become {"float": "inf"}."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, list | tuple):
        return [_to_json(item, where) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{where}: expected a number, a string, None, a list of these, or an array, got "
                    f"{type(value).__name__}")


def _from_json(value):
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        if value not in ({"float": "inf"}, {"float": "-inf"}, {"float": "nan"}):
            raise ValueError(f"the state holds {value!r}")
        return float(value["float"])
    return value
