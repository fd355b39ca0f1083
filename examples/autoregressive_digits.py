"""NADE, MADE and a gated PixelCNN on the same small digits: what each learns, how fast, and what it draws.

All three write the density of a binary image as a product of conditionals, pixel by pixel,

    log p(x) = Σ_d log p(x_d | x_{<d}),

and so have an exact likelihood; they differ in what computes the logit of p(x_d = 1 | x_{<d}), here of 64 pixels:

    NADE        v_d·sigmoid(c + Σ_{i<d} x_i w_i) + b_d        one hidden layer, a sum that grows by a row at each pixel
    MADE        (V ⊙ M_V) relu((W ⊙ M_W) x + b) + c           one masked network for all d at once
    PixelCNN    gated masked convolutions                     weights shared by all pixels of the image

Held-out figures are means over the n test images with their standard errors sd/√n. Models are compared image by image,
since an image that is hard for one is hard for the other: the standard error of the mean difference is much smaller
than that of each mean. The epoch that is kept is the best on validation images, not on those that are reported.
Two simple densities put the figures into proportion: independent pixels, and a mixture of 20 of these.

What to see: convolutions treat all pixels of an image alike, and get most out of the first epochs. But digits this
small hardly repeat themselves, and on 1,294 of them every model, left to itself, learns by heart.

Larochelle and Murray, 2011; Germain, Gregor, Murray and Larochelle, 2015; van den Oord and others, 2016.

    python examples/autoregressive_digits.py [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import Generator, data, models, training
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.images import mosaic, to_rgb
from minigen.plotting.mixtures import style

# title: registry key, settings, learning rate, examples in a batch, epochs, colour
MODELS = {
    "NADE": ("nade", {"hidden": 100}, 3e-3, 50, 192, "#2563a8"),
    "MADE": ("made", {"hidden": (200,)}, 2e-3, 50, 192, "#c2410c"),
    "gated PixelCNN": ("gated_pixel_cnn", {"channels": 16, "layers": 4, "first_size": 5, "skip_channels": 32}, 2e-3,
                       32, 48, "#2f855a"),
}
EPOCHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192)  # after which they are evaluated
EMA = 0.99  # decay of the parameters' average, which is what is evaluated
SIDE = 7  # rows and columns of the samples that are shown


def main(out, quick=False):
    """Train and compare all three, save autoregressive_digits.png into the folder `out`; returns the scores."""
    dataset = data.load("digits")
    simple = {name: baseline(dataset, count, quick)
              for name, count in (("independent pixels", 1), ("mixture of 20 such", 20))}
    runs = {title: train(title, dataset, quick) for title in MODELS}
    print(f"held-out log p(x) in nats per digit, {len(dataset.test)} digits, mean ± standard error")
    for name, scores in simple.items():
        print(f"  {name:20} {with_error(scores)}")
    for title, run in runs.items():
        print(f"  {title:20} {with_error(run['scores'])}   epoch {run['epoch']}, {run['parameters']:,} parameters")
    titles = list(runs)
    for i, first in enumerate(titles):
        for second in titles[i + 1:]:
            print(f"  {first} - {second}: {with_error(runs[first]['scores'] - runs[second]['scores'])}")
    save_picture(dataset, runs, simple, Path(out) / "autoregressive_digits.png")
    return {"simple": simple, "models": runs}


def with_error(scores):
    """Mean ± standard error."""
    return f"{scores.mean():7.2f} ± {standard_error(scores):.2f}"


def standard_error(scores):
    """sd/√n."""
    return scores.std(ddof=1) / len(scores) ** 0.5


def baseline(dataset, components, quick):
    """log p of the test images under a mixture of independent pixels."""
    settings = {"n_components": components, "restarts": 1 if quick else 4}
    model = models.create("bernoulli_mixture", dataset.spec, **settings)
    return np.asarray(model.fit(dataset.train).score_samples(dataset.test))


def train(title, dataset, quick):
    """Train, and score the test images now and then; what is kept is the best on validation images."""
    key, settings, rate, size, last, _ = MODELS[title]
    model = models.create(key, dataset.spec, rng=1, **settings)
    step = training.make_step(model, learning_rate=rate, ema=EMA)
    rng = Generator(0)
    batches = data.Loader(dataset.train, size, rng)
    curve, best = [], -np.inf
    for epoch in range(1, 3 if quick else last + 1):
        for batch in batches:
            step(batch, rng.split())
        if epoch in EPOCHS:
            with step.averaged():
                scores = model.score_samples(dataset.test)
                curve.append((epoch, scores.mean(), standard_error(scores), model.score_samples(dataset.train).mean()))
                validation = model.score_samples(dataset.validation).mean()
                if validation > best:
                    best, run = validation, {"epoch": epoch, "scores": scores.astype(np.float64)}
                    run["samples"] = model.sample(SIDE**2, rng=7)
    count = sum(parameter.data.size for parameter in model.parameters())
    return {**run, "curve": np.array(curve), "parameters": count}


def save_picture(dataset, runs, simple, path):
    """Learning curves with two standard errors above, digits of the data and of each model below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 9), dpi=DPI, facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.45, 1))
    axis, beside = above.subplots(1, 2, width_ratios=(2.6, 1))
    for (title, run), (*_, colour) in zip(runs.items(), MODELS.values(), strict=True):
        epochs, means, errors, trained = run["curve"].T
        axis.fill_between(epochs, means - 2 * errors, means + 2 * errors, color=colour, alpha=0.13, linewidth=0)
        axis.plot(epochs, trained, color=colour, linewidth=1.1, linestyle=(0, (2, 2)))
        axis.plot(epochs, means, color=colour, linewidth=2.2, marker="o", markersize=3.5, label=title)
        kept = list(epochs).index(run["epoch"])
        axis.plot(epochs[kept], means[kept], marker="o", markersize=9, markerfacecolor="white", color=colour,
                  markeredgewidth=2, zorder=5)
    axis.plot([], [], color=QUIET_INK, linewidth=1.1, linestyle=(0, (2, 2)), label="on its training digits")
    axis.plot([], [], color=QUIET_INK, marker="o", markersize=8, markerfacecolor="white", markeredgewidth=2,
              linestyle="none", label="kept: best on validation digits")
    axis.set(xscale="log", xlim=(0.95, 1.06 * max(run["curve"][-1, 0] for run in runs.values())))
    top = max(run["curve"][:, 1].max() for run in runs.values())
    axis.set_ylim(min(scores.mean() for scores in simple.values()) - 1, top + 3)
    for name, scores in simple.items():
        axis.axhline(scores.mean(), color=QUIET_INK, linewidth=1)
        axis.annotate(f"{name}: {scores.mean():.1f}".replace("-", "−"), (0.995, scores.mean()), (0, 4), ha="right",
                      xycoords=("axes fraction", "data"), textcoords="offset points", color=QUIET_INK, fontsize=9.5)
    ticks = [2**k for k in range(8) if 2**k <= axis.get_xlim()[1]]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("epoch", color=INK)
    axis.set_ylabel("log p(x) in nats per digit", color=INK)
    axis.set_title("Held-out digits, with bands of ± 2 standard errors", fontsize=12, color=INK)
    axis.legend(loc="upper left", frameon=False, fontsize=10, labelcolor=INK)
    style(axis)
    differences(beside, runs)
    digits = {"data": dataset.test[:SIDE**2], **{title: run["samples"] for title, run in runs.items()}}
    for panel, (title, images) in zip(below.subplots(1, 4), digits.items(), strict=True):
        panel.imshow(mosaic(to_rgb(images, "images"), SIDE, 8), interpolation="nearest")
        panel.set_title(title if title == "data" else f"drawn by {title}", fontsize=12,
                        color=INK if title == "data" else MODELS[title][-1])
        panel.set_axis_off()
    save(figure, path)


def differences(axis, runs):
    """What one model has over another, image by image."""
    titles = list(runs)
    pairs = [(first, second) for i, first in enumerate(titles) for second in titles[i + 1:]]
    for row, (first, second) in enumerate(pairs):
        difference = runs[first]["scores"] - runs[second]["scores"]
        error = standard_error(difference)
        axis.errorbar(difference.mean(), -row, xerr=2 * error, color=INK, marker="o", markersize=6, capsize=4)
        axis.text(difference.mean(), 0.16 - row, f"{difference.mean():+.2f} ± {error:.2f}".replace("-", "−"),
                  ha="center", color=INK, fontsize=10, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})
    axis.axvline(0, color=QUIET_INK, linewidth=1, linestyle=(0, (4, 3)))
    axis.set_yticks([-row for row in range(len(pairs))], [f"{first}\n− {second}" for first, second in pairs])
    axis.set_ylim(0.6 - len(pairs), 0.5)
    low, high = axis.get_xlim()
    axis.set_xlim(min(low, -0.4 * high), 1.15 * high)
    axis.set_xlabel("mean difference in nats (bars: ± 2)", color=INK)
    axis.set_title("The same digits under two models", fontsize=12, color=INK)
    style(axis)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
