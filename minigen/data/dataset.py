"""`Dataset`: three splits of one kind of example, checked; and making one from arrays whose kind is not told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..protocols import DataSpec
from .batch import NAMES, Batch
from .errors import DataError, MissingValues
from .kinds import as_kind, check_fits, parse_kind, require
from .splitting import split_indices

SPLITS = ("train", "validation", "test")
TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1  # of what the test split leaves
_MAX_AXES = 5


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test examples, arrays of shape (N, *spec.shape).

    Binary data are uint8, discrete data integers 0 to levels - 1, continuous data float32 or float64, and tables with
    a kind for each column float64. What a `Batch` has beside the examples stands in dicts from split to array, None
    where there is nothing:

    - `labels`, integers (N,), -1 where a label is missing; a split without labels may be left out.
    - `observed`, booleans of the examples' shape, False where the value (then 0) is missing.
    - `condition`, c of a model p(x | c), as `spec.condition` says: needed exactly when that is not None.
    - `length`, integers (N,): how many steps of each sequence count, at most the first extent of `spec.shape`.

    `transform(x, rng)` makes what a model is trained on out of examples of `train`, which then may hold anything;
    `validation` and `test` are always as `spec` says. `codec` turns the integers of text back into text. Raises
    DataError if an array is not so.
    """

    name: str
    spec: DataSpec
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    labels: dict[str, np.ndarray] | None = None
    transform: Callable[[np.ndarray, Any], np.ndarray] | None = None
    codec: Any = None
    observed: dict[str, np.ndarray] | None = None
    condition: dict[str, np.ndarray] | None = None
    length: dict[str, np.ndarray] | None = None

    def __post_init__(self):
        if (self.condition is None) != (self.spec.condition is None):
            what = "no condition" if self.condition is None else "a condition"
            raise DataError(f"{self.name}: condition: the spec has {self.spec.condition}, the data have {what}")
        for split in SPLITS:
            x, where = getattr(self, split), f"{self.name}: {split}"
            if not isinstance(x, np.ndarray) or x.ndim == 0 or len(x) == 0:
                raise DataError(f"{where}: expected an array with rows, got {type(x).__name__}")
            if self.transform is None or split != "train":
                check_fits(x, self.spec, where)
            labels = None if self.labels is None else self.labels.get(split)
            if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != (len(x),)):
                raise DataError(f"{where}: expected {len(x)} integer labels, got {labels.dtype} {labels.shape}")
            if self.observed is not None:
                mask = self.observed.get(split)
                if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != x.shape:
                    raise DataError(f"{where}: observed: expected booleans of shape {x.shape}, got {_shape(mask)}")
            if self.condition is not None:
                self._check_condition(self.condition.get(split), len(x), f"{where}: condition")
            if self.length is not None:
                self._check_length(self.length.get(split), len(x), f"{where}: length")

    def batch(self, split: str) -> Batch:
        """The examples of a split with all that comes with them. Raises ValueError for an unknown split."""
        if split not in SPLITS:
            raise ValueError(f"split: expected {', '.join(SPLITS)}, got {split!r}")
        tables = (getattr(self, name) for name in NAMES[1:])
        return Batch(getattr(self, split), *[None if table is None else table.get(split) for table in tables])

    def _check_condition(self, condition, n, where):
        if not isinstance(condition, np.ndarray) or len(condition) != n:
            raise DataError(f"{where}: expected an array of {n} rows, got {_shape(condition)}")
        check_fits(condition, self.spec.condition, where)

    def _check_length(self, length, n, where):
        if not isinstance(length, np.ndarray) or length.dtype.kind not in "iu" or length.shape != (n,):
            raise DataError(f"{where}: expected {n} integers, got {_shape(length)}")
        longest = self.spec.shape[0] if self.spec.shape else 0
        if length.min() < 0 or length.max() > longest:
            raise DataError(f"{where}: expected 0 to {longest}, got {length.min()} to {length.max()}")


def _shape(array):
    """The dtype and shape of an array in words, or what came instead of one."""
    return f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)


