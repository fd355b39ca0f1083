"""The column of a table that holds class labels, and the table without it."""

import numpy as np

from ..protocols import nearest
from .errors import DataError, MissingValues


def take_labels(arrays: dict, observed, names, column, missing, where):
    """`(arrays, observed, labels)`: tables by split without their column `column`, and its values as integers.

    `column` is a name in `names` or a number from 0 (from -1 backwards). A label that is missing becomes -1 if
    `missing`. Raises ValueError for a column that there is not, DataError for values that are no integers from 0.
    """
    widths = {x.shape[1] if x.ndim == 2 else None for x in arrays.values()}
    width = widths.pop()
    if widths or width is None:
        raise ValueError(f"labels: {where} holds no tables of one width, so it has no column {column!r}")
    if width < 2:
        raise ValueError(f"labels: {where} has one column alone; none would be left beside the labels")
    place = _place(column, names, width)
    rest, masks, labels = {}, {}, {}
    for split, x in arrays.items():
        mask = None if observed is None else observed.get(split)
        rest[split] = np.delete(x, place, axis=1)
        masks[split] = None if mask is None else np.delete(mask, place, axis=1)
        seen = np.ones(len(x), bool) if mask is None else mask[:, place]
        labels[split] = _as_labels(x[:, place], seen, missing, f"{where}: {split}: labels in column {column!r}")
    return rest, masks, labels


def _place(column, names, width):
    if names and column in names:
        return names.index(column)
    try:
        if isinstance(column, bool) or not isinstance(column, int | str):
            raise ValueError
        place = int(column)
    except (ValueError, TypeError):
        known = nearest(column, names) if names else f"; the table has no line of names, only numbers 0 to {width - 1}"
        raise ValueError(f"labels: no column {column!r}{known}") from None
    if not -width <= place < width:
        raise ValueError(f"labels: expected a column from 0 to {width - 1}, got {place}")
    return place % width


def _as_labels(values, seen, missing, where):
    if values.dtype.kind == "f":
        seen = seen & ~np.isnan(values)
    if not (missing or seen.all()):
        raise MissingValues(f"{where}: expected integers from 0, got nothing in row {int(np.argmin(seen))} (from 0)")
    wrong = seen & ~((values >= 0) & (values == np.floor(values)) & (values < 2**31))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{where}: expected integers from 0, got {values[row]} in row {row} (from 0)")
    return np.where(seen, values, -1).astype(np.int64)
