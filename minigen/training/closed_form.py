"""Runs of models that are fitted in closed form or by expectation-maximisation.

A fit depends on the data and the seed alone and takes seconds or minutes, so a run keeps no state of a fit half done:
its first checkpoint has the model as it was created, its last one the fitted model, and resuming fits again.
"""

import math

from ..arrays import Generator, set_threads
from ..evaluation import validation_score
from .checkpoint import CheckpointError
from .load import is_fitted
from .metrics import RunError, open_metrics, read_metrics
from .progress import Passes
from .run import Run, check_same, describe
from .signals import Interrupted, stop_requests
from .state import TrainingDiverged

# children of the run's generator, one for each purpose
FIT, VALIDATION, TRANSFORM = range(3)


def fit_closed_form(model, data, config, run=None, resume=False, quiet=True, source=None):
    """Fit `model` on a Dataset, in the run folder `run` if one is named: `(metrics, the run folder or None)`.

    The metrics are one dict for each that `fit_steps` yields, and one with the validation figure. Of the config only
    `seed` and `threads` count. Raises as `training.fit` does.
    """
    if config.threads is not None:
        set_threads(config.threads)
    if run is None:
        return _fit(model, data, config, quiet, None, lambda row: None), None
    description = describe(model, data, source, config)
    if resume:
        folder = Run.open(run)
        check_same(folder.config, description)
        path = folder.latest_path()
        arrays, header = folder.read(path)
        _restore(model, arrays, path)
        if folder.config["train"] != description["train"]:
            folder.update_config({**folder.config, "train": description["train"]})
        if is_fitted(header):
            return read_metrics(folder.metrics), folder
    else:
        folder = Run.create(run, description, _arrays(model), {"step": 0})
    try:
        with open_metrics(folder.metrics, 0) as metrics:
            rows = _fit(model, data, config, quiet, folder.path, metrics.append)
            metrics.sync()
            folder.write(_arrays(model), {"step": len(rows)})
    except RunError:  # a full disk: the folder can be resumed
        raise
    except (TypeError, ValueError):  # the model refuses the data, and always would: leave nothing in the way
        if not resume:
            folder.remove()
        raise
    return rows, folder


def _fit(model, data, config, quiet, path, record):
    """Fit, calling `record` with each dict of metrics as JSON can hold it, the validation figure last; all of them."""
    rng, rows = Generator(config.seed), []
    x = data.train if data.transform is None else data.transform(data.train, rng.fold_in(TRANSFORM))
    observed, labels = data.observed or {}, (data.labels or {}) if model.labels else {}

    def add(row):
        rows.append({name: _plain(value) for name, value in row.items()})
        record(rows[-1])

    with stop_requests() as stop, Passes(quiet) as progress:
        steps = model.fit_steps(x, rng.fold_in(FIT), observed=observed.get("train"), labels=labels.get("train"))
        for metrics in steps:
            progress.update(metrics)
            add(metrics)
            if stop:
                where = f"stopped after {len(rows)} passes of a fit, which will start again"
                raise Interrupted(where, path, len(rows))
    for name, array in model.state_dict().items():
        if array.dtype.kind == "f" and (array != array).any():  # infinities may be meant, as log 0
            raise TrainingDiverged(f"the fit failed: {name} has NaN")
    score = validation_score(model, data.validation, rng.fold_in(VALIDATION), observed.get("validation"),
                             labels.get("validation"))
    add({"validation": {name: _plain(value) for name, value in score.items()}})
    return rows


def _plain(value):
    """A number as JSON has it: no NumPy types; null for what is infinite or NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _arrays(model):
    return {f"model/{name}": array for name, array in model.state_dict().items()}


def _restore(model, arrays, path):
    try:
        model.load_state_dict({name.removeprefix("model/"): array for name, array in arrays.items()})
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit this run: {error}") from error
