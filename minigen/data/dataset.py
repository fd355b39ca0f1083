"""`Dataset`: three splits of one kind of example, checked; and making one from arrays whose kind is not told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..protocols import KINDS, DataSpec
from .errors import DataError
from .splitting import split_indices

SPLITS = ("train", "validation", "test")
TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1  # of what the test split leaves
# Integers with more values than this are not taken for levels of a discrete variable.
MAX_LEVELS = 2**16
_MAX_AXES = 5
_CHUNK = 2**22


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test examples, arrays of shape (N, *spec.shape).

    Binary data are uint8, discrete data integers 0 to levels - 1, continuous data float32 or float64. `labels`
    is a dict from split to an integer array (N,). `transform(batch, rng)` makes what a model is trained on out
    of a batch of `train`, which then may hold anything; `validation` and `test` are always as `spec` says.
    `codec` turns the integers of text back into text. Raises DataError if an array is not so.
    """

    name: str
    spec: DataSpec
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    labels: dict[str, np.ndarray] | None = None
    transform: Callable[[np.ndarray, Any], np.ndarray] | None = None
    codec: Any = None

    def __post_init__(self):
        for split in SPLITS:
            x, where = getattr(self, split), f"{self.name}: {split}"
            if not isinstance(x, np.ndarray) or x.ndim == 0 or len(x) == 0:
                raise DataError(f"{where}: expected an array with rows, got {type(x).__name__}")
            if self.transform is None or split != "train":
                _check_split(x, self.spec, where)
            labels = None if self.labels is None else self.labels.get(split)
            if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (len(x),)):
                raise DataError(f"{where}: expected {len(x)} integer labels, got {labels.dtype} {labels.shape}")


def from_arrays(name, arrays: dict, kind=None, seed=0, labels=None, source=None) -> Dataset:
    """A Dataset from arrays of numbers: `{"x": rows}` to be split, or `{"train": ..., "test": ...}`.

    Missing splits are cut at random by `seed`: a fifth for testing from "x" or "train", a tenth of the rest
    for validation. The kind is binary for booleans and integers that are all 0 or 1, discrete with the highest
    value + 1 levels for other integers, and continuous for floating-point numbers; `kind` asks for another and
    converts, where that loses nothing. `labels` has the keys of `arrays`. Raises DataError that names `source`
    (by default `name`), the split, and the first row and column at fault.
    """
    where = source or name
    if ("x" in arrays) == ("train" in arrays) or not set(arrays) <= ({"x"} if "x" in arrays else set(SPLITS)):
        raise ValueError(f"arrays: expected 'x' alone, or 'train' and other splits, got {', '.join(arrays)}")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    arrays = {split: _as_numbers(x, f"{where}: {split}") for split, x in arrays.items()}
    shapes = {split: x.shape[1:] for split, x in arrays.items()}
    first = next(iter(shapes))
    for split, shape in shapes.items():
        if shape != shapes[first]:
            raise DataError(f"{where}: {split}: expected examples of shape {shapes[first]} as in {first}, got {shape}")
    labels = {split: _as_labels(y, arrays[split], f"{where}: {split}") for split, y in (labels or {}).items()}
    arrays, levels, kind = _as_kind(arrays, kind, where)
    arrays, labels = _complete(arrays, labels, seed, where)
    spec = DataSpec(tuple(shapes[first]), kind, levels)
    return Dataset(name, spec, **arrays, labels=labels or None)


