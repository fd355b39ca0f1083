"""The sum of exp(bound) over all examples, estimated from noisy bounds."""

import math
import re

import numpy as np

from minigen.evaluation.bounds import _adds_up


def test_the_sum_is_corrected_for_the_noise_of_the_bounds():
    """exp of a mean of n normal values is exp(σ²/2n) times too large on average; the sum counts (1 - s²/2n) of it."""
    rng, n, deviation, repetitions = np.random.default_rng(0), 20, 2.0, 400
    log_p = np.log([0.1, 0.2, 0.3, 0.4])
    totals = []
    for _ in range(repetitions):
        check = _adds_up("sum", log_p[:, None] + deviation * rng.standard_normal((4, n)))
        totals.append(float(re.search(r"adds up to ([\d.]+)", check.detail)[1]))
    half = deviation**2 / (2 * n)  # the sample variance is independent of the mean
    expected = math.exp(half) * (1 - half)
    assert abs(np.mean(totals) - expected) < 4.5 * np.std(totals) / math.sqrt(repetitions)
