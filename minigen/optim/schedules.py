"""Learning-rate schedules: functions from the number of updates made so far (from 0) to a factor of the rate.

    schedule = schedules.cosine(10_000, warmup=500)
    optimizer.step(gradients, learning_rate=1e-3 * schedule(optimizer.steps))

Every schedule takes `warmup`: over so many updates the factor rises linearly, (t + 1) / warmup at update t.
"""

import math

from ..arrays.checks import integer, positive_integer, positive_number


def constant(warmup: int = 0):
    """The factor 1."""
    return _warmed(lambda t: 1.0, warmup)


def step(every: int, factor: float = 0.1, warmup: int = 0):
    """The factor is multiplied by `factor` after every `every` updates: factor^⌊t / every⌋."""
    every = positive_integer("every", every)
    factor = positive_number("factor", factor)
    return _warmed(lambda t: factor ** (t // every), warmup)


def cosine(steps: int, warmup: int = 0, final: float = 0.0):
    """Half a cosine from 1 (at the end of the warm-up) down to `final` at update `steps`, and `final` from there.

    final + (1 - final)·(1 + cos(π·(t - warmup) / (steps - warmup))) / 2 (Loshchilov and Hutter, 2017, eq. 5, without
    restarts).
    """
    steps, warmup = positive_integer("steps", steps), integer("warmup", warmup, 0)
    if warmup >= steps:
        raise ValueError(f"warmup: expected fewer than the {steps} steps, got {warmup}")
    if not 0 <= final <= 1:
        raise ValueError(f"final: expected a number from 0 to 1, got {final!r}")

    def factor(t):
        progress = min(max(t - warmup, 0) / (steps - warmup), 1.0)
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return _warmed(factor, warmup)


def _warmed(schedule, warmup):
    warmup = integer("warmup", warmup, 0)
    return lambda t: schedule(t) * min((t + 1) / warmup, 1.0) if warmup else schedule(t)
