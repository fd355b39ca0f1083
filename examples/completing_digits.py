"""In-painting: the lower half of a digit given its upper half, and what the class has to do with it.

Pixels are drawn from the top, so the rest of an image given its upper part u is drawn by starting in the middle:

    log p(lower | u) = Σ_{d in lower} log p(x_d | x_{<d}).

NADE does so as it is. A gated PixelCNN p(x | y) of digits of class y, all classes equally probable, says first which
class the upper half leaves open,

    p(y | u) = p(u | y) / Σ_c p(u | c),        log p(u | y) = Σ_{d in upper} log p(x_d | x_{<d}, y),

and then draws a class from it and the rest given the class, so that p(lower | u) = Σ_y p(y | u) p(lower | u, y). All of
these are exact. The same network draws digits of each class from nothing.

Larochelle and Murray, 2011; van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu, 2016.

    python examples/completing_digits.py [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import Generator, data, models, training
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.images import mosaic, to_rgb
from minigen.plotting.mixtures import style

CLASSES, HALF = 10, 4  # rows that are kept, of 8
DRAWS, EACH = 6, 10  # completions of a digit, samples of a class
NADE, PIXELCNN, TRUTH = "#2563a8", "#2f855a", "#c2410c"
HIDDEN = (0.95, 0.7, 0.2)


def main(out, quick=False):
    """Train both, complete test digits, save completing_digits.png into the folder `out`; returns the figures."""
    plain = data.load("digits")
    classes = data.prepare(plain, conditional=True)
    nade = models.create("nade", plain.spec, rng=1, hidden=100)
    training.fit(nade, plain, epochs=2 if quick else 150, batch_size=50, learning_rate=3e-3, schedule="constant",
                 ema=0.99)
    size = {"channels": 8, "layers": 2} if quick else {"channels": 24, "layers": 4}
    pixels = models.create("gated_pixel_cnn", classes.spec, rng=1, first_size=5, skip_channels=48, **size)
    training.fit(pixels, classes, epochs=4 if quick else 18, learning_rate=3e-3, ema=0.99)
    x, labels = plain.test, plain.labels["test"]
    posterior, lower = class_posterior(pixels, x)
    results = {"NADE": pixel_scores(nade, x)[:, HALF:].sum(axis=(1, 2)), "PixelCNN": lower}
    results["right"] = posterior.argmax(axis=1) == labels
    n = len(x)
    for name in ("NADE", "PixelCNN"):
        scores = results[name]
        print(f"log p(lower half | upper half) of {n} test digits, {name}: {scores.mean():.2f} ± "
              f"{scores.std(ddof=1) / n**0.5:.2f} nats")
    rate = results["right"].mean()
    print(f"most probable class given the upper half alone: right for {rate:.1%} ± {(rate * (1 - rate) / n)**0.5:.1%}")
    rows = [int(np.flatnonzero(labels == label)[0]) for label in range(CLASSES)]  # one test digit of each class
    save_picture(x[rows], posterior[rows], complete(nade, pixels, x[rows], posterior[rows]), samples(pixels),
                 Path(out) / "completing_digits.png")
    return results


def pixel_scores(model, x, condition=None):
    """log p(x_d | x_{<d}) of every pixel, `(n, 8, 8)`, from the logits of a binary model's parallel pass."""
    logits = np.asarray(model.conditionals(x, condition).data, np.float64).reshape(len(x), 8, 8)
    return -np.logaddexp(0, (1 - 2.0 * x[..., 0]) * logits)


def class_posterior(model, x):
    """p(y | upper half) `(n, classes)`, and log p(lower | upper) of the mixture over classes `(n,)`."""
    scores = np.stack([pixel_scores(model, x, np.full(len(x), label)) for label in range(CLASSES)], axis=1)
    upper, whole = scores[:, :, :HALF].sum(axis=(2, 3)), scores.sum(axis=(2, 3))
    log_upper = np.logaddexp.reduce(upper, axis=1)
    return np.exp(upper - log_upper[:, None]), np.logaddexp.reduce(whole, axis=1) - log_upper


def complete(nade, pixels, x, posterior):
    """`DRAWS` completions of each digit by both models, each `(n, DRAWS, 8, 8, 1)`."""
    rng, n = Generator(5), len(x)
    copies = np.repeat(x, DRAWS, axis=0)
    kept = np.zeros(copies.shape, bool)
    kept[:, :HALF] = True
    # the class by inverting its distribution function
    classes = (np.cumsum(posterior, axis=1)[:, None] < rng.uniform(0, 1, (n, DRAWS, 1))).sum(axis=2)
    condition = np.minimum(classes, CLASSES - 1).reshape(-1)
    by_nade = nade.sample(n * DRAWS, rng.fold_in(0), given=(copies, kept))
    by_pixels = pixels.sample(n * DRAWS, rng.fold_in(1), condition=condition, given=(copies, kept))
    return [samples.reshape(n, DRAWS, *x.shape[1:]) for samples in (by_nade, by_pixels)]


def samples(model):
    """A row of digits for each class."""
    return model.sample(CLASSES * EACH, rng=3, condition=np.repeat(np.arange(CLASSES), EACH))


def save_picture(x, posterior, completions, grid, path):
    """Digits, upper halves and completions with the classes' probabilities between them; samples of each class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 7.4), dpi=DPI, facecolor="white", layout="constrained")
    left, beside, middle, right = figure.subplots(1, 4, width_ratios=(2 + DRAWS, 2.8, DRAWS, EACH))
    originals = np.broadcast_to(x, (*x.shape[:3], 3)).astype(np.float64)
    upper = originals.copy()
    upper[:, HALF:] = HIDDEN
    by_nade, by_pixels = (np.broadcast_to(images, (*images.shape[:4], 3)) for images in completions)
    given = np.stack([originals, upper], axis=1)
    show(left, np.concatenate([given, by_nade], axis=1), "digit, upper half, completed by NADE", NADE)
    bars(beside, posterior)
    show(middle, by_pixels, "completed by PixelCNN", PIXELCNN)
    show(right, np.broadcast_to(grid.reshape(CLASSES, EACH, 8, 8, 1), (CLASSES, EACH, 8, 8, 3)),
         "drawn by the same PixelCNN, one class a row", PIXELCNN)
    save(figure, path)


def show(axis, images, title, colour):
    """Rows of images `(rows, columns, 8, 8, 3)`."""
    axis.imshow(mosaic(to_rgb(images.reshape(-1, *images.shape[2:]), "images"), images.shape[1], 10),
                interpolation="nearest", aspect="auto")
    axis.set_title(title, fontsize=12, color=colour)
    axis.set_axis_off()


def bars(axis, posterior):
    """p(class | upper half) of each digit, a row for each, the digit's own class in another colour."""
    rows = len(posterior)
    for row, probabilities in enumerate(posterior):
        colours = [TRUTH if label == row else QUIET_INK for label in range(CLASSES)]
        axis.bar(np.arange(CLASSES), 0.8 * probabilities, bottom=rows - 1 - row, color=colours, width=0.8)
        axis.axhline(rows - 1 - row, color="#a8b0bd", linewidth=0.8)
    axis.set(xlim=(-0.7, CLASSES - 0.3), ylim=(0, rows))
    axis.set_xticks(range(CLASSES), [str(label) for label in range(CLASSES)], fontsize=8)
    axis.set_yticks([])
    axis.set_title("p(class | upper half)", fontsize=11, color=INK)
    style(axis)
    axis.grid(False)
    axis.spines[["left", "bottom"]].set_visible(False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the picture")
    main(parser.parse_args().out)
