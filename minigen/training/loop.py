"""Training: the loop is the same for every model that descends objectives; others fit themselves."""

import dataclasses
from pathlib import Path

import numpy as np

from ..arrays import Generator, check_device, set_threads
from ..data import Dataset, as_batch, from_arrays
from ..data.batch import NAMES
from .clock import Clock
from .config import train_config
from .fitting import fit_by_steps
from .metrics import open_metrics, read_metrics
from .progress import Progress
from .report import write_pictures
from .run import Run, check_same, describe
from .signals import Interrupted, stop_requests
from .state import INITIAL, PICTURES, State, on_device


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What `fit` returns.

    The model, one dict of metrics for each epoch (or each pass over the data of a model that fits itself), the best
    epoch by validation (None where there are no epochs), and the run folder.
    """

    model: object
    metrics: list
    best: dict | None
    run: Path | None


def fit(model, data, run=None, *, resume=False, quiet=True, source=None, **settings):
    """Train `model` on `data` and return a `Fitted`; the model ends with its best parameters by validation.

    A model that `learns_by_gradient` descends its objectives, epoch by epoch, from the start that its `initialise`
    chooses. Other models run their `fit_steps` on all training examples at once, and their metrics are one dict for
    each pass. `data` is a `data.Dataset`, or an array of training examples `(n, *spec.shape)`, or a `data.Batch` of
    them with conditions, labels, masks or lengths. `run` is the path of a run folder to make or, with `resume=True`, to
    continue as if it had never stopped; None keeps nothing on the disk. `settings` are the fields of TrainConfig; the
    model's `training` dict gives its own defaults. `source` is the DataSource or the name by which the data are found
    again, by default the data set's name. With `quiet=False` a progress bar is drawn on the standard error stream.

    Raises ValueError or TypeError for settings and data that do not fit, RunError for the run folder,
    CheckpointError for a checkpoint that is damaged or another run's, TrainingDiverged when a NaN or infinity
    appears, and Interrupted (a KeyboardInterrupt) when asked to stop, after saving a checkpoint.
    """
    config = train_config(model, **settings)
    data = as_dataset(data, model, config.seed)
    if not model.learns_by_gradient:
        if resume and run is None:
            raise ValueError("resume: expected the path of a run, got None")
        rows, folder = fit_by_steps(model, data, config, run, resume, quiet, source)
        if folder is not None:
            write_pictures(model, data, folder, Generator(config.seed).fold_in(PICTURES))
        return Fitted(model, rows, None, None if folder is None else folder.path)
    if not resume:
        model.initialise(data.batch("train"), Generator(config.seed).fold_in(INITIAL))
    config = prepare(model, config)
    state = State(model, data, config)
    if run is None:
        if resume:
            raise ValueError("resume: expected the path of a run, got None")
        rows = _train(state, None, None, quiet)
        return Fitted(model, rows, state.best, None)
    description = describe(model, data, source, config)
    if resume:
        folder = Run.open(run)
        check_same(folder.config, description)
        path = folder.latest_path()
        state.restore(*folder.read(path), path)
        if folder.config["train"] != description["train"]:
            folder.update_config({**folder.config, "train": description["train"]})
    else:
        state.check_parameters()
        folder = Run.create(run, description, *state.save())
    with open_metrics(folder.metrics, state.metrics_bytes) as metrics:
        _train(state, folder, metrics, quiet)
    write_pictures(model, data, folder, state.rng.fold_in(PICTURES))
    return Fitted(model, read_metrics(folder.metrics), state.best, folder.path)


def _train(state, folder, metrics, quiet):
    """Train until the last epoch or early stopping; return the epochs' metrics of this call."""
    config, rows = state.config, []
    clock = Clock(config.checkpoint_every, state.steps)

    def save():
        if folder is not None:
            state.check_parameters()
            metrics.sync()  # a checkpoint names the metrics' length, so they must be there first
            if state.best_parameters is not None and not state.best_is_saved:
                folder.write_best({f"model/{k}": v for k, v in state.best_parameters.items()}, {"best": state.best})
                state.best_is_saved = True
            folder.write(*state.save())
        clock.saved(state.steps)

    def save_if_due(stop):
        if clock.due(state.steps) or stop:
            save()
        if stop:
            epoch = min(state.epoch + 1, config.epochs)
            where = f"stopped after step {state.steps}, in epoch {epoch} of {config.epochs}"
            raise Interrupted(where, None if folder is None else folder.path, state.steps)

    total = config.epochs * state.steps_per_epoch
    with stop_requests() as stop, Progress(total, state.steps, quiet) as progress:
        while state.epoch < config.epochs and not state.stopped_early:
            for batch in state.loader:
                figures = state.update(on_device(batch, config.device))
                progress.update(state.epoch + 1, figures, state.last_score)
                if state.within_epoch:  # else the epoch's validation comes first
                    save_if_due(stop)
            rows.append(state.end_epoch())
            if metrics is not None:
                state.metrics_bytes += metrics.append(rows[-1])
            save_if_due(stop)
        if state.steps > clock.steps:
            save()
    state.use_best(folder)
    return rows


def prepare(model, config):
    """Set the threads, move `model` to the device and dtype, and return the config with the dtype that it has.

    Raises ValueError for a device that is not there.
    """
    check_device(config.device)
    if config.threads is not None:
        set_threads(config.threads)
    model.to(config.device, config.dtype)
    kinds = [parameter.dtype.name for parameter in model.parameters()]
    return dataclasses.replace(config, dtype=kinds[0]) if config.dtype is None and kinds else config


def as_dataset(data, model, seed=0):
    """`data` as a Dataset that `model` can be trained on; an array or a Batch is split by `seed`.

    NaN in an array are missing values if the model takes them. Raises ValueError for data that do not fit the model.
    """
    spec = model.spec
    if not isinstance(data, Dataset):
        batch = as_batch(data).map(np.asarray)
        tables = {name: {"x": array} for name, array in batch.present(*NAMES[1:]).items()}
        split = from_arrays("data", {"x": batch.x}, spec.kind, seed, missing=model.takes.missing,
                            condition_spec=spec.condition, **tables)
        if split.spec.shape != spec.shape:
            raise ValueError(f"data: the model is for examples of shape {spec.shape}, got {split.spec.shape}")
        data = dataclasses.replace(split, spec=spec)
    if data.spec != spec:
        raise ValueError(f"data {data.name!r}: the model is for {spec}, the data are {data.spec}")
    model.takes.check_beside(model.name, data.name, data.batch("train"))
    return data
