"""Mixtures of normals: examples coloured by the components responsible for them, with the components' ellipses."""

import math

import numpy as np

from .canvas import DPI, INK, QUIET_INK, check_path, save

# Colours of the components, ordered so that neighbours differ in lightness too.
COLOURS = ("#2563a8", "#e07b39", "#2f855a", "#b83280", "#c9a20c", "#1a9aa8", "#7b4fb5", "#8c5a33", "#d64545", "#64748b")
MOST = 5000  # examples that are shown
RADII = (1.0, 2.0)  # radii of the ellipses in standard deviations
LISTED = 12  # at most so many components in a legend


def mixture_picture(x, responsibilities, weights, loc, covariance, path=None, title=None, names=("x₁", "x₂")):
    """Draw examples in the plane, coloured by a mix of their components' colours, and the components' ellipses.

    `x`: `(n, 2)`; `responsibilities`: `(n, K)`, p(k | x), rows that sum to 1; `weights` `(K,)`, `loc` `(K, 2)` and
    `covariance` `(K, 2, 2)` of the components. Two ellipses for a component, at one and two standard deviations, hold
    39 % and 86 % of it. If there are more than 5,000 examples, evenly spaced ones are shown. `names`: labels of the
    axes. `path`: the .png file to write (atomically), or None. Returns the matplotlib Figure.

    Raises ValueError or TypeError for arrays that do not fit together, FileNotFoundError when the path's folder does
    not exist.
    """
    path = check_path(path)
    x, responsibilities, weights, loc, covariance = check_mixture(x, responsibilities, weights, loc, covariance)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 5.4), dpi=DPI, facecolor="white", layout="constrained")
    axis = figure.add_subplot()
    prepare_plane(axis, x, loc, covariance, names)
    draw_examples(axis, x, responsibilities)
    draw_components(axis, weights, loc, covariance)
    _legend(figure, weights)
    if title:
        axis.set_title(title, fontsize=12, color=INK, parse_math=False)
    return save(figure, path)


