"""Digits drawn with strokes: images whose likelihood and entropy are exact.

    z = (digit, slant, right, down, thickness) uniform on a finite grid,    x_i ~ Bernoulli(p_i(z))

p_i(z) is how much of pixel i the stroke covers: 1 inside, 0 outside, and in between on its rim. Only the rim is noisy.
The settings are such that any two drawings differ in some pixel that is certainly on in one and certainly off in the
other (the constructor checks all pairs). So only one z can have made an image, and

    log p(x) = -log (number of z) + Σ_i log p(x_i | z(x)),    H(x) = H(z) + H(x | z),

and both are plain sums, although there are 2^256 images. This is a decodable code in the sense of Shannon: no two
inputs of the channel share an output (Shannon, "The zero error capacity of a noisy channel", 1956).
"""

import itertools
import math

import numpy as np

from ..arrays.checks import integer, positive_number
from ..protocols import DataSpec
from .common import check_array, entropy_of
from .source import Source

HEIGHT, WIDTH = 11 / 16, 10 / 16  # of the box in which strokes are given, as a share of the image
_ROWS = 2**13  # images at a time


def _arc(x, y, half_width, half_height, start, end):
    """Points on an ellipse, angles in degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    return [*zip(x + half_width * np.cos(angles), y + half_height * np.sin(angles), strict=True)]


# The lines of each digit, x to the right from -0.3 to 0.3 and y down from -0.5 to 0.5.
STROKES = (
    [_arc(0, 0, 0.3, 0.5, 0, 360)],
    [[(-0.16, -0.3), (0.04, -0.5), (0.04, 0.5)]],
    [[*_arc(0, -0.22, 0.28, 0.28, 200, 372), (-0.28, 0.5), (0.3, 0.5)]],
    [[*_arc(-0.03, -0.25, 0.27, 0.25, 200, 450), *_arc(-0.03, 0.25, 0.31, 0.25, 270, 510)]],
    [[(0.16, 0.5), (0.16, -0.5), (-0.3, 0.18), (0.32, 0.18)]],
    [[(0.26, -0.5), (-0.22, -0.5), (-0.25, -0.06), *_arc(-0.02, 0.17, 0.3, 0.33, 225, 500)]],
    [[(0.18, -0.5), *_arc(0.24, 0.22, 0.52, 0.66, 250, 180), *_arc(0, 0.22, 0.28, 0.28, 180, -180)]],
    [[(-0.3, -0.5), (0.3, -0.5), (-0.06, 0.5)]],
    [_arc(0, -0.26, 0.23, 0.24, 90, 450), _arc(0, 0.24, 0.29, 0.26, -90, 270)],
    [[*_arc(0, -0.22, 0.28, 0.28, 0, 360), (0.27, -0.1), (0.2, 0.5)]],
)


class StrokeDigits(Source):
    """Black-and-white images of digits drawn with strokes, labelled by the digit.

    Images have `size` × `size` pixels.
    `slants` are shears, `thicknesses` widths of the stroke in pixels, `shifts` how many pixels the digit is moved, in
    either direction, and `blur` the width of the rim in pixels. `latents` has a row (digit, slant, right, down,
    thickness) for each drawing and `means` the pixels' probabilities, `(drawings, size²)`. Raises TypeError or
    ValueError for numbers out of range, and ValueError if two drawings can give the same image.
    """

    name = "stroke_digits"
    n_labels = 10

    def __init__(self, size=16, slants=(-0.1, 0.15, 0.4), thicknesses=(1.5, 2.7), shifts=(-1.0, 0.0, 1.0), blur=0.5):
        self.size, self.blur = integer("size", size, 8), positive_number("blur", blur)
        slants, shifts = check_array("slants", slants, 1), check_array("shifts", shifts, 1)
        thicknesses = check_array("thicknesses", thicknesses, 1)
        if not (thicknesses > 0).all():
            raise ValueError(f"thicknesses: expected numbers above 0, got {thicknesses.min()}")
        self.spec = DataSpec((self.size, self.size, 1), "binary")
        drawings = [*itertools.product(range(10), slants, shifts, shifts)]
        distances = np.array([self._distances(*drawing) for drawing in drawings])
        self.latents = np.array([(*drawing, thickness) for drawing in drawings for thickness in thicknesses])
        covered = 0.5 + (thicknesses[:, None] / 2 - distances[:, None]) / self.blur
        self.means = np.clip(covered, 0.0, 1.0).reshape(len(self.latents), -1)
        self._on, self._off = (self.means == 1).astype(np.float32), (self.means == 0).astype(np.float32)
        self._refuse_doubles()

    def _distances(self, digit, slant, right, down):
        """The distance of the middle of each pixel to the middle of the stroke, in pixels, `(size²,)`."""
        middle, height, width = self.size / 2, HEIGHT * self.size, WIDTH * self.size
        segments = []
        for line in STROKES[digit]:
            x, y = np.array(line).T
            points = np.stack([middle + right + width * x - slant * height * y, middle + down + height * y], axis=1)
            segments.append(np.stack([points[:-1], points[1:]], axis=1))
        return _distance_to_segments(self.size, np.concatenate(segments))

    def _refuse_doubles(self):
        certain = self._on @ self._off.T
        alike = np.argwhere(np.triu(certain + certain.T == 0, 1))
        if len(alike):
            first, second = (tuple(self.latents[i].tolist()) for i in alike[0])
            raise ValueError("slants, thicknesses, shifts, blur: two drawings can give one image, so the entropy would "
                             f"not be known: (digit, slant, right, down, thickness) {first} and {second}; space them "
                             "further apart or take a smaller blur")

    def decode(self, x) -> np.ndarray:
        """The row of `latents` that each image comes from, `(n,)`; -1 for an impossible image."""
        x = np.asarray(x).reshape(-1, self.size**2).astype(np.float32)
        weights, certain = (self._off - self._on).T, self._on.sum(axis=1)
        rows = np.empty(len(x), np.int64)
        for begin in range(0, len(x), _ROWS):
            # The number of pixels that are on but certainly off in a drawing, or off but certainly on.
            wrong = x[begin : begin + _ROWS] @ weights + certain
            best = wrong.argmin(axis=1)
            rows[begin : begin + _ROWS] = np.where(wrong[np.arange(len(best)), best] == 0, best, -1)
        return rows

    def _joint_log_prob(self, x):
        x, which, joint = x.reshape(len(x), -1), self.decode(x), np.full((len(x), 10), -np.inf)
        for begin in range(0, len(x), _ROWS):
            rows = begin + np.flatnonzero(which[begin : begin + _ROWS] >= 0)
            z = which[rows]
            p = self.means[z]
            p = np.where(x[rows] == 1, p, 1 - p)
            joint[rows, self.latents[z, 0].astype(int)] = np.log(p).sum(axis=1) - math.log(len(self.latents))
        return joint

    def _log_prob(self, x):
        return self._joint_log_prob(x).max(axis=1)

    def _entropy(self):
        pixels = entropy_of([self.means, 1 - self.means], axis=0)
        return math.log(len(pixels)) + pixels.sum(axis=1).mean()

    def _sample(self, n, rng):
        z = rng.integers(len(self.latents), size=n)
        x = np.empty((n, self.size**2), np.uint8)
        for begin in range(0, n, _ROWS):
            p = self.means[z[begin : begin + _ROWS]]
            x[begin : begin + _ROWS] = rng.random(p.shape) < p
        return x.reshape(n, *self.spec.shape), self.latents[z, 0].astype(np.int64)


def _distance_to_segments(size, segments):
    """The distance of the middle of each pixel to the nearest of the straight `segments` `(m, 2 ends, 2)`, pixels."""
    middles = np.arange(size) + 0.5
    pixels = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 1, 2)
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    squared = np.maximum((along * along).sum(axis=1), 1e-300)
    share = np.clip(((pixels - start) * along).sum(axis=2) / squared, 0.0, 1.0)
    return np.sqrt(((pixels - start - share[..., None] * along) ** 2).sum(axis=2)).min(axis=1)
