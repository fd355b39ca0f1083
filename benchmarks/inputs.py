"""Data and initial parameters, the same for both sides: plain NumPy arrays from fixed seeds.

Parameters have minigen's names and layout: `weight` is (inputs, outputs).
"""

import numpy as np

DTYPE = "float32"  # tests compare the sides in float64 too


def binary(*shape):
    """Zeros and ones, about a third of them ones."""
    return (np.random.default_rng(1).random(shape) < 0.3).astype(DTYPE)


def normal(*shape, seed=1, scale=1.0):
    """Normal numbers."""
    return (scale * np.random.default_rng(seed).standard_normal(shape, np.float32)).astype(DTYPE)


def clusters(rows, columns, components):
    """Examples around so many points, float64."""
    rng = np.random.default_rng(1)
    centres = 3 * rng.standard_normal((components, columns))
    return centres[rng.integers(components, size=rows)] + rng.standard_normal((rows, columns))


def mlp(prefix, sizes, seed=0):
    """Parameters of affine layers of these sizes, weights by Glorot's uniform rule, small biases."""
    rng, arrays = np.random.default_rng(seed), {}
    for i, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        bound = (6 / (n + m)) ** 0.5
        arrays[f"{prefix}layers.{i}.weight"] = rng.uniform(-bound, bound, (n, m)).astype(DTYPE)
        arrays[f"{prefix}layers.{i}.bias"] = rng.uniform(-0.1, 0.1, m).astype(DTYPE)
    return arrays


def degrees(data, hidden):
    """Degrees of a hidden layer of MADE in natural order: 1 to data - 1, ascending, evenly spread."""
    return 1 + np.arange(hidden) * (data - 1) // hidden


def made_masks(sizes):
    """Masks (inputs, outputs) of MADE's layers: units see lower or equal degrees, outputs strictly lower ones."""
    data = sizes[0]
    levels = [np.arange(1, data + 1), *(degrees(data, n) for n in sizes[1:-1]), np.arange(1, data + 1)]
    masks = [low[:, None] <= high for low, high in zip(levels[:-2], levels[1:-1], strict=True)]
    return [mask.astype(DTYPE) for mask in (*masks, levels[-2][:, None] < levels[-1])]


def taps(size, kind):
    """Offsets of a size × size kernel that a mask of `kind` "A" or "B" leaves alive; "dense" leaves all."""
    half = size // 2
    square = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    last = {"A": (0, -1), "B": (0, 0), "dense": (half, half)}[kind]
    return tuple(tap for tap in square if tap <= last)


def examples(shape, n, levels=None):
    """`n` examples as a data set holds them: binary without levels, else integers below `levels`."""
    return binary(n, *shape).astype(np.uint8) if levels is None else \
        np.random.default_rng(1).integers(levels, size=(n, *shape)).astype(np.uint8)
