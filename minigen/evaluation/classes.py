"""Are a classifier's probabilities a distribution over classes, and those of Bayes' rule where it knows p(x, y)?

    Σ_y p(y | x) = 1,    and    p(y | x) = p(x, y) / p(x),    p(x) = Σ_y p(x, y)
"""

import numpy as np

from ..arrays import to_numpy
from ..autograd import no_grad
from ..autograd.tensor import raw
from .checks import Check

NAME = "class probabilities"


def check_classes(subject, x):
    """Whether `predict_log_proba` adds up to 1 at examples x, and agrees with `joint_log_prob` and `log_prob`."""
    model, x = subject.model, subject.examples(x)
    with no_grad():
        found = np.asarray(to_numpy(raw(model.predict_log_proba(x))), np.float64)
        if found.ndim != 2 or len(found) != len(x):
            return Check(NAME, False, f"expected shape ({len(x)}, classes), got {found.shape}")
        errors = [np.abs(np.exp(found).sum(axis=1) - 1)]
        words = f"of {found.shape[1]} classes at {len(x)} examples"
        if hasattr(model, "joint_log_prob") and subject.has_density:
            joint, log_p = np.asarray(to_numpy(raw(model.joint_log_prob(x))), np.float64), subject.log_prob(x)
            errors.append(np.abs(np.exp(joint - log_p[:, None]) - np.exp(found)).max(axis=1))
            words += ", and by Bayes' rule"
    worst, slack = float(np.max(errors)), subject.rounding(found)
    return Check(NAME, bool(worst <= slack), f"{words}: largest error {worst:.1e}, tolerance {slack:.0e}")
