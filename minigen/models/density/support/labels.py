"""Class labels: integers 0 to n_classes - 1, and -1 where one is missing."""

import numpy as np

MISSING = -1


def check_labels(labels, n, n_classes):
    """The labels of `n` examples as int64 `(n,)`, -1 where missing.

    Raises TypeError if they are not integers, ValueError for another number of them or a label outside the classes.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integers, got {labels.dtype}")
    if labels.shape != (n,):
        raise ValueError(f"labels: expected one for each of {n} examples, got shape {labels.shape}")
    wrong = np.flatnonzero((labels < MISSING) | (labels >= n_classes))
    if len(wrong):
        raise ValueError(f"labels: expected 0 to {n_classes - 1}, or -1 for a missing one, got {labels[wrong[0]]} in "
                         f"row {wrong[0]} (from 0)")
    return labels.astype(np.int64)


def class_settings(dataset):
    """`{"n_classes": ...}`, one more than the largest label of any split of a `data.Dataset`; {} if there is none."""
    splits = [labels for labels in (dataset.labels or {}).values() if labels is not None and len(labels)]
    largest = max((int(labels.max()) for labels in splits), default=MISSING)
    return {} if largest < 0 else {"n_classes": largest + 1}