def _as_numbers(x, where):
    """`x` as an array of numbers with rows and at least one number in each."""
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise DataError(f"{where}: expected rows of one length: {error}") from error
    if x.dtype.kind not in "biuf" or x.dtype.itemsize > 8:
        raise DataError(f"{where}: expected numbers, got an array of dtype {x.dtype}")
    if not 2 <= x.ndim <= _MAX_AXES:
        raise DataError(f"{where}: expected 2 to {_MAX_AXES} axes, the first for examples, got shape {x.shape}")
    if x.size == 0:
        raise DataError(f"{where}: expected at least one example of at least one number, got shape {x.shape}")
    if x.dtype.kind == "f":
        _require(x, np.isfinite, "a finite number", where)
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _require(x, condition, expected, where):
    """Raise DataError for the first value of `x` that fails `condition`, without a mask as large as `x`."""
    step = max(1, _CHUNK // max(1, x[0].size))
    for begin in range(0, len(x), step):
        good = condition(x[begin : begin + step])
        if not good.all():
            row, *place = (int(i) for i in np.argwhere(~good)[0])
            place = f"column {place[0]}" if len(place) == 1 else f"place {tuple(place)}"
            value = x[(begin + row, *np.argwhere(~good)[0][1:])]
            raise DataError(f"{where}: expected {expected}, got {value} in row {begin + row}, {place} (from 0)")


def _as_kind(arrays, kind, name):
    """(arrays of the dtype that the kind has, levels or None, kind)."""
    dtypes = {x.dtype.kind for x in arrays.values()}
    if kind is None:
        if "f" in dtypes:
            kind = "continuous"
        else:
            two = all(x.dtype.kind == "b" or (x.min() >= 0 and x.max() <= 1) for x in arrays.values())
            kind = "binary" if two else "discrete"
    if kind == "continuous":
        wide = any(x.dtype == np.float64 or _exceeds_float32(x) for x in arrays.values())
        dtype = np.float64 if wide else np.float32
        return {split: x.astype(dtype, copy=False) for split, x in arrays.items()}, None, kind
    for split, x in arrays.items():
        if kind == "binary":
            _require(x, lambda v: (v == 0) | (v == 1), "0 or 1 in binary data", f"{name}: {split}")
        else:
            if x.dtype.kind == "f":
                _require(x, lambda v: v == np.floor(v), "an integer in discrete data", f"{name}: {split}")
            hint = f"0 to {MAX_LEVELS - 1} in discrete data (kind='continuous' takes any number)"
            _require(x, lambda v: (v >= 0) & (v < MAX_LEVELS), hint, f"{name}: {split}")
    if kind == "binary":
        return {split: x.astype(np.uint8, copy=False) for split, x in arrays.items()}, None, kind
    levels = max(2, 1 + max(int(x.max()) for x in arrays.values()))
    small = np.uint8 if levels <= 256 else np.uint16
    return {split: x.astype(small if x.dtype.kind in "bf" else x.dtype) for split, x in arrays.items()}, levels, kind


def _exceeds_float32(x):
    # float32 holds integers up to 2^24 exactly.
    return x.dtype.kind in "iu" and (x.max() > 2**24 or x.min() < -(2**24))


def _as_labels(y, x, where):
    y = np.asarray(y)
    if y.dtype.kind not in "iu" or y.shape != (len(x),):
        raise DataError(f"{where}: expected {len(x)} integer labels, got {y.dtype} of shape {y.shape}")
    return y.astype(np.int64)


def _complete(arrays, labels, seed, name):
    """All three splits, those that are missing cut from the first array."""
    if "x" in arrays:
        arrays = {"train": arrays["x"]}
        labels = {"train": labels["x"]} if "x" in labels else {}
    arrays, labels = dict(arrays), dict(labels)
    missing = [split for split in ("test", "validation") if split not in arrays]
    if missing:
        test = TEST_FRACTION if "test" in missing else 0.0
        validation = VALIDATION_FRACTION * (1 - test) if "validation" in missing else 0.0
        fractions = [fraction for fraction in (1 - test - validation, validation, test) if fraction]
        x, y = arrays["train"], labels.get("train")
        try:
            parts = split_indices(len(x), fractions, seed)
        except ValueError:
            raise DataError(f"{name}: {len(x)} rows are too few to split into {len(fractions)} parts") from None
        for split, part in zip([split for split in SPLITS if split == "train" or split in missing], parts, strict=True):
            arrays[split] = x[part]
            if y is not None:
                labels[split] = y[part]
    return arrays, labels


def _check_split(x, spec, where):
    if x.shape[1:] != spec.shape:
        raise DataError(f"{where}: expected examples of shape {spec.shape}, got {x.shape[1:]}")
    kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,)
    if kinds == ("continuous",):
        if x.dtype not in (np.float32, np.float64):
            raise DataError(f"{where}: continuous data are float32 or float64, got {x.dtype}")
        _require(x, np.isfinite, "a finite number", where)
    elif len(kinds) == 1:
        top = 1 if spec.kind == "binary" else spec.levels - 1
        if x.dtype.kind not in "iu" or (spec.kind == "binary" and x.dtype != np.uint8):
            wanted = "uint8" if spec.kind == "binary" else "integers"
            raise DataError(f"{where}: {spec.kind} data are {wanted}, got {x.dtype}")
        if x.min() < 0 or x.max() > top:
            _require(x, lambda v: (v >= 0) & (v <= top), f"0 to {top}", where)
    elif x.dtype.kind not in "iuf":
        raise DataError(f"{where}: expected numbers, got {x.dtype}")
