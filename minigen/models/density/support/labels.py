"""Class labels: integers 0 to n_classes - 1, and -1 where one is missing."""

import numpy as np

MISSING = -1


def check_labels(labels, n, n_classes):
    """The labels of `n` examples as int64 `(n,)`, -1 where missing.

    Raises TypeError for what is no integers, ValueError for another number of them or one outside the classes.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels: expected integers, got {labels.dtype}")
    if labels.shape != (n,):
        raise ValueError(f"labels: expected one for each of {n} examples, got shape {labels.shape}")
    if n and not (MISSING <= labels.min() and labels.max() < n_classes):
        wrong = int(np.flatnonzero((labels < MISSING) | (labels >= n_classes))[0])
        raise ValueError(f"labels: expected 0 to {n_classes - 1}, or -1 for a missing one, got {labels[wrong]} in "
                         f"row {wrong} (from 0)")
    return labels.astype(np.int64)


def class_settings(dataset):
    """`{"n_classes": ...}`, one more than the largest label of any split of a `data.Dataset`; {} if there is none."""
    labels = [part.max() for part in (dataset.labels or {}).values() if part is not None and len(part)]
    return {"n_classes": int(max(labels)) + 1} if labels and max(labels) >= 0 else {}
