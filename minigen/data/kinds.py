"""What kind of data an array holds: concluded from its values, asked for, or said for every column."""

import numpy as np

from ..protocols import KINDS
from .errors import DataError

# Integers with more values than this are not taken for levels of a discrete variable.
MAX_LEVELS = 2**16
_CHUNK = 2**22
_LEVELS_HINT = f"0 to {MAX_LEVELS - 1} in discrete data (kind='continuous' takes any number)"


def parse_kind(kind):
    """`kind` as None, a kind, or a tuple of kinds, one for each column; the text "a,b,c" is such a tuple.

    Raises ValueError for anything else.
    """
    if isinstance(kind, str) and "," in kind:
        kind = tuple(word.strip() for word in kind.split(","))
    kind = tuple(kind) if isinstance(kind, list) else kind
    for word in kind if isinstance(kind, tuple) else (kind,):
        if kind is not None and word not in KINDS:
            raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {word!r}")
    return kind


def as_kind(arrays: dict, kind, where):
    """(arrays of the dtype that the kind has, levels or None, kind) for `{split: numbers}`.

    Raises DataError, naming `where` and the split, for values that the kind does not have.
    """
    if isinstance(kind, tuple):
        return *_as_columns(arrays, kind, where), kind
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
        _check_values(x, kind, f"{where}: {split}")
    if kind == "binary":
        return {split: x.astype(np.uint8, copy=False) for split, x in arrays.items()}, None, kind
    levels = max(2, 1 + max(int(x.max()) for x in arrays.values()))
    small = np.uint8 if levels <= 256 else np.uint16
    return {split: x.astype(small if x.dtype.kind in "bf" else x.dtype) for split, x in arrays.items()}, levels, kind


def _as_columns(arrays, kinds, where):
    """(float64 arrays, one number of levels or None for each column)."""
    levels = [None] * len(kinds)
    for split, x in arrays.items():
        if x.ndim != 2 or x.shape[1] != len(kinds):
            raise DataError(f"{where}: {split}: {len(kinds)} kinds are for a table of as many columns, got shape "
                            f"{x.shape}")
        for column, kind in enumerate(kinds):
            if kind != "continuous":
                _check_values(x[:, column : column + 1], kind, f"{where}: {split}", column)
            if kind == "discrete":
                levels[column] = max(levels[column] or 2, 1 + int(x[:, column].max()))
    return {split: x.astype(np.float64, copy=False) for split, x in arrays.items()}, tuple(levels)


def _check_values(x, kind, where, column=0):
    if kind == "binary":
        require(x, lambda v: (v == 0) | (v == 1), "0 or 1 in binary data", where, column)
    else:
        if x.dtype.kind == "f":
            require(x, lambda v: v == np.floor(v), "an integer in discrete data", where, column)
        require(x, lambda v: (v >= 0) & (v < MAX_LEVELS), _LEVELS_HINT, where, column)


def check_fits(x, spec, where):
    """Raise DataError for the first value, shape or dtype of examples `x` that does not fit `spec`."""
    if x.shape[1:] != spec.shape:
        raise DataError(f"{where}: expected examples of shape {spec.shape}, got {x.shape[1:]}")
    if isinstance(spec.kind, tuple):
        if x.dtype.kind not in "iuf":
            raise DataError(f"{where}: expected numbers, got {x.dtype}")
        require(x, np.isfinite, "a finite number", where)
        for column, (kind, levels) in enumerate(zip(spec.kind, spec.levels, strict=True)):
            if kind != "continuous":
                top = 1 if kind == "binary" else levels - 1
                fits = lambda v, top=top: (v >= 0) & (v <= top) & (v == np.floor(v))  # noqa: E731
                require(x[:, column : column + 1], fits, f"an integer 0 to {top}", where, column)
    elif spec.kind == "continuous":
        if x.dtype not in (np.float32, np.float64):
            raise DataError(f"{where}: continuous data are float32 or float64, got {x.dtype}")
        require(x, np.isfinite, "a finite number", where)
    else:
        top = 1 if spec.kind == "binary" else spec.levels - 1
        if x.dtype.kind not in "iu" or (spec.kind == "binary" and x.dtype != np.uint8):
            wanted = "uint8" if spec.kind == "binary" else "integers"
            raise DataError(f"{where}: {spec.kind} data are {wanted}, got {x.dtype}")
        if x.min() < 0 or x.max() > top:
            require(x, lambda v: (v >= 0) & (v <= top), f"0 to {top}", where)


def require(x, condition, expected, where, first_column=0, error=DataError):
    """Raise `error` for the first value of `x` that fails `condition`, without a mask as large as `x`."""
    step = max(1, _CHUNK // max(1, x[0].size))
    for begin in range(0, len(x), step):
        good = condition(x[begin : begin + step])
        if not good.all():
            row, *index = (int(i) for i in np.argwhere(~good)[0])
            value = x[(begin + row, *index)]
            position = f"column {first_column + index[0]}" if len(index) == 1 else f"index {tuple(index)}"
            raise error(f"{where}: expected {expected}, got {value} in row {begin + row}, {position} (from 0)")


def _exceeds_float32(x):
    # float32 holds integers up to 2^24 exactly.
    return x.dtype.kind in "iu" and (x.max() > 2**24 or x.min() < -(2**24))