def mixture_density(x, weights, loc, variance, path=None, title=None, name="x"):
    """Draw a mixture of normals on the line: a histogram of the examples, the density, and its components.

    `x`: `(n,)`; `weights`, `loc` and `variance`: `(K,)`. `path` and errors as for `mixture_picture`. Returns the
    matplotlib Figure.
    """
    path = check_path(path)
    x, weights, loc, variance = (np.asarray(a, np.float64) for a in (x, weights, loc, variance))
    if x.ndim != 1 or not len(x) or weights.ndim != 1 or not weights.shape == loc.shape == variance.shape:
        raise ValueError("x: expected shape (n,) and components of shape (K,), got "
                         f"{x.shape}, {weights.shape}, {loc.shape} and {variance.shape}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), dpi=DPI, facecolor="white", layout="constrained")
    axis = figure.add_subplot()
    low, high = _range(x)
    scale = np.sqrt(variance)
    # The grid holds the means and their neighbourhoods, so that narrow components keep their peaks.
    near = (loc + scale * np.linspace(-4, 4, 81)[:, None]).ravel()
    grid = np.sort(np.concatenate([np.linspace(low, high, 800), near[(near > low) & (near < high)]]))
    components = weights * np.exp(-0.5 * ((grid[:, None] - loc) / scale) ** 2) / (scale * math.sqrt(2 * math.pi))
    axis.hist(x, bins=min(100, max(10, math.isqrt(2 * len(x)))), range=(low, high), density=True, color="#dde2e9")
    for k, density in enumerate(components.T):
        axis.fill_between(grid, density, color=COLOURS[k % len(COLOURS)], alpha=0.22, linewidth=0)
        axis.plot(grid, density, color=COLOURS[k % len(COLOURS)], linewidth=1.2)
    axis.plot(grid, components.sum(axis=1), color=INK, linewidth=1.8)
    axis.set_xlim(low, high)
    axis.set_ylim(0)
    axis.set_xlabel(name, color=INK, parse_math=False)
    axis.set_ylabel("density", color=INK)
    style(axis)
    _legend(figure, weights)
    if title:
        axis.set_title(title, fontsize=12, color=INK, parse_math=False)
    return save(figure, path)


def check_mixture(x, responsibilities, weights, loc, covariance):
    """The arrays of `mixture_picture` as float64. Raises TypeError or ValueError unless they fit together."""
    arrays = [np.asarray(a) for a in (x, responsibilities, weights, loc, covariance)]
    names = ("x", "responsibilities", "weights", "loc", "covariance")
    n, k = len(arrays[0]) if arrays[0].ndim else 0, arrays[2].size
    for name, array, shape in zip(names, arrays, ((n, 2), (n, k), (k,), (k, 2), (k, 2, 2)), strict=True):
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name}: expected numbers, got dtype {array.dtype}")
        if array.shape != shape or not array.size:
            raise ValueError(f"{name}: expected shape {shape} with at least one example and component, got "
                             f"{array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: expected finite numbers")
    if (arrays[1] < 0).any() or np.abs(arrays[1].sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("responsibilities: expected rows of probabilities that sum to 1")
    return [array.astype(np.float64) for array in arrays]


def mixed_colours(responsibilities):
    """RGB in [0, 1] `(n, 3)`: the components' colours, mixed as light is, in the shares `responsibilities` `(n, K)`."""
    from matplotlib.colors import to_rgb

    table = np.array([to_rgb(COLOURS[k % len(COLOURS)]) for k in range(responsibilities.shape[1])])
    return np.clip(responsibilities @ table**2.2, 0, 1) ** (1 / 2.2)


def shown(n):
    """The indices of the examples that are shown: all of few, evenly spaced ones of many."""
    return np.arange(n) if n <= MOST else np.arange(MOST) * n // MOST


def prepare_plane(axis, x, loc, covariance, names):
    """Set the limits of the axes so that they show the examples and, unless they are much larger, the ellipses."""
    deviations = RADII[-1] * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    spans = []
    for i, (limits, label) in enumerate(zip((axis.set_xlim, axis.set_ylim), (axis.set_xlabel, axis.set_ylabel),
                                            strict=True)):
        low, high = _range(x[:, i])
        width = high - low
        low = min(low, max((loc - deviations)[:, i].min(), low - 0.15 * width))
        high = max(high, min((loc + deviations)[:, i].max(), high + 0.15 * width))
        limits(low, high)
        spans.append(high - low)
        label(names[i], color=INK, parse_math=False)
    if max(spans) < 1.6 * min(spans):  # probably the same units: then circles should look round
        axis.set_aspect("equal")
    style(axis)


def draw_examples(axis, x, responsibilities):
    """Draw the examples as points in their mixed colours; returns the artist."""
    chosen = shown(len(x))
    size = min(26.0, max(5.0, 5000 / len(chosen)))
    return axis.scatter(*x[chosen].T, s=size, c=mixed_colours(responsibilities[chosen]), alpha=0.75, linewidths=0,
                        zorder=2)


def draw_components(axis, weights, loc, covariance):
    """Draw ellipses and means in the components' colours, faint for small weights; returns the artists."""
    from matplotlib.patches import Ellipse
    from matplotlib.patheffects import withStroke

    artists = []
    for k in range(len(weights)):
        values, vectors = np.linalg.eigh(covariance[k])
        angle, sizes = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])), 2 * np.sqrt(np.maximum(values, 0))
        colour, strength = COLOURS[k % len(COLOURS)], min(1.0, 0.4 + 0.6 * weights[k] * len(weights))
        for radius in RADII:
            shape = (loc[k], radius * sizes[1], radius * sizes[0])
            fill = Ellipse(*shape, angle=angle, facecolor=colour, edgecolor="none", alpha=0.10 * strength, zorder=1)
            width = 1.8 if radius == RADII[0] else 1.1
            edge = Ellipse(*shape, angle=angle, facecolor="none", edgecolor=colour, alpha=strength, zorder=3,
                           linewidth=width, path_effects=[withStroke(linewidth=width + 1.4, foreground="white")])
            artists += [axis.add_artist(fill), axis.add_artist(edge)]
        artists += axis.plot(*loc[k], marker="X", markersize=9, markerfacecolor=colour, markeredgecolor="white",
                          markeredgewidth=1.3, linestyle="none", zorder=4, alpha=strength)
    return artists


def style(axis):
    """Give the axes pale grid lines and no frame."""
    axis.grid(color="#e9ecf0", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#a8b0bd")
    axis.tick_params(color="#a8b0bd", labelcolor=QUIET_INK)


def _legend(figure, weights):
    """List the components and their weights, largest first, beside the axes."""
    from matplotlib.lines import Line2D

    order = np.argsort(-weights, kind="stable")[:LISTED]
    marks = [Line2D([], [], marker="o", markersize=7, linestyle="none", color=COLOURS[k % len(COLOURS)],
                    label=f"{k + 1}:  π = {weights[k]:.2f}") for k in order]
    if len(weights) > LISTED:
        marks.append(Line2D([], [], linestyle="none", label=f"and {len(weights) - LISTED} more"))
    figure.legend(handles=marks, loc="outside right upper", frameon=False, labelcolor=INK, title="component",
                  alignment="left", handletextpad=0.2)


def _range(values):
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) if high > low else 0.5
    return low - margin, high + margin
