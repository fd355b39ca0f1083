"""Ten-fold likelihoods of red wine: RNADE beside a Gaussian, and what ties in the columns do to both.

The table (`red_wine.npz`: x (1599, 11), fold 0 … 9) is standardised by each fold's training rows. Its columns are
rounded measurements, and many rows share a value: a density may put narrow spikes there and gain likelihood that says
nothing of new wines. So scales have a floor, and the second pair of figures is for values moved by uniform noise as
wide as the rounding, on which no spike pays. A tenth of the training rows chooses the epoch.

    python examples/red_wine.py --data red_wine.npz
"""

import argparse

import numpy as np

from minigen import data, models, training
from minigen.protocols import DataSpec

FLOOR = 0.05  # least scale, in standard deviations of a column
SETTINGS = {"hidden": 50, "components": 10, "floor": FLOOR, "l2": 0.02}


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


def main(path, folds=10, epochs=300, out=None, quick=False):
    """Print the mean over folds of both models, with its standard error, for the table as it is and dequantized."""
    file = data.read_npz(path)
    x, fold = file["x"].astype(np.float64), file["fold"]
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, x.shape) * resolution(x)
    for name, table in (("as it is", x), ("dequantized", x + noise)):
        scores = np.array([fold_scores(table, fold == k, k, epochs) for k in range(folds)])
        error = scores.std(axis=0, ddof=1) / np.sqrt(folds)
        print(f"{name:12}  rnade {scores[:, 0].mean():.2f} ± {error[0]:.2f}   Gaussian {scores[:, 1].mean():.2f} ± "
              f"{error[1]:.2f}   (nats per example, {folds} folds, floor {FLOOR} standard deviations)", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ten-fold likelihoods of red wine.")
    parser.add_argument("--data", default="red_wine.npz")
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=300)
    arguments = parser.parse_args()
    main(arguments.data, arguments.folds, arguments.epochs)