def from_arrays(name, arrays: dict, kind=None, seed=0, labels=None, source=None, *, missing=False, observed=None,
                condition=None, condition_spec=None, length=None) -> Dataset:
    """A Dataset from arrays of numbers: `{"x": rows}` to be split, or `{"train": ..., "test": ...}`.

    Missing splits are cut at random by `seed`: a fifth for testing from "x" or "train", a tenth of the rest
    for validation. The kind is binary for booleans and integers that are all 0 or 1, discrete with the highest
    value + 1 levels for other integers, and continuous for floating-point numbers; `kind` asks for another and
    converts, where that loses nothing, or is a tuple with the kind of each column of a table. `labels` has the keys of
    `arrays`, as have `observed`, booleans that are False where a value is missing (with `missing`, NaN says so too),
    `condition`, arrays as `condition_spec` says, and `length`.
    Raises DataError that names `source` (by default `name`), the split, and the first row and column at fault:
    MissingValues for NaN without `missing`.
    """
    where = source or name
    if ("x" in arrays) == ("train" in arrays) or not set(arrays) <= ({"x"} if "x" in arrays else set(SPLITS)):
        raise ValueError(f"arrays: expected 'x' alone, or 'train' and other splits, got {', '.join(arrays)}")
    kind = parse_kind(kind)
    given, arrays, masks = arrays, {}, {}
    for split, x in given.items():
        mask = None if observed is None else observed.get(split)
        arrays[split], masks[split] = _as_numbers(x, mask, missing, f"{where}: {split}")
    shapes = {split: x.shape[1:] for split, x in arrays.items()}
    first = next(iter(shapes))
    for split, shape in shapes.items():
        if shape != shapes[first]:
            raise DataError(f"{where}: {split}: expected examples of shape {shapes[first]} as in {first}, got {shape}")
    labels = {split: _as_labels(y, arrays[split], f"{where}: {split}") for split, y in (labels or {}).items()}
    arrays, levels, kind = as_kind(arrays, kind, where)
    masks = {} if all(mask is None or mask.all() for mask in masks.values()) else {
        split: np.ones(x.shape, bool) if masks[split] is None else masks[split] for split, x in arrays.items()
    }
    tables = (arrays, labels, masks, condition or {}, length or {})
    arrays, labels, masks, condition, length = _complete(tables, seed, where)
    spec = DataSpec(tuple(shapes[first]), kind, levels, condition_spec)
    return Dataset(name, spec, **arrays, labels=labels or None, observed=masks or None, condition=condition or None,
                   length=length or None)


def _as_numbers(x, observed, missing, where):
    """`x` as an array of numbers with rows and at least one number in each, 0 where missing; and its mask or None."""
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
    seen = None if observed is None else np.asarray(observed)
    if seen is not None and (seen.dtype != bool or seen.shape != x.shape):
        raise DataError(f"{where}: observed: expected booleans of shape {x.shape}, got {seen.dtype} {seen.shape}")
    if missing and x.dtype.kind == "f":
        seen = ~np.isnan(x) if seen is None else seen & ~np.isnan(x)
    if seen is not None and not seen.all():
        x = np.where(seen, x, np.zeros((), x.dtype))
    if x.dtype.kind == "f":
        require(x, lambda v: ~np.isnan(v), "a finite number", where, error=MissingValues)
        require(x, np.isfinite, "a finite number", where)
    return x.astype(np.float32) if x.dtype == np.float16 else x, seen


def _as_labels(y, x, where):
    y = np.asarray(y)
    if y.dtype.kind not in "iu" or y.shape != (len(x),):
        raise DataError(f"{where}: expected {len(x)} integer labels, got {y.dtype} of shape {y.shape}")
    return y.astype(np.int64)


def _complete(tables, seed, name):
    """All three splits of arrays, labels and masks, those that are missing cut from the first array."""
    tables = [dict(table) for table in tables]
    if "x" in tables[0]:
        tables = [{"train": table["x"]} if "x" in table else {} for table in tables]
    missing = [split for split in ("test", "validation") if split not in tables[0]]
    if missing:
        test = TEST_FRACTION if "test" in missing else 0.0
        validation = VALIDATION_FRACTION * (1 - test) if "validation" in missing else 0.0
        fractions = [fraction for fraction in (1 - test - validation, validation, test) if fraction]
        n = len(tables[0]["train"])
        try:
            rows = split_indices(n, fractions, seed)
        except ValueError:
            raise DataError(f"{name}: {n} rows are too few to split into {len(fractions)} parts") from None
        cut = [split for split in SPLITS if split == "train" or split in missing]
        for table in tables:
            if "train" in table:
                table.update(zip(cut, [table["train"][chosen] for chosen in rows], strict=True))
    return tables
