"""Expectation-maximisation of a mixture of normals as an animated picture."""

import numpy as np

from .canvas import INK, QUIET_INK, check_path
from .film import write_film
from .mixtures import check_mixture, draw_components, draw_examples, prepare_plane, style

FRAMES = 48  # at most
SHOWN, HELD = 180, 3000  # milliseconds that a frame, and the last one, stay
RESOLUTION = 100  # dots per inch
LINE = "#c2410c"  # of the log-likelihood


def em_film(x, states, path, title=None, names=("x₁", "x₂"), reference=None):
    """Write a GIF of EM: the examples coloured by responsibility and the ellipses beside the log-likelihood.

    `x`: `(n, 2)`. `states`: one dict for each iteration, with `log_likelihood` (nats per example) and the arrays
    `responsibilities`, `weights`, `loc` and `covariance` of `mixture_picture`. If there are many iterations, the first
    ones are shown and ever fewer of the later ones. `reference`: a log-likelihood to compare with, as a pair (value,
    name), or None. `names`: labels of the axes. `path`: the .gif file to write (atomically). Returns the numbers of the
    iterations that are shown.

    Raises ValueError or TypeError for arrays that do not fit together and for no states, FileNotFoundError if the
    path's folder does not exist.
    """
    path = check_path(path, ".gif")
    if path is None:
        raise TypeError("path: expected a file name ending in .gif, got None")
    if not states:
        raise ValueError("states: expected at least one")
    keys = ("responsibilities", "weights", "loc", "covariance")
    arrays = [check_mixture(x, *(state[key] for key in keys))[1:] for state in states]
    x, values = np.asarray(x, np.float64), np.array([state["log_likelihood"] for state in states], np.float64)
    shown = frame_numbers(len(states))
    frames = list(_frames(x, arrays, values, shown, title, names, reference))
    write_film(frames, path, SHOWN, HELD)
    return shown


def frame_numbers(count):
    """Which of `count` iterations are shown: all if they are few, else the first ones and ever fewer later ones."""
    if count <= FRAMES:
        return list(range(count))
    first = FRAMES // 2
    later = np.geomspace(first, count - 1, FRAMES - first)
    return list(range(first)) + sorted({int(number) for number in np.rint(later)})


def _frames(x, arrays, values, shown, title, names, reference):
    """The frames as uint8 RGB arrays; what does not move is painted once."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.8), dpi=RESOLUTION, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    plane, curve = figure.subplots(1, 2, width_ratios=(1.6, 1))
    prepare_plane(plane, x, *arrays[-1][2:], names)
    _prepare_curve(curve, values, reference)
    if title:
        figure.suptitle(title, fontsize=13, color=INK, parse_math=False)
    heading = plane.set_title("iteration 0", y=1.0, fontsize=11, color=QUIET_INK)  # y: not moved while it is hidden
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it has made room for the heading; another layout would take the room away
    heading.set_visible(False)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    heading.set_visible(True)
    for number in shown:
        responsibilities, weights, loc, covariance = arrays[number]
        canvas.restore_region(background)
        heading.set_text(f"iteration {number}")
        moving = [draw_examples(plane, x, responsibilities), *draw_components(plane, weights, loc, covariance)]
        lines = curve.plot(np.arange(number + 1), values[: number + 1], color=LINE, linewidth=1.8)
        lines += curve.plot([number], [values[number]], marker="o", markersize=6, color=LINE)
        for artist in sorted([*moving, *lines, heading], key=lambda artist: artist.get_zorder()):
            figure.draw_artist(artist)
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()
        for artist in [*moving, *lines]:
            artist.remove()


def _prepare_curve(axis, values, reference):
    """Make axes with room for the whole curve, which is visible in grey from the beginning."""
    lines = values if reference is None else np.append(values, reference[0])
    margin = 0.08 * (float(np.ptp(lines)) or 1.0)
    axis.set_ylim(lines.min() - margin, lines.max() + margin)
    axis.set_xlim(-0.03 * len(values), max(1, len(values) - 1) + 0.03 * len(values))
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("iteration", color=INK)
    axis.set_ylabel("log-likelihood (nats per example)", color=INK)
    axis.ticklabel_format(useOffset=False)
    style(axis)
    axis.plot(np.arange(len(values)), values, color="#dde2e9", linewidth=1.2)
    if reference is not None:
        axis.axhline(reference[0], color=QUIET_INK, linewidth=1, linestyle=(0, (4, 3)), label=reference[1])
        axis.legend(frameon=False, loc="lower right", labelcolor=QUIET_INK, fontsize=9)
