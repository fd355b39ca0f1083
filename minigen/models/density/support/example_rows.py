"""Examples as the rows of a matrix, checked against their spec."""

import numpy as np

from ....autograd import raw


def as_rows(x, spec, observed=None):
    """`(rows, observed)`: examples as rows `(n, dimensions)`, and their mask likewise, None if nothing is missing.

    Values that are not observed become 0. Raises TypeError for an array that does not hold numbers. Raises ValueError
    for an array or a mask of another shape, for observed values that are not finite, and for binary or discrete values
    outside their range.
    """
    x = np.asarray(raw(x))
    if x.dtype.kind not in "biuf":
        raise TypeError(f"x: expected numbers, got an array of dtype {x.dtype}")
    if x.shape[1:] != spec.shape or x.ndim == 0:
        raise ValueError(f"x: expected shape (n, {', '.join(map(str, spec.shape))}), got {x.shape}")
    rows = x.reshape(len(x), spec.dimensions)  # (n, D)
    if observed is not None:
        observed = np.asarray(observed)
        if observed.dtype != bool or observed.shape != x.shape:
            raise ValueError(f"observed: expected booleans of shape {x.shape}, got {observed.dtype} of shape "
                             f"{observed.shape}")
        observed = observed.reshape(rows.shape)
        if observed.all():
            observed = None
        else:
            rows = np.where(observed, rows, np.zeros((), rows.dtype))
    if rows.dtype.kind == "f" and not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ValueError(f"x: expected finite numbers, got {rows[row, column]} in row {row}, column {column} (from 0); "
                         "missing values are marked by observed=False")
    _check_range(rows, spec)
    return rows, observed


def _check_range(rows, spec):
    """Raise ValueError for binary values other than 0 and 1, and discrete ones that are not 0 … levels - 1."""
    if not len(rows):
        return
    table = isinstance(spec.kind, tuple)
    kinds = spec.kind if table else (spec.kind,)
    levels = spec.levels if table else (spec.levels,)
    for column, (kind, level) in enumerate(zip(kinds, levels, strict=True)):
        if kind == "continuous":
            continue
        values = rows[:, column] if len(kinds) > 1 else rows
        highest = 1 if kind == "binary" else level - 1
        whole = rows.dtype.kind != "f" or (values == np.floor(values)).all()
        if values.min() < 0 or values.max() > highest or not whole:
            where = f" in column {column}" if len(kinds) > 1 else ""
            raise ValueError(f"x: expected integers 0 to {highest}{where}, got {values.min()} to {values.max()}")
