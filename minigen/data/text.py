"""Reads text files as data: windows of characters, which become integers."""

import numpy as np

from .codec import CharacterCodec
from .errors import DataError, opened

# A text takes up to four times its bytes in memory, and its integers as much again.
MAX_TEXT = 2**30
TEST_FRACTION = 0.1
VALIDATION_FRACTION = 0.1


def read_text(path) -> str:
    """The text of a UTF-8 file. Raises DataError if it is empty, too long or not UTF-8."""
    with opened(path) as (file, size):
        if size > MAX_TEXT:
            raise DataError(f"{path}: expected a text of at most {MAX_TEXT} bytes, got {size}")
        try:
            return file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: expected UTF-8 text: {error.reason} at byte {error.start}") from error


def text_windows(text: str, length: int, source="text") -> tuple[dict, CharacterCodec]:
    """Cut a text into train, validation and test windows of `length` characters, shape (N, length, 1).

    The last tenth of the text is for testing and the last tenth of the rest for validation, so that windows of
    two splits touch at the two seams only. Characters that do not fill a window are dropped.
    The codec has every character of the text. Raises DataError for a text that is too short.
    """
    codec = CharacterCodec.of(text) if text else None
    test = int(len(text) * (1 - TEST_FRACTION))
    validation = int(test * (1 - VALIDATION_FRACTION))
    if codec is None or validation // length * ((test - validation) // length) * ((len(text) - test) // length) < 1:
        raise DataError(f"{source}: {len(text)} characters are too few for three splits of windows of {length}")
    numbers = codec.encode(text)
    bounds = {"train": (0, validation), "validation": (validation, test), "test": (test, len(text))}
    windows = {}
    for name, (begin, end) in bounds.items():
        count = (end - begin) // length
        windows[name] = np.ascontiguousarray(numbers[begin : begin + count * length].reshape(count, length, 1))
    return windows, codec
