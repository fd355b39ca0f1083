"""The column of a table that holds class labels, and the table without it."""

import numpy as np

from ..protocols import nearest
from .errors import DataError, MissingValues


def take_labels(arrays: dict, observed, names, column, missing, where):
    """`(arrays, observed, labels)`: tables by split without their column `column`, and its values as integers.

    `column` is a name in `names`, or a number from 0 (from -1 backwards). With `missing`, a missing label becomes -1.
    Raises ValueError for a column that does not exist, and DataError for values that are not integers from 0.
    """
    widths = {x.shape[1] if x.ndim == 2 else None for x in arrays.values()}
    width = widths.pop()
    if widths or width is None:
        raise ValueError(f"labels: {where} holds no tables of one width, so it has no column {column!r}")
    if width < 2:
        raise ValueError(f"labels: {where} has one column alone; none would be left beside the labels")
    index = _index(column, names, width)
    rest, masks, labels = {}, {}, {}
    for split, x in arrays.items():
        mask = None if observed is None else observed.get(split)
        rest[split] = np.delete(x, index, axis=1)
        masks[split] = None if mask is None else np.delete(mask, index, axis=1)
        present = np.ones(len(x), bool) if mask is None else mask[:, index]
        labels[split] = _as_labels(x[:, index], present, missing, f"{where}: {split}: labels in column {column!r}")
    return rest, masks, labels


def _index(column, names, width):
    if names and column in names:
        return names.index(column)
    try:
        if isinstance(column, bool) or not isinstance(column, int | str):
            raise ValueError
        index = int(column)
    except (ValueError, TypeError):
        hint = nearest(column, names) if names else f"; the table has no line of names, only numbers 0 to {width - 1}"
        raise ValueError(f"labels: no column {column!r}{hint}") from None
    if not -width <= index < width:
        raise ValueError(f"labels: expected a column from 0 to {width - 1}, got {index}")
    return index % width


def _as_labels(values, present, missing, where):
    if values.dtype.kind == "f":
        present = present & ~np.isnan(values)
    if not (missing or present.all()):
        raise MissingValues(f"{where}: expected integers from 0, got nothing in row {int(np.argmin(present))} (from 0)")
    wrong = present & ~((values >= 0) & (values == np.floor(values)) & (values < 2**31))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{where}: expected integers from 0, got {values[row]} in row {row} (from 0)")
    return np.where(present, values, -1).astype(np.int64)
