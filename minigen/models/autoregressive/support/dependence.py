"""When each number of a convolution or a product is known: at the latest step among the inputs that it depends on."""

import math

import numpy as np

from ....kernels.convolution import windows

NEVER = -1  # the step of what depends on no input: before the first


def tap_sources(taps, extents, stride, adjoint=False):
    """(positions, taps): the position that a convolution reads for each output position and tap, -1 outside.

    `extents` are those of its input. Of its adjoint, which goes from the output to the input: where each comes from.
    """
    space = tuple(-(-n // stride) for n in extents)
    targets, origins = (extents, space) if adjoint else (space, extents)
    table = np.full((*targets, len(taps)), -1, np.int64)
    numbers = np.arange(math.prod(origins)).reshape(origins)
    for t, window in enumerate(windows(taps, extents, stride)):
        if window is not None:
            reads, writes = (part[1:] for part in window)
            to, source = (reads, writes) if adjoint else (writes, reads)
            table[(*to, t)] = numbers[source]
    return table.reshape(math.prod(targets), len(taps))


def known_steps(steps, sources, w):
    """When each output of a product is known, and which inputs a range of outputs depends on."""
    padded = np.concatenate([steps, np.full((1, steps.shape[1]), NEVER)])  # row -1: outside
    live = w != 0
    when = np.full((len(sources), w.shape[2]), NEVER)
    if len(steps) == len(sources) == w.shape[0] == 1:  # a matrix, where each input may be known at a step of its own
        when[0] = np.where(live[0], steps[0][:, None], NEVER).max(axis=0)
    for low, high in ranges(steps) if w.shape[0] * len(sources) > 1 else ():
        column = padded[:, low]
        used = live[:, low:high].any(axis=1)  # (taps, outputs)
        patterns, which = np.unique(used, axis=1, return_inverse=True)
        latest = column[sources]
        by_pattern = np.stack([np.where(pattern, latest, NEVER).max(axis=1) for pattern in patterns.T], axis=1)
        np.maximum(when, by_pattern[:, which.reshape(-1)], out=when)

    def reach(low, high):
        rows = np.flatnonzero(live[:, :, low:high].any(axis=(0, 2)))
        return (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 0)

    return when, reach


def ranges(steps):
    """Pairs (low, high) of consecutive channels that are known at the same steps everywhere."""
    same = (steps[:, 1:] == steps[:, :-1]).all(axis=0)
    cuts = [0, *(np.flatnonzero(~same) + 1).tolist(), steps.shape[1]]
    return list(zip(cuts, cuts[1:], strict=False))
