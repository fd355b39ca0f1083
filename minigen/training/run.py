"""Run folders: what a training run leaves on the disk, and how it is found again.

    runs/<name>/  config.json  metrics.jsonl  checkpoints/step-00001234.npz  checkpoints/best.npz  samples.png
    …

`config.json` names registry keys, data sets and numbers, never import paths, so loading a run executes
nothing.
"""

import contextlib
import json
import os
import re
import shutil
from pathlib import Path

from .checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from .files import remove_leftovers, replacing, sync_folder

MAX_CONFIG = 1024 * 1024  # bytes of a config.json that will be read; a real one has about a thousand
CONFIG = {"minigen": str, "model": str, "spec": dict, "model_config": dict, "data": dict, "train": dict}
CHANGEABLE = ("epochs", "checkpoint_every", "threads")  # training settings that a resumed run may change


class RunError(ValueError):
    """A run folder that cannot be made, found, read or written."""


class Run:
    """One run folder on the disk: its path and the settings in its config.json."""

    def __init__(self, path, config):
        self.path, self.config = Path(path), config

    @property
    def checkpoints(self):
        """The folder that holds the checkpoints."""
        return self.path / "checkpoints"

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
            write_checkpoint(run.step_path(0), arrays, header)
            os.rename(partial, path)
            sync_folder(path.parent)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise RunError(f"cannot make the run folder {path}: {_reason(error)}") from error
        return cls(path, config)

    @classmethod
    def open(cls, path):
        """The run in the folder `path`; RunError if it is no run folder."""
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
        found = []
        if self.checkpoints.is_dir():
            files = self.checkpoints.iterdir()
            found = [path for path in files if re.fullmatch(r"step-\d{8,}\.npz", path.name)]
        if not found:
            raise RunError(f"{self.path} has no checkpoint")
        return max(found, key=lambda path: int(path.stem[5:]))

    def read(self, path):
        """`(arrays, header)` of one of this run's checkpoints; CheckpointError if it is another run's or
        damaged."""
        arrays, header = read_checkpoint(path)
        config = header.get("config")
        same = isinstance(config, dict) and set(config) == set(self.config) and all(
            config[key] == self.config[key] for key in self.config if key != "train"
        )
        if not same:
            raise CheckpointError(f"{path} belongs to another run than {self.path / 'config.json'}")
        return arrays, header

    def write(self, path, arrays, header):
        """Write a checkpoint; once it is on the disk the earlier ones of other steps go.

        Raises RunError when the disk is full or not writable; the earlier checkpoint then stays.
        """
        try:
            write_checkpoint(path, arrays, header)
            if path != self.best_path:
                for old in self.checkpoints.glob("step-*.npz"):
                    if old != path:
                        old.unlink()
        except OSError as error:
            raise RunError(
                f"cannot write {path}: {_reason(error)}; the last good checkpoint is {self.latest_path()}"
            ) from error

    def update_config(self, config):
        """Replace the settings on the disk (a resumed run may have more epochs)."""
        try:
            with replacing(self.path / "config.json", "w") as file:
                file.write(json.dumps(config, indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.path / 'config.json'}: {_reason(error)}") from error
        self.config = config

    @contextlib.contextmanager
    def open_metrics(self, length):
        """The metrics file, cut to its first `length` bytes and locked against a second process, for
        appending.

        Raises RunError if another process trains in this folder or the file is shorter than `length`.
        """
        try:
            file = open(self.metrics, "r+b", buffering=0)
        except OSError as error:
            raise RunError(f"cannot write {self.metrics}: {_reason(error)}") from error
        with file:
            _lock(file, self.path)
            size = file.seek(0, os.SEEK_END)
            if size < length:
                raise RunError(f"{self.metrics} has {size} bytes where its checkpoint expects {length}")
            remove_leftovers(self.checkpoints)
            file.truncate(length)
            file.seek(length)
            yield file

    def read_metrics(self):
        """The lines of metrics.jsonl as a list of dicts; RunError if they are not JSON objects."""
        try:
            rows = [json.loads(line) for line in self.metrics.read_text("utf-8").splitlines()]
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"cannot read {self.metrics}: {error}") from error
        if not all(isinstance(row, dict) for row in rows):
            raise RunError(f"cannot read {self.metrics}: expected one JSON object a line")
        return rows


def check_free(path):
    """Raise RunError if a new run cannot be made at `path` because something stands there already."""
    path = Path(path)
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


def check_same(stored, given, changeable=CHANGEABLE):
    """Raise RunError naming the first setting that differs between a run and the attempt to resume it."""
    for part in ("model", "spec", "model_config", "data", "train"):
        old, new = stored[part], given[part]
        if not isinstance(old, dict) or part == "spec":
            old, new = {part: old}, {part: new}
        for name in {**old, **new}:
            before, after = old.get(name), new.get(name)
            if part == "train" and name in changeable:
                continue
            if before != after:
                raise RunError(
                    f"cannot resume with a changed setting: {name} is {before!r} in the run and {after!r} now"
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


def _lock(file, path):
    try:
        import fcntl
    except ImportError:  # not a POSIX system: no lock there
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(f"another process is training in {path}") from None
    except OSError:  # a file system without locks
        pass


def _reason(error):
    return error.strerror or str(error)


def _runs_beside(path):
    # a mistyped name is the usual mistake, so name the run that it resembles
    from .config import nearest

    try:
        names = [entry.parent.name for entry in path.parent.glob("*/config.json")]
    except OSError:
        names = []
    return nearest(path.name, names) if names else ""
