"""Watch a digit being drawn: what the model expects of all pixels to come, and how each one that is drawn changes it.

An autoregressive model draws pixel t from p(x_t | x_{<t}). Here it is a gated PixelCNN of digits given their class, all
classes y equally probable, so that what has been drawn also says which digit this may become, by Bayes' rule,

    p(y | x_{<t}) ∝ p(x_{<t} | y),        p(x_t | x_{<t}) = Σ_y p(y | x_{<t}) p(x_t | x_{<t}, y).

Both are exact, and so is the surprise -log p(x_t | x_{<t}) of each pixel, in nats; the surprises add up to -log p(x).
What is expected further ahead, p(x_j = 1 | x_{<t}) for j > t, has no formula: it is the share of completions in which
pixel j is 1, their standard error at most 0.5/√completions.

van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves and Kavukcuoglu, "Conditional Image Generation with PixelCNN
Decoders", 2016.

    python examples/watch_a_digit.py [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from minigen import Generator, data, models, training
from minigen.plotting.canvas import DPI, INK, QUIET_INK, save
from minigen.plotting.film import write_film
from minigen.plotting.mixtures import style

CLASSES, SIDE = 10, 8
LABEL, SEED = 3, 4  # of the digit that is drawn
HIDDEN, NEXT, BLUE = "#f2b134", "#d1495b", "#2563a8"


def main(out, quick=False):
    """Train, draw a digit, save watch_a_digit.png and watch_a_digit.gif into the folder `out`; returns its history."""
    dataset = data.prepare(data.load("digits"), conditional=True)
    size = {"channels": 8, "layers": 2} if quick else {"channels": 24, "layers": 4}
    model = models.create("gated_pixel_cnn", dataset.spec, rng=1, first_size=5, skip_channels=48, **size)
    training.fit(model, dataset, epochs=1 if quick else 18, learning_rate=3e-3, ema=0.99)
    x = model.sample(1, SEED, condition=np.array([LABEL]))[0]
    steps = (4, 36, 64) if quick else range(SIDE**2 + 1)
    record = {"x": x, "steps": list(steps), **history(model, x, steps, 20 if quick else 300)}
    nats = record["surprise"].sum()
    print(f"a digit of class {LABEL}: {nats:.2f} nats in all; {(record['surprise'] > np.log(2)).sum()} of {x.size} "
          "pixels were less probable than not")
    certain = int((record["posterior"][:, LABEL] > 0.9).argmax())
    print(f"p(class {LABEL}) after all pixels {record['posterior'][-1, LABEL]:.3f}, first above 0.9 after {certain}")
    draw_strip(record, Path(out) / "watch_a_digit.png")
    write_film(list(frames(record)), Path(out) / "watch_a_digit.gif", shown=160, held=3000)
    return record


def history(model, x, steps, completions):
    """What is known after each number of pixels: a dict of arrays.

    `posterior` p(y | x_{<t}) `(65, classes)`; `surprise` `(64,)`; `expected` p(x_j = 1 | x_{<t}) at each of `steps`
    `(steps, 8, 8)`, what is drawn already as it is.
    """
    every = np.arange(CLASSES)
    logits = np.asarray(model.conditionals(np.repeat(x[None], CLASSES, 0), every).data, np.float64).reshape(CLASSES, -1)
    pixels = x.reshape(-1)
    scores = -np.logaddexp(0, (1 - 2.0 * pixels) * logits)  # log p(x_t | x_{<t}, y)
    joint = np.concatenate([np.zeros((CLASSES, 1)), np.cumsum(scores, axis=1)], axis=1)  # log p(x_{<t} | y)
    evidence = np.logaddexp.reduce(joint, axis=0)
    posterior = np.exp(joint - evidence).T
    probability = (posterior[:-1] * (1 / (1 + np.exp(-logits))).T).sum(axis=1)  # p(x_t = 1 | x_{<t})
    expected = []
    for t in steps:
        rng = Generator(t)
        known = (np.arange(pixels.size) < t).reshape(x.shape)
        mean = x[..., 0].astype(np.float64)
        if t < pixels.size:
            classes = (np.cumsum(posterior[t]) < rng.uniform(0, 1, (completions, 1))).sum(axis=1)
            drawn = model.sample(completions, rng, condition=np.minimum(classes, CLASSES - 1), given=(x, known))
            mean = drawn.mean(axis=0)[..., 0]
            mean.reshape(-1)[t] = probability[t]  # which is known exactly
        expected.append(mean)
    return {"posterior": posterior, "surprise": evidence[:-1] - evidence[1:], "expected": np.array(expected)}


def drawn_so_far(x, t):
    """The picture after t pixels `(8, 8, 3)`."""
    from matplotlib.colors import to_rgb

    picture = np.broadcast_to(x, (SIDE, SIDE, 3)).astype(np.float64)
    picture[(np.arange(SIDE**2) >= t).reshape(SIDE, SIDE)] = to_rgb(HIDDEN)
    return picture


def bare(axis):
    """No ticks and no frame."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def next_pixel(axis, t):
    """A frame around pixel t."""
    from matplotlib.patches import Rectangle

    corner = (t % SIDE - 0.5, t // SIDE - 0.5)
    return axis.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=NEXT, linewidth=2.2, clip_on=False,
                                    visible=t < SIDE**2))


