"""`load`: a data set by name or from a file, and `available`: which names there are."""

import os
from pathlib import Path

from ..arrays.checks import integer, positive_integer
from ..protocols import DataSpec, nearest
from .cifar import TRAIN, cifar
from .coloured_shapes import shapes
from .dataset import Dataset, from_arrays
from .digits import digits
from .errors import DataError
from .idx import read_idx
from .kinds import parse_kind
from .label_column import take_labels
from .mnist import mnist
from .npz import read_npy, read_npz
from .table import read_table
from .text import read_text, text_windows

BUILT_IN = ("digits", "digits:gray", "shapes", "mnist", "mnist:threshold", "mnist:fixed", "mnist:dynamic")
SUFFIXES = (".npz", ".npy", ".csv", ".tsv", ".txt", ".gz", ".idx")
# What a split may be called in an .npz file, and what its labels.
ARRAYS = {
    "train": ("train", "x_train", "train_x"),
    "validation": ("validation", "valid", "val", "x_validation", "x_valid", "x_val", "valid_x", "val_x"),
    "test": ("test", "x_test", "test_x"),
    "x": ("x", "data", "images", "arr_0"),
}
LABELS = {
    "train": ("train_labels", "y_train", "train_y"),
    "validation": ("validation_labels", "valid_labels", "y_validation", "y_valid", "y_val"),
    "test": ("test_labels", "y_test", "test_y"),
    "x": ("labels", "y"),
}


def available() -> list[str]:
    """The names that `load` knows: those built in, and the files in the folder that MINIGEN_DATA names."""
    return [*BUILT_IN, *sorted(set(_named_files()) - set(BUILT_IN))]


def load(name, seed: int = 0, kind=None, length: int = 64, *, missing=False, labels=None) -> Dataset:
    """The data set of a name in `available()`, or in the file or folder at a path.

    Files: .npz (arrays `train`, `valid` or `validation`, `test`; or `x`), .npy, .csv and .tsv (numbers, with or without
    a line of names), IDX (plain or .gz; images get a channel axis), .txt (windows of `length` characters with a codec).
    A folder holds CIFAR-10 in its binary format, or else MNIST. Splits that a file does not have are made by `seed`, a
    fifth for testing and a tenth of the rest for validation; text is split in order. `kind` overrides what the values
    suggest, as in `from_arrays`; for a table it may be one kind for each column, as a tuple or "a,b,c". With `missing`,
    NaN and empty cells are missing values, and `Dataset.observed` says where. `labels` is the column of a table, by its
    name or its number from 0, that holds integer labels and does not belong to the examples. Raises DataError for a
    file that does not exist or is malformed, MissingValues for missing values without `missing`, and ValueError for an
    unknown name, with the nearest known one.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise TypeError(f"data: expected a name or a path, got {name!r}")
    seed, length = integer("seed", seed, 0), positive_integer("length", length)
    kind = parse_kind(kind)
    if str(name) in BUILT_IN:
        _refuse_labels(name, labels)
        return _built_in(str(name), seed, kind)
    path = Path(name)
    if not _is(path, Path.is_file):
        named = _named_files()
        if str(name) in named:
            path = named[str(name)]
        elif _is(path, Path.is_dir):
            _refuse_labels(name, labels)
            read = cifar if any(path.glob(TRAIN)) else mnist
            return read(path, seed=seed, kind=kind)
        elif path.suffix.lower() in SUFFIXES or len(path.parts) != 1:
            raise DataError(f"{name}: no such file")
        else:
            raise ValueError(f"data: no file or data set {str(name)!r}{nearest(name, [*BUILT_IN, *named])}")
    return _from_file(path, seed, kind, length, missing, labels)


def _built_in(name, seed, kind):
    base, _, variant = name.partition(":")
    if base == "digits":
        return digits(variant == "gray", seed, kind)
    if base == "shapes":
        return shapes(seed, kind)
    folder = _folder()
    folders = [] if folder is None else [folder / "mnist", folder]
    for path in folders:
        if any(path.glob("train-images*")):
            return mnist(path, variant=variant or "gray", seed=seed, kind=kind)
    where = " or ".join(str(path) for path in folders) or "MINIGEN_DATA is not set"
    raise DataError(
        f"{name}: no MNIST files found ({where}); set MINIGEN_DATA to a folder with them, or fetch them by "
        f"minigen.data.mnist(folder, download=True) and give the folder"
    )


def _from_file(path, seed, kind, length, missing, labels):
    suffix, names, observed, classes = path.suffix.lower(), None, None, None
    if suffix == ".txt":
        _refuse_labels(path, labels)
        if kind not in (None, "discrete"):
            raise ValueError(f"kind: characters are discrete data, got {kind!r}")
        windows, codec = text_windows(read_text(path), length, path)
        spec = DataSpec((length, 1), "discrete", max(2, codec.levels))
        return Dataset(path.stem, spec, **windows, codec=codec)
    if suffix == ".npz":
        arrays, classes = _pick_arrays(read_npz(path), path)
    elif suffix == ".npy":
        arrays = {"x": read_npy(path)}
    elif suffix in (".csv", ".tsv"):
        values, names, mask = read_table(path, missing)
        arrays, observed = {"x": values}, {"x": mask}
    elif suffix in (".gz", ".idx") or "idx" in path.name:
        x = read_idx(path)
        arrays = {"x": x[..., None] if x.ndim == 3 else x}
    else:
        raise DataError(f"{path}: expected a file that ends in {', '.join(SUFFIXES)}, got {suffix or 'no ending'!r}")
    if labels is not None:
        arrays, observed, classes = take_labels(arrays, observed, names, labels, missing, path)
    return from_arrays(path.stem, arrays, kind, seed, classes, source=path, missing=missing, observed=observed)


def _pick_arrays(file, path):
    """The examples and the labels in an .npz file, two dicts by split."""
    arrays, labels = _pick(file, ARRAYS), _pick(file, LABELS)
    if not arrays and len(file) == 1:
        arrays = {"x": next(iter(file.values()))}
    if "train" in arrays:
        arrays.pop("x", None)
    elif "x" in arrays:
        arrays = {"x": arrays["x"]}
    else:
        names = ", ".join(sorted(file)[:20])
        raise DataError(f"{path}: expected arrays train, validation and test, or x; got {names}")
    return arrays, {split: y for split, y in labels.items() if split in arrays}


def _refuse_labels(name, labels):
    if labels is not None:
        raise ValueError(f"labels: {name} is not a table with a column {labels!r}")


def _pick(file, names):
    picked = {}
    for split, aliases in names.items():
        for alias in aliases:
            if alias in file:
                picked.setdefault(split, file[alias])
    return picked


def _folder():
    named = os.environ.get("MINIGEN_DATA")
    return Path(named) if named else None


def _named_files():
    """The files in MINIGEN_DATA and in its folders, by their names without an ending."""
    folder = _folder()
    if folder is None or not folder.is_dir():
        return {}
    files = {}
    for path in [*sorted(folder.glob("*")), *sorted(folder.glob("*/*"))]:
        if path.suffix.lower() in SUFFIXES[:5] and path.is_file() and path.stem != "README":
            files.setdefault(path.stem, path)
    return files


def _is(path, question):
    try:
        return question(path)
    except (OSError, ValueError):
        return False
