"""Coloured shapes: small pictures made by a formula, for colour image models without photographs."""

import numpy as np

from ..arrays import Generator
from .dataset import Dataset, from_arrays
from .streams import SHAPES

COUNT, SIZE = 3000, 32
NAMES = ("disc", "square", "triangle", "ring")


def shapes(seed=0, kind=None) -> Dataset:
    """3,000 images (32, 32, 3) of 256 levels: a shape in one colour on a shaded ground of another; labels 0 to 3.

    The labels are disc, square, triangle and ring. The pictures are always the same; `seed` splits them.
    """
    images, labels = draw_shapes(COUNT, Generator(SHAPES))
    return from_arrays("shapes", {"x": images}, kind=kind, seed=seed, labels={"x": labels})


def draw_shapes(n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """(images `(n, 32, 32, 3)` uint8, labels `(n,)`): position, size, colours and the ground's slope are random."""
    labels = rng.integers(0, len(NAMES), n)
    row, column = ((np.arange(SIZE) + 0.5) / SIZE for _ in range(2))
    centre = rng.uniform(0.32, 0.68, (2, n, 1, 1))
    radius = rng.uniform(0.16, 0.3, (n, 1, 1))
    dy, dx = row[:, None] - centre[0], column[None, :] - centre[1]
    distance = np.hypot(dy, dx)
    # signed distances from the outline, negative inside
    outlines = np.stack([
        distance - radius,
        np.maximum(np.abs(dy), np.abs(dx)) - 0.9 * radius,
        np.maximum(dy - 0.6 * radius, 0.87 * np.abs(dx) - 0.5 * dy - 0.5 * radius),
        np.abs(distance - 0.8 * radius) - 0.25 * radius,
    ])
    outline = outlines[labels, np.arange(n)]
    cover = np.clip(0.5 - SIZE * outline, 0, 1)[..., None]  # one pixel wide at the edge
    ink, ground = rng.uniform(0.1, 0.95, (2, n, 1, 1, 3))
    ground = np.where(np.abs(ink - ground).sum(axis=-1, keepdims=True) < 0.5, 1 - ground, ground)
    angle = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    slope = np.cos(angle) * (row[:, None] - 0.5) + np.sin(angle) * (column[None, :] - 0.5)
    ground = np.clip(ground + 0.25 * slope[..., None], 0, 1)
    return np.rint(255 * (cover * ink + (1 - cover) * ground)).astype(np.uint8), labels
