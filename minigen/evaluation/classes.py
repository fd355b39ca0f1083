"""Are a classifier's probabilities a distribution over classes, and do they follow Bayes' rule?

    Σ_y p(y | x) = 1,    and    p(y | x) = p(x, y) / p(x),    p(x) = Σ_y p(x, y)    if the model knows p(x, y).

Labels that a classifier draws, `sample(n, rng, condition=x)`, should have these probabilities.
"""

import numpy as np

from ..arrays import to_numpy
from ..autograd import no_grad, raw
from .identity_checks import ODDS, Check, Stream, chi_square

NAME = "class probabilities"


def check_classes(subject, x):
    """Whether `predict_log_proba` adds up to 1 at examples x, and agrees with `joint_log_prob` and `log_prob`."""
    model, x = subject.model, subject.examples(x)
    with no_grad():
        log_proba = to_numpy(raw(model.predict_log_proba(subject.xp.asarray(x))))
        subject.note_precision(log_proba)
        log_proba = log_proba.astype(np.float64)
        if log_proba.ndim != 2 or len(log_proba) != len(x):
            return Check(NAME, False, f"expected shape ({len(x)}, classes), got {log_proba.shape}")
        errors = [np.abs(np.exp(log_proba).sum(axis=1) - 1)]
        words = f"of {log_proba.shape[1]} classes at {len(x)} examples"
        if model.offers("joint_log_prob") and subject.has_density:
            joint, log_p = np.asarray(to_numpy(raw(model.joint_log_prob(x))), np.float64), subject.log_prob(x)
            errors.append(np.abs(np.exp(joint - log_p[:, None]) - np.exp(log_proba)).max(axis=1))
            words += ", and by Bayes' rule"
    worst, slack = float(np.max(errors)), subject.rounding(log_proba)
    return Check(NAME, bool(worst <= slack), f"{words}: largest error {worst:.1e}, tolerance {slack:.0e}")


def check_labels(subject, x, n):
    """Whether `n` labels drawn for each of the examples x have the probabilities of `predict_log_proba`: a Check."""
    model, x = subject.model, subject.examples(x)
    with no_grad():
        log_proba = np.asarray(to_numpy(raw(model.predict_log_proba(x))), np.float64)
        stream = subject.stream(Stream.LABELS)
        labels = [to_numpy(raw(model.sample(n, stream.fold_in(row), condition=np.repeat(example[None], n, axis=0))))
                  for row, example in enumerate(x)]
    # one chi-square for all examples: a cell for each class of each example, the examples with equal shares
    counts = np.concatenate([np.bincount(row.ravel(), minlength=log_proba.shape[1]) for row in labels])
    if len(counts) != log_proba.size:
        return Check("labels drawn", False, f"expected labels 0 to {log_proba.shape[1] - 1}")
    statistic, freedom, p_value = chi_square(counts, np.exp(log_proba).ravel() / len(x))
    return Check("labels drawn", bool(p_value * ODDS >= 1),
                 f"{n} for each of {len(x)} examples: chi-square {statistic:.1f} with at most {freedom} degrees of "
                 f"freedom, p = {p_value:.2g}, limit {1 / ODDS:.0e}")
