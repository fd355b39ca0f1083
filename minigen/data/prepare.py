"""Data in the form that a model wants: another shape, fewer levels, standardised columns, labels as a condition."""

import dataclasses
import math

import numpy as np

from ..protocols import DataSpec
from .dataset import SPLITS, Dataset
from .preprocess import Standardizer


def prepare(dataset: Dataset, shape=None, levels=None, standardize=False, conditional=False, *,
            standardizer=None) -> Dataset:
    """The data set with what is asked for done to every split, in this order.

    `shape`: examples are read in this shape, of as many numbers. `levels`: discrete data are put into so many bins of
    equal width, x·levels // (levels before); two of them make the data binary. `standardize`: continuous columns get
    mean 0 and variance 1 on the training split, or are mapped by the `standardizer` that other data gave.
    `conditional`: the labels become the condition c of a model p(x | c). Raises ValueError where the data are not so.
    """
    spec, changed = dataset.spec, {}
    arrays = {split: getattr(dataset, split) for split in SPLITS}
    if (shape, levels, standardize) != (None, None, False) and dataset.transform is not None:
        raise ValueError(f"data {dataset.name!r}: its training examples are made anew for each batch, in one form")
    if shape is not None:
        shape = tuple(shape)
        if math.prod(shape) != spec.dimensions or min(shape) < 1 or not isinstance(spec.kind, str):
            raise ValueError(f"shape: expected {spec.dimensions} numbers in all, as {spec.shape} has, got {shape}")
        arrays = {split: x.reshape(len(x), *shape) for split, x in arrays.items()}
        spec = dataclasses.replace(spec, shape=shape)
        if dataset.observed is not None:
            changed["observed"] = {k: mask.reshape(len(mask), *shape) for k, mask in dataset.observed.items()}
    if levels is not None:
        arrays, spec = _requantized(arrays, spec, levels)
    if standardize:
        if spec.kind != "continuous":
            raise ValueError(f"standardize: expected continuous data, got {spec.kind} data")
        if dataset.observed is not None:
            raise ValueError("standardize: expected data without missing values")
        standardizer = Standardizer.fit(arrays["train"]) if standardizer is None else standardizer
        arrays = {split: standardizer.transform(x) for split, x in arrays.items()}
    if conditional:
        if not dataset.labels or not all(split in dataset.labels for split in SPLITS):
            raise ValueError(f"data {dataset.name!r}: a condition needs labels of all splits, and there are none")
        if min(int(labels.min()) for labels in dataset.labels.values()) < 0:
            raise ValueError(f"data {dataset.name!r}: a condition needs a label of every example, and some are missing")
        count = 1 + max(int(labels.max()) for labels in dataset.labels.values())
        spec = dataclasses.replace(spec, condition=DataSpec((), "discrete", max(2, count)))
        changed["condition"] = dataset.labels
    return dataclasses.replace(dataset, spec=spec, **arrays, **changed)


def _requantized(arrays, spec, levels):
    if isinstance(levels, bool) or not isinstance(levels, int) or spec.kind != "discrete" \
            or not 2 <= levels <= spec.levels:
        have = f"{spec.levels} levels" if spec.kind == "discrete" else f"{spec.kind} data"
        raise ValueError(f"levels: expected an integer from 2 to the number of levels of discrete data, got {levels!r} "
                         f"for {have}")
    arrays = {split: (x.astype(np.int64) * levels // spec.levels).astype(np.uint8 if levels <= 256 else x.dtype)
              for split, x in arrays.items()}
    kind = {"kind": "binary", "levels": None} if levels == 2 else {"levels": levels}
    return arrays, dataclasses.replace(spec, **kind)
