"""Ten-fold likelihoods of red wine: RNADE beside a Gaussian, and what ties in the columns do to both.

The table (`red_wine.npz`: x (1599, 11), fold 0 … 9) is standardised by each fold's training rows. Its columns are
rounded measurements, and many rows share a value: a density may put narrow spikes there and gain likelihood that says
nothing of new wines. So scales have a floor, and the second pair of figures is for values moved by uniform noise as
wide as the rounding, on which no spike pays. A tenth of the training rows chooses the epoch.

    python examples/red_wine.py --data red_wine.npz [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import data, models, training
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.mixtures import style
from minigen.protocols import DataSpec

FLOOR = 0.05  # least scale, in standard deviations of a column
SETTINGS = {"hidden": 50, "components": 10, "floor": FLOOR, "l2": 0.02}
COLOURS = {"RNADE": "#2563a8", "Gaussian": "#c2410c"}


def main(path, out=None, folds=10, epochs=300, quick=False):
    """Print the mean over folds of both models for the table as it is and dequantized, with standard errors.

    Saves red_wine.png into the folder `out` if there is one; returns the scores of RNADE and of the Gaussian by fold.
    """
    file = data.read_npz(path)
    x, fold = file["x"].astype(np.float64), file["fold"]
    folds, epochs = (2, 3) if quick else (folds, epochs)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, x.shape) * resolution(x)
    results = {}
    for name, table in (("as it is", x), ("dequantized", x + noise)):
        scores = results[name] = np.array([fold_scores(table, fold == k, k, epochs) for k in range(folds)])
        error = scores.std(axis=0, ddof=1) / np.sqrt(folds)
        print(f"{name:12}  rnade {scores[:, 0].mean():.2f} ± {error[0]:.2f}   Gaussian {scores[:, 1].mean():.2f} ± "
              f"{error[1]:.2f}   (nats per example, {folds} folds, floor {FLOOR} standard deviations)", flush=True)
    if out is not None:
        save_picture(results, Path(out) / "red_wine.png")
    return results


def resolution(x):
    """The rounding of each column: the smallest difference between two of its values."""
    return np.array([np.diff(np.unique(column)).min() for column in x.T])


def fold_scores(x, test, seed, epochs):
    """Mean log p of the test rows under RNADE and under a Gaussian, both fitted to the others."""
    train, held_out = x[~test], x[test]
    standardizer = data.Standardizer.fit(train)
    train, held_out = standardizer.transform(train), standardizer.transform(held_out)
    order = np.random.default_rng(seed).permutation(len(train))
    cut = len(train) // 10
    spec = DataSpec((x.shape[1],), "continuous")
    dataset = data.Dataset("red wine", spec, train[order[cut:]], train[order[:cut]], held_out)
    model = models.create("rnade", spec, rng=seed, **SETTINGS)
    training.fit(model, dataset, epochs=epochs, learning_rate=2e-3, ema=0.99, seed=seed)
    gaussian = models.create("gaussian", spec).fit(train)
    return model.score_samples(held_out).mean(), gaussian.score_samples(held_out).mean()


def save_picture(results, path):
    """The score of each fold under both models, joined, and their means."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.6), dpi=DPI, facecolor="white", layout="constrained")
    for axis, (title, scores) in zip(figure.subplots(1, 2, sharey=True), results.items(), strict=True):
        axis.plot([0, 1], scores[:, ::-1].T, color="#c9d0da", linewidth=1.2)
        for column, colour in enumerate(reversed(COLOURS.values())):
            values = scores[:, 1 - column]
            axis.plot(np.full(len(values), column), values, color=colour, marker="o", markersize=5, linestyle="none")
            axis.hlines(values.mean(), column - 0.16, column + 0.16, color=colour, linewidth=3)
            axis.annotate(f"{values.mean():.2f}".replace("-", "−"), (column, values.mean()),
                          (26 if column else -26, 0), textcoords="offset points", va="center",
                          ha="left" if column else "right", color=colour, fontsize=11)
        axis.set(xlim=(-0.7, 1.7))
        axis.set_xticks([0, 1], list(reversed(COLOURS)), fontsize=11)
        axis.set_title(f"red wine, {title}", fontsize=12, color=INK)
        style(axis)
    figure.axes[0].set_ylabel("held-out nats per wine", color=INK)
    figure.supxlabel(f"a point for each fold; standardised columns, scales of at least {FLOOR}", fontsize=9.5,
                     color=QUIET_INK)
    save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="red_wine.npz", help="the file with x and fold")
    parser.add_argument("--out", help="the folder for the picture")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=300)
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.folds, arguments.epochs)