def surprises(axis, surprise):
    """Bars of nats by pixel, rows of the image set apart."""
    bars = axis.bar(np.arange(len(surprise)), surprise, color=BLUE, width=0.8)
    for row in range(0, SIDE, 2):
        axis.axvspan(SIDE * row - 0.5, SIDE * (row + 1) - 0.5, color="#f1f3f6", zorder=0)
    axis.set(xlim=(-0.5, len(surprise) - 0.5), ylim=(0, 1.08 * surprise.max()))
    axis.set_xticks(SIDE * np.arange(SIDE) + (SIDE - 1) / 2, [f"row {row + 1}" for row in range(SIDE)])
    axis.set_ylabel("nats", color=INK)
    style(axis)
    axis.grid(False, axis="x")
    axis.tick_params(axis="x", length=0)
    return bars


def draw_strip(record, path):
    """In the middle of each row and at the end: what is drawn, what is expected, which class; surprises below."""
    from matplotlib.figure import Figure

    shown = [k for k, t in enumerate(record["steps"]) if t % SIDE == 4 or t == SIDE**2]
    figure = Figure(figsize=(13.5, 6.7), dpi=DPI, facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2.5, 1))
    axes = above.subplots(3, len(shown), height_ratios=(1, 1, 0.62))
    for column, k in zip(axes.T, shown, strict=True):
        t = record["steps"][k]
        column[0].imshow(drawn_so_far(record["x"], t), interpolation="nearest")
        column[0].set_title(f"after {t} pixels", fontsize=10.5, color=INK)
        column[1].imshow(record["expected"][k], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        colours = [NEXT if label == LABEL else QUIET_INK for label in range(CLASSES)]
        column[2].bar(np.arange(CLASSES), record["posterior"][t], color=colours, width=0.8)
        column[2].set_ylim(0, 1)
        column[2].set_xticks(range(CLASSES), [str(label) for label in range(CLASSES)], fontsize=7.5)
        column[2].set_yticks([])
        column[2].spines[["top", "left", "right"]].set_visible(False)
        column[2].tick_params(length=0, labelcolor=QUIET_INK)
        for axis in column[:2]:
            bare(axis)
            next_pixel(axis, t)
    for axis, name in zip(axes[:, 0], ("drawn so far", "p(pixel = 1)", "p(class)"), strict=True):
        axis.set_ylabel(name, fontsize=11, color=INK)
    axis = below.subplots()
    surprises(axis, record["surprise"])
    axis.set_title(f"Surprise of each pixel, {record['surprise'].sum():.1f} nats in all", fontsize=11, color=INK)
    save(figure, path)


def frames(record):
    """The frames of the film, one for each step, as uint8 RGB arrays."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5.6), dpi=80, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    above, below = figure.subfigures(2, 1, height_ratios=(1.75, 1))
    left, middle, right = above.subplots(1, 3)
    for axis, title in ((left, "drawn so far"), (middle, "p(pixel = 1 | drawn so far)"),
                        (right, "p(class | drawn so far)")):
        axis.set_title(title, fontsize=12, color=INK)
    for axis in (left, middle):
        bare(axis)
    picture = left.imshow(drawn_so_far(record["x"], 0), interpolation="nearest")
    expected = middle.imshow(record["expected"][0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    classes = right.barh(np.arange(CLASSES), record["posterior"][0], height=0.75,
                         color=[NEXT if label == LABEL else QUIET_INK for label in range(CLASSES)])
    right.set(xlim=(0, 1), ylim=(CLASSES - 0.5, -0.5))
    right.set_yticks(range(CLASSES), [str(label) for label in range(CLASSES)])
    style(right)
    right.tick_params(axis="y", length=0)
    axis = below.subplots()
    bars = surprises(axis, record["surprise"])
    total = axis.set_title("Surprise of each pixel: 00.0 nats", fontsize=12, color=INK)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # nothing moves from frame to frame
    for k, t in enumerate(record["steps"]):
        picture.set_data(drawn_so_far(record["x"], t))
        expected.set_data(record["expected"][k])
        for bar, value in zip(classes, record["posterior"][t], strict=True):
            bar.set_width(value)
        for pixel, bar in enumerate(bars):
            bar.set_visible(pixel < t)
        total.set_text(f"Surprise of each pixel: {record['surprise'][:t].sum():.1f} nats")
        outlines = [next_pixel(axis, t) for axis in (left, middle)]
        canvas.draw()
        yield np.asarray(canvas.buffer_rgba())[..., :3].copy()
        for outline in outlines:
            outline.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=".", help="the folder for the pictures")
    main(parser.parse_args().out)
