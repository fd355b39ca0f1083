"""Reads tables of numbers in text files: comma, semicolon, tab or blank between columns, one example a line."""

import csv
import io
import itertools
from typing import NamedTuple

import numpy as np

from .errors import DataError, MissingValues, opened

_CHUNK = 2**20
# A parsed table takes up to four times the text.
MAX_TEXT = 2**30


class Table(NamedTuple):
    """`values` `(rows, columns)`, 0 where missing, the columns' names or None, and a mask of what is observed.

    `observed` is None if nothing is missing.
    """

    values: np.ndarray
    names: list[str] | None
    observed: np.ndarray | None


def read_csv(path) -> tuple[np.ndarray, list[str] | None]:
    """The numbers of a table, shape (rows, columns), and the names in its first line, or None.

    The first line is names if no cell in it is a number. The delimiter is the one that is most frequent there.
    Cells may be quoted; empty lines are skipped. The result is int64 if no number has a point or an exponent,
    else float64. Raises DataError, with line and column, for a cell that is not a number (MissingValues for an
    empty cell), a row of another length, a file without rows, and a file that is not UTF-8 text.
    """
    table = read_table(path)
    return table.values, table.names


def read_table(path, missing=False) -> Table:
    """A Table, as `read_csv` reads it; with `missing`, empty cells and NaN are missing values."""
    with opened(path) as (file, size):
        if size > MAX_TEXT:
            raise DataError(f"{path}: expected a table of at most {MAX_TEXT} bytes, got {size}")
        try:
            first, skipped = _first_line(file)
            delimiter = max((",", ";", "\t"), key=first.count)
            delimiter = delimiter if delimiter in first else None
            cells = _cells(first, delimiter)
            names = None if any(_is_number(cell) for cell in cells) else [cell.strip() for cell in cells]
            skipped -= names is None
            integers = _has_integers_only(file, first if names is None else "")
            file.seek(0)
            values = _parse(file, delimiter, skipped, path, missing)
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: expected UTF-8 text: {error.reason} at byte {error.start}") from error
        except csv.Error as error:
            raise DataError(f"{path}: line {skipped}: {error}") from error
    if names is not None and len(names) != values.shape[1]:
        raise DataError(f"{path}: {len(names)} names in the first line, but {values.shape[1]} columns below")
    observed = ~np.isnan(values) if missing else None
    if observed is not None:
        values = np.where(observed, values, 0.0)
    if integers and np.abs(values).max() < 2**53:
        values = values.astype(np.int64)
    return Table(values, names, None if observed is None or observed.all() else observed)


def _first_line(file):
    """The first line that is not blank, and its number; `file` then stands behind it."""
    for number, line in enumerate(file, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        if text.strip():
            return text.rstrip("\r\n"), number
    raise DataError(f"{file.name}: the file has no rows")


def _has_integers_only(file, first):
    marks = (b".", b"e", b"E", b"n", b"N")
    chunks = itertools.chain([first.encode()], iter(lambda: file.read(_CHUNK), b""))
    return not any(mark in chunk for chunk in chunks for mark in marks)


def _parse(file, delimiter, skipped, path, missing):
    # The wrapper must not close the file when it is deleted.
    text = io.TextIOWrapper(file, encoding="utf-8-sig")
    options = {"delimiter": delimiter, "comments": None, "quotechar": '"', "ndmin": 2, "skiprows": skipped}
    try:
        if not any(line.strip() for number, line in enumerate(text) if number >= skipped):
            raise DataError(f"{path}: names, but no rows")
        text.seek(0)
        try:
            return np.loadtxt(text, dtype=np.float64, **options)
        except ValueError:
            if not missing:
                raise
            text.seek(0)  # again, with a function for each cell, which is slow
            return np.loadtxt(text, dtype=np.float64, converters=_number_or_nan, **options)
    except (UnicodeDecodeError, DataError):
        raise
    except ValueError as error:
        text.seek(0)
        _locate(text, delimiter, skipped, path, missing)
        raise DataError(f"{path}: not a table of numbers: {error}") from error
    finally:
        text.detach()


def _number_or_nan(cell):
    return float(cell) if cell.strip() else float("nan")


def _locate(lines, delimiter, skipped, path, missing):
    """Raise DataError for the first cell or row that is wrong."""
    width = None
    for number, line in enumerate(lines, 1):
        if number <= skipped or not line.strip():
            continue
        cells = _cells(line.rstrip("\r\n"), delimiter)
        width = width or len(cells)
        if len(cells) != width:
            raise DataError(f"{path}: line {number}: expected {width} columns as in the rows before, got {len(cells)}")
        for column, cell in enumerate(cells, 1):
            where = f"{path}: line {number}, column {column}: expected a number, got"
            if not cell.strip():
                if not missing:
                    raise MissingValues(f"{where} an empty cell")
            elif not _is_number(cell):
                raise DataError(f"{where} {cell[:40]!r}")


def _cells(line, delimiter):
    if delimiter is None:
        return [cell.strip('"') for cell in line.split()]
    return next(csv.reader([line], delimiter=delimiter))


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
