"""Reads CIFAR-10 in its binary format: records of a label and a colour image of 32 × 32 pixels."""

from pathlib import Path

import numpy as np

from ..arrays.checks import integer
from .dataset import Dataset, from_arrays
from .errors import DataError, opened

RECORD, SIZE, CLASSES = 1 + 3 * 32 * 32, 32, 10
TRAIN, TEST = "data_batch_*.bin", "test_batch.bin"


def cifar(folder, seed=0, kind=None) -> Dataset:
    """CIFAR-10 from a folder with `data_batch_1.bin` … and `test_batch.bin`: images (32, 32, 3) of 256 levels.

    A tenth of the training images, by `seed`, is for validation; labels are 0 to 9. Raises DataError for files that
    are missing or malformed. Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    folder, seed = Path(folder), integer("seed", seed, 0)
    batches = sorted(folder.glob(TRAIN))
    if not batches:
        raise DataError(f"{folder}: expected files {TRAIN} and {TEST}")
    files = [read_cifar(path) for path in batches]
    train, labels = (np.concatenate(arrays) for arrays in zip(*files, strict=True))
    test, test_labels = read_cifar(folder / TEST)
    return from_arrays("cifar", {"train": train, "test": test}, kind, seed, {"train": labels, "test": test_labels})


def read_cifar(path) -> tuple[np.ndarray, np.ndarray]:
    """(images `(n, 32, 32, 3)` uint8, labels `(n,)`) of one file.

    A record is a byte for the label, then 1,024 bytes for each of red, green and blue, row by row. Raises DataError
    for a file that is not a whole number of records, or a label above 9.
    """
    with opened(path) as (file, size):
        if size % RECORD:
            raise DataError(f"{path}: expected records of {RECORD} bytes (a label, 3 × 32 × 32 pixels), got {size}")
        records = np.frombuffer(file.read(size), np.uint8)
    if records.size != size:
        raise DataError(f"{path}: expected {size} bytes, got {records.size}")
    records = records.reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        row = int(np.argmax(labels >= CLASSES))
        raise DataError(f"{path}: expected labels 0 to {CLASSES - 1}, got {labels[row]} in record {row} (from 0)")
    images = records[:, 1:].reshape(-1, 3, SIZE, SIZE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels
