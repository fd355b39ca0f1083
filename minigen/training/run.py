"""Run folders: what a training run leaves on the disk, and how it is found again.

    runs/<name>/  config.json  metrics.jsonl  checkpoints/step-00001234.npz  checkpoints/best.npz  samples.png
    …

`config.json` names registry keys, data sets and numbers, never import paths, so loading a run executes
nothing.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np

from .. import __version__, models
from ..arrays.files import reason, remove_leftovers, replacing, sync_folder
from ..data.batch import NAMES
from ..protocols import nearest
from .checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from .config import TrainConfig
from .data_source import DataSource
from .metrics import RunError

MAX_CONFIG = 1024 * 1024  # bytes of a config.json that will be read; a real one has about a thousand
CONFIG = {"minigen": str, "model": str, "spec": dict, "model_config": dict, "data": dict, "train": dict}
CHANGEABLE = ("epochs", "checkpoint_every", "threads")  # training settings that a resumed run may change


class Run:
    """One run folder on the disk: its path and the settings in its config.json."""

    def __init__(self, path, config):
        self.path, self.config = Path(path), config

    @property
    def checkpoints(self):
        """The folder that holds the checkpoints."""
        return self.path / "checkpoints"

    @property
    def train(self):
        """The TrainConfig of the run. Raises RunError if the settings on the disk are not valid."""
        try:
            return TrainConfig(**self.config["train"])
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.path / 'config.json'} is not a run's configuration: {error}") from error

    @property
    def source(self):
        """The DataSource by which `load_source` finds the data that the run was trained on."""
        try:
            return DataSource.from_json(self.config["data"])
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.path / 'config.json'} names no data set: {error}") from error

    @property
    def metrics(self):
        """The file with one line of figures for each epoch."""
        return self.path / "metrics.jsonl"

    @classmethod
    def create(cls, path, config, arrays, header):
        """Make the folder with its settings and its first checkpoint: it appears complete or not at all.

        Raises RunError if something stands at `path` already or the folder cannot be written.
        """
        path = Path(path)
        check_free(path)
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            run = cls(partial, config)
            run.checkpoints.mkdir(parents=True)
            run.metrics.touch()
            with replacing(partial / "config.json", "w") as file:
                file.write(json.dumps(config, indent=2, allow_nan=False) + "\n")
            write_checkpoint(run.step_path(0), arrays, {**header, "config": config})
            os.rename(partial, path)
            sync_folder(path.parent)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, OSError):
                raise RunError(f"cannot make the run folder {path}: {reason(error)}") from error
            raise
        return cls(path, config)

    @classmethod
    def open(cls, path):
        """The run in the folder `path`; Raises RunError for any other folder."""
        path = Path(path)
        if not path.is_dir():
            what = "is not a folder" if path.exists() else "does not exist"
            raise RunError(f"{path} is not a run folder: it {what}{_runs_beside(path)}")
        if not (path / "config.json").is_file():
            raise RunError(f"{path} is not a run folder: it has no config.json{_runs_beside(path)}")
        return cls(path, _read_config(path / "config.json"))

    def step_path(self, step):
        """Where the checkpoint after `step` updates is kept."""
        return self.checkpoints / f"step-{step:08d}.npz"

    @property
    def best_path(self):
        """Where the parameters with the best validation figure are kept."""
        return self.checkpoints / "best.npz"

    def latest_path(self):
        """The checkpoint with the most steps; RunError if there is none."""
        files = self.checkpoints.iterdir() if self.checkpoints.is_dir() else []
        checkpoints = [path for path in files if re.fullmatch(r"step-\d{8,}\.npz", path.name)]
        if not checkpoints:
            raise RunError(f"{self.path} has no checkpoint")
        return max(checkpoints, key=lambda path: int(path.stem[5:]))

    def read(self, path):
        """`(arrays, header)` of one of this run's checkpoints; CheckpointError if it is another run's or damaged."""
        arrays, header = read_checkpoint(path)
        config = header.get("config")
        same = isinstance(config, dict) and set(config) == set(self.config) and all(
            config[key] == self.config[key] for key in self.config if key != "train"
        )
        if not same:
            raise CheckpointError(f"{path} belongs to another run than {self.path / 'config.json'}")
        return arrays, header

    def write(self, arrays, header):
        """Write the checkpoint of `header["step"]`; once it is on the disk those of other steps go.

        Raises RunError when the disk is full or not writable; the earlier checkpoint then stays.
        """
        path = self.step_path(header["step"])
        self._write(path, arrays, header)
        for old in self.checkpoints.glob("step-*.npz"):
            if old != path:
                old.unlink(missing_ok=True)

    def write_best(self, arrays, header):
        """Write `checkpoints/best.npz`; raises as `write` does."""
        self._write(self.best_path, arrays, header)

    def _write(self, path, arrays, header):
        try:
            remove_leftovers(self.checkpoints)
            write_checkpoint(path, arrays, {**header, "config": self.config})
        except OSError as error:
            kept = self.latest_path()
            raise RunError(f"cannot write {path}: {reason(error)}; the last good checkpoint is {kept}") from error

    def update_config(self, config):
        """Replace the settings on the disk (a resumed run may have more epochs)."""
        try:
            with replacing(self.path / "config.json", "w") as file:
                file.write(json.dumps(config, indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path / 'config.json'}: {reason(error)}") from error
        self.config = config

    def remove(self):
        """Delete the folder, as far as the disk lets it."""
        shutil.rmtree(self.path, ignore_errors=True)


def check_free(path):
    """Raise RunError if a new run cannot be made at `path` because something stands there already."""
    path = Path(path)
    if not path.name:
        raise RunError(f"cannot make the run folder {path}: expected a name")
    if (path / "config.json").exists():
        raise RunError(f"{path} holds another run; add --resume to continue it, or choose another folder")
    if path.is_dir() and any(path.iterdir()):
        raise RunError(f"{path} exists and is not empty; choose another folder")
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} exists and is not a folder; choose another folder")


def free_path(folder, name):
    """`folder/name`, or the first of `name-2`, `name-3`, … at which nothing stands yet."""
    path, number = Path(folder) / name, 1
    while path.exists():
        number += 1
        path = Path(folder) / f"{name}-{number}"
    return path


def describe(model, data, source, config):
    """The content of config.json for training a model on a data set with these settings.

    Raises RunError for a model that is not in the registry, since a run folder could not bring it back.
    """
    key = models.key_of(model)
    if key is None:
        raise RunError(f"{type(model).__name__} is not in the models' registry: it can be trained only without a run")
    source = data.name if source is None else source
    source = source if isinstance(source, DataSource) else DataSource(str(source))
    return {
        "minigen": __version__,
        "model": key,
        "spec": model.spec.to_json(),
        "model_config": json.loads(json.dumps(dataclasses.asdict(model.config), allow_nan=False)),
        "data": {**source.to_json(), "digest": _digest(model, data)},
        "train": config.to_json(),
    }


def check_same(stored, given):
    """Raise RunError naming the first setting that differs between a run and the attempt to resume it."""
    for section in ("model", "spec", "model_config", "train"):
        old, new = stored[section], given[section]
        if section in ("model", "spec"):
            old, new = {section: old}, {section: new}
        for name in {**old, **new}:
            if old.get(name) != new.get(name) and (section != "train" or name not in CHANGEABLE):
                raise RunError(
                    f"cannot resume with a changed setting: {name} is {old.get(name)!r} in the run and "
                    f"{new.get(name)!r} now"
                )
    if stored["data"].get("digest") != given["data"]["digest"]:
        raise RunError(
            f"cannot resume with changed data: the run's training examples were {stored['data'].get('name')!r}, "
            f"those of {given['data']['name']!r} differ"
        )


def _read_config(path):
    def refuse(constant):
        raise ValueError(f"it holds {constant}")

    try:
        if path.stat().st_size > MAX_CONFIG:
            raise ValueError("it is too long")
        config = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is not a run's configuration: {error}") from error
    if not isinstance(config, dict) or set(config) != set(CONFIG):
        raise RunError(f"{path} is not a run's configuration: expected the keys {', '.join(CONFIG)}")
    for key, kind in CONFIG.items():
        if not isinstance(config[key], kind):
            raise RunError(f"{path} is not a run's configuration: {key} is {config[key]!r}")
    return config


def _digest(model, data):
    # data that changed under the same name would make a resumed run another run
    digest, batch = hashlib.blake2b(digest_size=16), data.batch("train")
    if model.takes.labels is None:
        batch = batch.replace(labels=None)
    for array in batch.present(*NAMES).values():
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _runs_beside(path):
    # a mistyped name is the usual mistake, so name the run that it resembles
    try:
        names = [entry.parent.name for entry in path.parent.glob("*/config.json")]
    except OSError:
        names = []
    return nearest(path.name, names) if names else ""
