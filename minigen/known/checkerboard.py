"""A checkerboard: the uniform distribution on every other square."""

import math

import numpy as np

from ..arrays.checks import positive_integer, positive_number
from .planar import PlanarMixture


class Checkerboard(PlanarMixture):
    """Points in the plane, uniform on every other square of a checkerboard.

    The board has `cells` × `cells` squares of side `side` about 0; points lie on the squares (i, j) with i + j even.
    log p(x) = -log(K side²) on one of the K squares, edges included, and -inf elsewhere; the entropy is log(K side²).
    The label is the square. Raises TypeError or ValueError unless cells >= 1 and side > 0.
    """

    name = "checkerboard"

    def __init__(self, cells: int = 4, side: float = 2.0):
        self.cells, self.side = positive_integer("cells", cells), positive_number("side", side)
        self.squares = np.array([(i, j) for i in range(self.cells) for j in range(self.cells) if (i + j) % 2 == 0])
        self.n_labels = len(self.squares)

    def _joint_log_prob(self, x):
        lower = (self.squares - self.cells / 2) * self.side
        inside = ((x[:, None, :] >= lower) & (x[:, None, :] <= lower + self.side)).all(axis=2)
        # Two squares share a corner, which has no area: it belongs to the first.
        inside &= inside.cumsum(axis=1) == 1
        return np.where(inside, -self._entropy(), -np.inf)

    def _entropy(self):
        return math.log(self.n_labels * self.side**2)

    def _sample(self, n, rng):
        labels = rng.integers(self.n_labels, size=n)
        return (self.squares[labels] - self.cells / 2 + rng.random((n, 2))) * self.side, labels
