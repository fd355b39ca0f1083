"""The blind spot: earlier pixels that a stack of masked convolutions never sees, and two stacks that see them all.

A convolution with a square kernel of 3 × 3, masked so that it sees what comes before a pixel in raster order, reaches
one row up and at most one column to the right there, and in the row itself only to the left. So after any number of
them a pixel k rows up is seen at most k columns to the right:

    (row - k, column + j) is seen only if j ≤ k.

The wedge to the right of this line is blind however deep the network is, up to a quarter of all that comes before the
pixel, and no training brings it back. The gated PixelCNN has two stacks instead. The vertical one sees rows above
without a mask, and L layers of it see L columns to the right in the very first of them; the horizontal one sees what is
left of the pixel in its own row, and at each layer the vertical one's features. The pictures are gradients: the
mean of |∂(what is said of the pixel)/∂x| over random images x, for networks with random weights. Where it is 0 there is
no path.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu, "Conditional Image Generation with PixelCNN
Decoders", 2016, figure 1.

    python examples/blind_spot.py [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import DataSpec, evaluation, models
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.receptive_field import BLIND, LATER, PIXEL

SIZE = 15
ROW, COLUMN = 11, 7  # of the pixel that looks
SEEN = ("#d7e6f5", "#12355b")  # from weak to strong
# title: registry key, the setting for its depth and how much that is below the number of layers, other settings
MODELS = {
    "PixelCNN: one stack of masked squares": ("pixel_cnn", "blocks", 1, {"channels": 12}),
    "Gated PixelCNN: two stacks": ("gated_pixel_cnn", "layers", 0, {"channels": 12, "skip_channels": 12}),
}


def main(out, quick=False):
    """Measure and draw, save blind_spot.png into the folder `out`; returns strengths by model and depth."""
    strengths = {}
    count = earlier().sum()
    for title, (key, name, less, settings) in MODELS.items():
        strengths[title] = {}
        for depth in (2, 5) if quick else (2, 4, 8, 12):
            field = strengths[title][depth] = strength(key, {name: depth - less, **settings}, quick)
            print(f"{title}, {depth} layers: sees {(field[earlier()] > 0).sum()} of the {count} earlier pixels")
    save_picture(strengths, Path(out) / "blind_spot.png")
    return strengths


def strength(key, settings, quick):
    """How strongly the pixel depends on each other one, `(SIZE, SIZE)`."""
    model = models.create(key, DataSpec((SIZE, SIZE, 1), "binary"), rng=0, first_size=3, size=3, **settings)
    return evaluation.receptive_field(model, ROW, COLUMN, rng=1, examples=4 if quick else 16)[..., 0]


def earlier():
    """Which pixels come before the one that looks."""
    return np.arange(SIZE**2).reshape(SIZE, SIZE) < ROW * SIZE + COLUMN


def save_picture(strengths, path):
    """A row for each model, a column for each depth."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    columns = len(next(iter(strengths.values())))
    figure = Figure(figsize=(2.9 * columns + 0.3, 6.9), dpi=DPI, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.05)
    rows = figure.subfigures(len(strengths), 1)
    for row, (title, fields) in zip(rows, strengths.items(), strict=True):
        row.suptitle(title, fontsize=13, color=INK)
        for axis, (depth, field) in zip(row.subplots(1, columns), fields.items(), strict=True):
            axis.imshow(picture(field), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.set_xticks(np.arange(-0.5, SIZE), minor=True)
            axis.set_yticks(np.arange(-0.5, SIZE), minor=True)
            axis.grid(which="minor", color="white", linewidth=0.7)
            axis.tick_params(which="minor", length=0)
            axis.spines[:].set_visible(False)
            missed = int((field[earlier()] == 0).sum())
            axis.set_xlabel(f"{depth} layers: {missed or 'no'} earlier pixels not seen", fontsize=10.5,
                            color=INK if missed else "#2f855a")
    names = {PIXEL: "the pixel that is predicted", "#4a7fb5": "seen, darker: more", BLIND: "earlier, not seen",
             LATER: "later: must not be seen"}
    handles = [Patch(color=colour, label=name) for colour, name in names.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=10.5,
                  labelcolor=QUIET_INK)
    save(figure, path)


def picture(field):
    """The colours of each pixel, `(SIZE, SIZE, 3)`; what is seen on a logarithmic scale."""
    from matplotlib.colors import to_rgb

    image = np.empty((SIZE, SIZE, 3))
    image[:] = to_rgb(LATER)
    image[earlier()] = to_rgb(BLIND)
    visible = earlier() & (field > 0)
    level = np.log10(field[visible])
    level = (level - level.min()) / max(np.ptp(level), 1e-12)
    pale, dark = (np.array(to_rgb(colour)) for colour in SEEN)
    image[visible] = pale + level[:, None] * (dark - pale)
    image[ROW, COLUMN] = to_rgb(PIXEL)
    return image


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
