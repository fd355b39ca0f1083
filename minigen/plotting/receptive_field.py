"""The pixels of an image on which one pixel's conditional depends."""

import numpy as np

from .canvas import DPI, INK, QUIET_INK, check_path, save

BLIND, PIXEL, LATER = "#f2b134", "#d1495b", "#e9ebef"


def receptive_field_picture(strength, row, column, path=None, title=None):
    """Draw how strongly one pixel depends on the others, and on which earlier pixels it does not depend.

    `strength`: non-negative numbers `(height, width)`, as `evaluation.receptive_field` summed over colours; shown in
    blue on a logarithmic scale. Earlier pixels of strength 0 are amber: they are the blind spot, or too far away. Later
    pixels are grey, and the pixel at (row, column) is red. `path`: the .png file to write, or None. Returns the Figure.
    Raises ValueError for an array of another shape, and if the strength of a later pixel is not 0.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    path, strength = check_path(path), np.asarray(strength, np.float64)
    if strength.ndim != 2 or not (strength >= 0).all():
        raise ValueError(f"strength: expected non-negative numbers (height, width), got shape {strength.shape}")
    height, width = strength.shape
    rank = np.arange(height * width).reshape(height, width)
    earlier = rank < row * width + column
    if strength[~earlier & (rank != row * width + column)].any():
        raise ValueError("strength: expected 0 for all pixels after the pixel at (row, column)")
    used = earlier & (strength > 0)
    picture = np.empty((height, width, 3))
    picture[:] = to_rgb(LATER)
    picture[earlier] = to_rgb(BLIND)
    if used.any():
        level = np.log10(strength[used])
        level = (level - level.min()) / max(np.ptp(level), 1e-12)
        pale, dark = np.array(to_rgb("#d7e6f5")), np.array(to_rgb("#12355b"))
        picture[used] = pale + level[:, None] * (dark - pale)
    picture[row, column] = to_rgb(PIXEL)
    shown = min(height, row + 3)  # later rows all look alike
    figure = Figure(figsize=(6.4, 6.0 * shown / width + 1.0), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.imshow(picture[:shown], interpolation="nearest")
    axes.set_xticks(np.arange(-0.5, width), minor=True)
    axes.set_yticks(np.arange(-0.5, shown), minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=8, labelcolor=QUIET_INK)
    axes.set_xlabel("column", color=QUIET_INK)
    axes.set_ylabel("row", color=QUIET_INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if title:
        axes.set_title(title, color=INK, fontsize=12)
    blind = int((earlier & ~used).sum())
    handles = [Patch(color=PIXEL, label="the pixel"), Patch(color="#4a7fb5", label=f"seen ({int(used.sum())} pixels)"),
               Patch(color=BLIND, label=f"earlier, not seen ({blind})"), Patch(color=LATER, label="later")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9, labelcolor=INK)
    return save(figure, path)
