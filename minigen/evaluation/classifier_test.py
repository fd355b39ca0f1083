"""Can a classifier tell two sets of samples apart? Its held-out accuracy is a two-sample test.

A classifier is fitted to half of the pooled samples, labelled by the set that they come from, and judged on the other
half. If both sets have one distribution, no classifier is right more often than a coin. Then the number of its hits is
binomial(n, ½), and the upper tail is a p-value. It is valid however well or badly the classifier was fitted: a better
classifier only makes the test more powerful.

Friedman, "On Multivariate Goodness-of-Fit and Two-Sample Testing", 2003; Lopez-Paz and Oquab, "Revisiting Classifier
Two-Sample Tests", 2017 (section 3).
"""

import math
from typing import NamedTuple

import numpy as np

from .. import ops
from ..arrays import as_generator
from ..arrays.checks import positive_integer
from ..autograd import grad, no_grad, raw
from ..layers import MLP
from ..optim import AdamW
from .sample_rows import as_rows, pieces

BATCH = 128


class ClassifierTest(NamedTuple):
    """The held-out accuracy of a classifier that tells two sets of samples apart, and its p-value.

    `accuracy` is the share of right answers among `n` held-out rows, half of them from each set; `standard_error` is
    that of a coin, ½/√n; `p_value` is P(hits or more) under binomial(n, ½). `n_train` rows fitted the classifier.
    """

    accuracy: float
    standard_error: float
    p_value: float
    n: int
    n_train: int


def classifier_test(x, y, rng, hidden=64, steps=500):
    """Test whether samples x `(n, ...)` and y `(m, ...)` have one distribution, by a classifier: a ClassifierTest.

    The classifier is a perceptron with two hidden layers of `hidden` units, fitted in `steps` updates. The larger
    set is cut to the size of the smaller one, so that chance is ½. Raises ValueError for fewer than 20 examples in
    either set, and for shapes that do not fit.
    """
    x = as_rows("x", x, least=20)
    y = as_rows("y", y, like=("x", x), least=20)
    positive_integer("hidden", hidden)
    positive_integer("steps", steps)
    rng, n = as_generator(rng), min(len(x), len(y))
    half = n // 2
    x, y = x[rng.permutation(len(x))[:n]], y[rng.permutation(len(y))[:n]]
    train, test = np.concatenate([x[half:], y[half:]]), np.concatenate([x[:half], y[:half]])
    mean, spread = train.mean(axis=0), train.std(axis=0)
    spread[spread == 0] = 1
    train, test = (((rows - mean) / spread).astype(np.float32) for rows in (train, test))
    signs = np.repeat(np.float32([1, -1]), n - half)
    classifier = _fit(train, signs, rng, hidden, steps)
    with no_grad():
        logits = np.concatenate([raw(classifier(test[rows]))[:, 0] for rows in pieces(len(test))])
    # of an undecided classifier half the answers are right: a logit of exactly 0 must not favour either set
    guesses = np.where(logits == 0, rng.bernoulli(np.full(len(logits), 0.5)), logits > 0)
    hits = int((guesses == (np.arange(2 * half) < half)).sum())
    return ClassifierTest(hits / (2 * half), 0.5 / math.sqrt(2 * half), binomial_tail(hits, 2 * half),
                          2 * half, 2 * (n - half))


def binomial_tail(hits, n, p=0.5):
    """P(H ≥ hits) for H binomial(n, p), by the incomplete beta function."""
    from scipy.special import bdtrc

    return 1.0 if hits <= 0 else float(bdtrc(hits - 1, n, p))


def _fit(x, signs, rng, hidden, steps):
    """A perceptron f that minimises the mean of log(1 + exp(-sign·f(x)))."""
    classifier = MLP((x.shape[1], hidden, hidden, 1), ops.relu, rng=rng)
    optimizer = AdamW(classifier, learning_rate=3e-3, weight_decay=1e-2)
    parameters = classifier.parameters()
    for step in range(steps):
        rows = rng.integers(len(x), size=min(BATCH, len(x)))
        margins = classifier(x[rows])[:, 0] * signs[rows]
        rate = 3e-3 * (1 - step / steps)
        optimizer.step(grad(ops.softplus(-margins).mean(), parameters), learning_rate=rate)
    return classifier
