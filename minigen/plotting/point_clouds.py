"""Clouds of points in the plane, side by side on axes that they share."""

import numpy as np

from .canvas import DPI, INK, QUIET_INK, check_path, save

_COLOURS = ("#15616d", "#c2410c", "#2563a8", "#6b7f1e")
MOST = 20_000  # points in a panel; more would hide each other


def scatter(clouds, path=None, title=None):
    """Draw point clouds in panels of one scale, so that data and samples can be compared.

    `clouds`: {name: points}, arrays of numbers `(n, 2)` with n > 0; of more than 20,000 points the first are shown.
    The axes hold all points but the outermost thousandth on each side, and points that are not finite are left out.
    `path`: the .png file to write (atomically), or None. Returns the Figure.

    Raises ValueError or TypeError for other arrays, and FileNotFoundError if the path's folder does not exist.
    """
    path = check_path(path)
    clouds = _read(clouds)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(clouds), 4.4), dpi=DPI, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    low, high = _limits(np.concatenate(list(clouds.values())))
    axes = figure.subplots(1, len(clouds), squeeze=False, sharex=True, sharey=True)[0]
    for number, (axis, (name, points)) in enumerate(zip(axes, clouds.items(), strict=True)):
        size = float(np.clip(4000 / len(points), 1.5, 14))
        axis.scatter(points[:, 0], points[:, 1], s=size, alpha=0.5, linewidths=0,
                     color=_COLOURS[number % len(_COLOURS)])
        axis.set_title(name, fontsize=11, color=INK, parse_math=False)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color("#a8b0bd")
        axis.tick_params(color="#a8b0bd", labelcolor=QUIET_INK)
        axis.ticklabel_format(useOffset=False)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, parse_math=False)
    return save(figure, path)


def _read(clouds):
    if not isinstance(clouds, dict) or not clouds:
        raise ValueError("clouds: expected a dict with at least one entry, name -> points")
    finite = {}
    for name, points in clouds.items():
        points = np.asarray(points)
        if points.dtype.kind not in "biuf":
            raise TypeError(f"clouds[{name!r}]: expected numbers, got dtype {points.dtype}")
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"clouds[{name!r}]: expected points of shape (n, 2), got {points.shape}")
        points = points[:MOST].astype(np.float64)
        finite[str(name)] = points[np.isfinite(points).all(axis=1)]
        if not len(finite[str(name)]):
            raise ValueError(f"clouds[{name!r}]: expected at least one point that is finite")
    return finite


def _limits(points):
    """The corners of a box that leaves out stray points, with a margin."""
    low, high = np.quantile(points, [0.001, 0.999], axis=0)
    margin = 0.06 * (high - low) + 1e-9 * np.maximum(np.abs(low), np.abs(high))
    margin = np.where(margin > 0, margin, 1.0)
    return low - margin, high + margin
