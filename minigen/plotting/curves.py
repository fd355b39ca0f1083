"""Metrics against training time."""

import numpy as np

from .canvas import DPI, INK, QUIET_INK, check_path, save

_COLOURS = {"train": "#7a8aa0", "validation": "#c2410c", "test": "#15616d"}
COLUMNS = 4  # panels in a row
_MORE = ("#2563a8", "#6b7f1e", "#8a3f8f", "#b8860b", "#3d7a5c")


def _read(metrics):
    """Checked copies {quantity: {curve: (times, values)}}; the name "a/b" means curve a of quantity b."""
    if not isinstance(metrics, dict) or not metrics:
        raise ValueError("metrics: expected a dict with at least one entry, name -> (epochs, values)")
    panels = {}
    for name, pair in metrics.items():
        if not isinstance(name, str):
            raise TypeError(f"metrics: expected texts for names, got {name!r}")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"metrics['{name}']: expected a pair (epochs, values)")
        times, values = (np.asarray(side) for side in pair)
        for side in (times, values):
            if side.dtype.kind not in "uif" and side.size:
                raise TypeError(f"metrics['{name}']: expected numbers, got dtype {side.dtype}")
        if times.ndim != 1 or times.shape != values.shape:
            raise ValueError(
                f"metrics['{name}']: expected as many epochs as values, one axis each,"
                f" got shapes {times.shape} and {values.shape}"
            )
        curve, _, quantity = name.partition("/")
        panels.setdefault(quantity, {})[curve] = (times.astype(np.float64), values.astype(np.float64))
    return panels


def learning_curves(
    metrics,
    path=None,
    quantity="ELBO",
    units="nats",
    time="epoch",
    higher_is_better=True,
    best=None,
    title=None,
):
    """Draw metrics against training time, with the best epoch marked.

    `metrics`: {name: (epochs, values)}, two arrays of numbers of one length. The names "train", "validation" (and
    others) are curves of one picture. With names such as "train/kl", "validation/kl" and "train/elbo" every quantity
    behind the stroke has a panel, and `higher_is_better` and `best` refer to the first panel. NaN leaves a gap in its
    curve. `quantity` names the vertical axis if the names do not, `units` its units (or a dict from a quantity to its
    units), `time` the horizontal axis. Panels stand in rows of four.
    `best`: the epoch to mark, by default the one with the best finite value of "validation" (or of the only curve).
    `path`: the .png file to write (atomically), or None. Returns the Figure.

    Raises ValueError or TypeError for malformed metrics, FileNotFoundError when the path's folder does not
    exist.
    """
    path = check_path(path)
    panels = _read(metrics)
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = min(len(panels), COLUMNS)
    rows = -(-len(panels) // columns)
    wide = 6.4 if columns == 1 else 4.6 * columns
    figure = Figure(figsize=(wide, 4.0 * rows), dpi=DPI, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels):]:
        axis.remove()
    for number, (axis, (name, curves)) in enumerate(zip(axes[:len(panels)], panels.items(), strict=True)):
        unit = units.get(name or quantity, "") if isinstance(units, dict) else units
        more = iter(_MORE * len(curves))
        for curve, (times, values) in curves.items():
            colour = _COLOURS.get(curve) or next(more)
            # One point alone would be an invisible line.
            marker = "o" if np.isfinite(values).sum() == 1 else None
            axis.plot(times, values, color=colour, linewidth=1.7, label=curve, marker=marker, markersize=4)
        if number == 0:
            _mark_best(axis, curves, higher_is_better, best, time, unit)
        axis.set_xlabel(time, color=INK, parse_math=False)
        words = name or quantity
        label = f"{words} ({unit})" if unit else words
        axis.set_ylabel(label, color=INK, parse_math=False)
        all_times = np.concatenate([times for times, _ in curves.values()])
        if np.all(all_times == np.rint(all_times)):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(color="#e4e7ec", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color("#a8b0bd")
        axis.tick_params(color="#a8b0bd", labelcolor=QUIET_INK)
        axis.ticklabel_format(useOffset=False)
        axis.margins(x=0.02)
        if all_times.size and all_times.min() == all_times.max():
            axis.set_xlim(all_times[0] - 1, all_times[0] + 1)
        legend = axis.legend(facecolor="white", edgecolor="none", framealpha=0.9, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)
    if title:
        figure.suptitle(title, fontsize=12, color=INK, parse_math=False)
    return save(figure, path)


def _mark_best(axis, curves, higher_is_better, best, time, units):
    """Mark the best point of the validation curve (or of the only curve) and write its value in the legend."""
    name = "validation" if "validation" in curves else next(iter(curves)) if len(curves) == 1 else None
    if name is None:
        return
    times, values = curves[name]
    good = np.isfinite(values)
    if best is not None:
        good &= times == best
        if not good.any():
            raise ValueError(f"best: {name} has no finite value at {time} {best}")
    if not good.any():
        return
    worth = np.where(good, values if higher_is_better else -values, -np.inf)
    at = int(np.argmax(worth))
    label = f"best: {values[at]:.2f}{' ' + units if units else ''}, {time} {times[at]:g}".replace("-", "−")
    axis.axvline(times[at], color=QUIET_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    colour = _COLOURS.get(name, INK)
    axis.plot(
        [times[at]], [values[at]], linestyle="none", marker="o", markersize=6.5, label=label,
        markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.7, zorder=5,
    )
