"""Discriminative or generative: logistic regression against naive Bayes as data grow (Ng and Jordan, 2002).

Both are linear in binary columns x, log p(1 | x)/p(0 | x) = w·x + b. Logistic regression fits w to p(y | x) alone;
naive Bayes fits p(x | y) as independent columns and turns it round by Bayes' rule. With ever more data logistic
regression ends at the best plane there is, or near it; naive Bayes ends there too where columns are independent given
the class, and where they are not it counts the same evidence more than once and ends higher. But its parameters are
frequencies, which few examples settle: it needs of the order of log d of them, logistic regression of the order of d.

There are 12 columns, so that every error rate here is exact: a sum over all 4096 vectors under the true distribution.

    python examples/discriminative_generative.py [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import DataSpec, models
from minigen.arrays import as_generator
from minigen.distributions import Categorical
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.mixtures import style

COLUMNS, COPIES = 12, 6
VECTORS = np.arange(2**COLUMNS)[:, None] >> np.arange(COLUMNS) & 1
BLUE, ORANGE = "#2563a8", "#c2410c"
SPEC = DataSpec((COLUMNS,), "binary")
MODELS = {"naive Bayes": ("naive_bayes", {"class_smoothing": 1.0}, ORANGE, "s"),
          "logistic regression": ("logistic_regression", {"penalty": 0.01}, BLUE, "o")}


def main(out, quick=False):
    """Fit both to samples of growing size, save discriminative_generative.png into `out`; returns the error rates."""
    sizes = (8, 64, 1024) if quick else (6, 10, 16, 26, 42, 68, 110, 180, 300, 500, 1000, 2000, 5000)
    repeats = 8 if quick else 30
    results = {}
    for number, (title, joint) in enumerate(problems().items()):
        limits = {"Bayes": error_rate(joint, joint.argmax(axis=1)), "naive": error_rate(joint, naive_limit(joint))}
        rates = measure(joint, sizes, repeats, number)
        results[title] = {"limits": limits, "sizes": sizes, "rates": rates}
        print(f"{title}: Bayes' error {limits['Bayes']:.4f}, limit of naive Bayes {limits['naive']:.4f}")
        for name, values in rates.items():
            print(f"  {name:20}", " ".join(f"{n}: {rate:.3f}" for n, rate in zip(sizes, values.mean(1), strict=True)))
    save_picture(results, Path(out) / "discriminative_generative.png")
    return results


def problems():
    """p(x, y) `(4096, 2)`, classes equally probable: columns independent given y, and six that say the same.

    Those six copy one hidden bit, 1 with a probability that depends on y, with 1 in 10 copies wrong.
    """
    ones = 0.5 + np.array([-1, 1]) * np.linspace(0.08, 0.26, COLUMNS)[:, None]  # p(x_d = 1 | y)
    factors = np.where(VECTORS[:, :, None] == 1, ones, 1 - ones)
    bit = np.array([0.35, 0.65])  # p(bit = 1 | y)
    copies = [np.where(VECTORS[:, :COPIES] == value, 0.9, 0.1).prod(axis=1)[:, None] for value in (0, 1)]
    dependent = (copies[0] * (1 - bit) + copies[1] * bit) * factors[:, COPIES:].prod(axis=1)
    return {"independent columns": 0.5 * factors.prod(axis=1), "six columns that say the same": 0.5 * dependent}


def error_rate(joint, predicted):
    """The probability that the class differs from `predicted`, one class for each of the 4096 vectors."""
    return float(1 - joint[np.arange(len(joint)), predicted].sum())


def naive_limit(joint):
    """What naive Bayes predicts when it knows every p(y) and p(x_d | y) exactly."""
    conditional = joint / joint.sum(axis=0)
    ones = VECTORS.T @ conditional
    scores = VECTORS @ np.log(ones) + (1 - VECTORS) @ np.log(1 - ones) + np.log(joint.sum(axis=0))
    return scores.argmax(axis=1)


def measure(joint, sizes, repeats, seed):
    """Exact error rates `(sizes, repeats)` of each model, all fitted to the same samples."""
    rates = {name: np.empty((len(sizes), repeats)) for name in MODELS}
    outcomes = Categorical(np.log(joint).reshape(-1))  # of a vector and its class
    for repeat in range(repeats):
        outcome = outcomes.sample(sizes[-1], as_generator(1000 * seed + repeat))
        x, labels = VECTORS[outcome // 2], outcome % 2
        for row, n in enumerate(sizes):
            for name, (key, config, _, _) in MODELS.items():
                model = models.create(key, SPEC, **config).fit(x[:n], labels=labels[:n])
                rates[name][row, repeat] = error_rate(joint, model.predict(VECTORS))
    return rates


def save_picture(results, path):
    """Plot both problems side by side: mean error rates with two standard errors, and the limits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 4.8), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (title, problem) in zip(axes, results.items(), strict=True):
        sizes, limits = problem["sizes"], problem["limits"]
        axis.axhline(limits["Bayes"], color=INK, linewidth=1.3, linestyle=(0, (4, 3)), label="Bayes' error")
        if limits["naive"] > limits["Bayes"] + 1e-6:
            axis.axhline(limits["naive"], color=ORANGE, linewidth=1.3, linestyle=(0, (1, 2)),
                         label="limit of naive Bayes")
        for name, (_, _, colour, marker) in MODELS.items():
            rates = problem["rates"][name]
            mean, error = rates.mean(axis=1), rates.std(axis=1, ddof=1) / np.sqrt(rates.shape[1])
            axis.fill_between(sizes, mean - 2 * error, mean + 2 * error, color=colour, alpha=0.18, linewidth=0)
            axis.plot(sizes, mean, marker=marker, color=colour, markersize=4.5, linewidth=1.8, label=name)
        axis.set(xscale="log", xlim=(0.85 * sizes[0], 1.18 * sizes[-1]))
        axis.set_xlabel("training examples", color=INK)
        axis.set_title(title[0].upper() + title[1:], fontsize=11, color=INK)
        axis.tick_params(which="minor", color="#a8b0bd", labelcolor=QUIET_INK)
        axis.legend(loc="upper right", framealpha=0.9, edgecolor="none", fontsize=9.5)
        style(axis)
    axes[0].set_ylabel("error rate: mean, ± 2 standard errors", color=INK)
    save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
