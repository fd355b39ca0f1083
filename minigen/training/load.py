"""From a run folder back to a trained model."""

from .. import models
from ..protocols import DataSpec
from .checkpoint import CheckpointError
from .metrics import RunError
from .run import Run


def load(run, checkpoint="best"):
    """The trained model in a run folder, on the CPU: with its best parameters by validation, if the run has such.

    `run` is the folder's path; `checkpoint="latest"` asks for the last parameters instead (averaged ones if the run
    averages). The model has `.spec` and `.config`. Raises RunError if the folder is not a run, or the fit of a model
    that fits itself was stopped before it was complete; CheckpointError if its checkpoint is damaged or belongs to
    another model; ValueError for another `checkpoint`.
    """
    if checkpoint not in ("best", "latest"):
        raise ValueError(f"checkpoint: expected best or latest, got {checkpoint!r}")
    folder = run if isinstance(run, Run) else Run.open(run)
    path = folder.best_path if checkpoint == "best" and folder.best_path.exists() else folder.latest_path()
    arrays, header = folder.read(path)
    model = create(folder)
    if not model.learns_by_gradient and not is_fitted(header):
        raise RunError(f"{folder.path}: the fit was stopped before it was complete; --resume (or training.fit with "
                       "resume=True) goes on with it")
    try:
        model.load_state_dict(_parameters(arrays))
    except ValueError as error:
        raise CheckpointError(f"{path} does not fit this run: {error}") from error
    return model


def create(folder):
    """A new model as the run's config.json describes it. Raises RunError if that describes no model."""
    config = folder.config
    try:
        settings = {name: tuple(v) if isinstance(v, list) else v for name, v in config["model_config"].items()}
        model = models.create(config["model"], DataSpec.from_json(config["spec"]), rng=0, **settings)
        if model.learns_by_gradient:
            model.to(dtype=folder.train.dtype)
    except (ValueError, TypeError, MemoryError) as error:
        raise RunError(f"{folder.path / 'config.json'} describes no model: {error}") from error
    return model


def load_parameters(folder, path):
    """The state_dict in a checkpoint of the run: the averaged one if there is such, else the model's own."""
    return _parameters(folder.read(path)[0])


def _parameters(arrays):
    groups = {"average": {}, "model": {}}
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = array
    return groups["average"] or groups["model"]


def is_fitted(header) -> bool:
    """Whether the checkpoint with this header has the fitted model of a run whose model fits itself."""
    return header.get("fitted") is True
