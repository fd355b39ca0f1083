"""Pixel by pixel, or scale by scale: a gated PixelCNN beside a multi-scale one of the same width.

Both write the density of a 32×32 image as a product of exact conditionals. The gated PixelCNN has one for each value
of each pixel, 1,024 steps for a grey image and 3,072 for a coloured one. The multi-scale model draws an 8×8 image like
that, 64 steps (192), then doubles it twice, the pixels of a group being drawn at once given all groups before,

    p(x) = p(x^0) Π_s p(x^s_01 | x^{s-1}) p(x^s_10 | x^{s-1}, x^s_01) p(x^s_11 | x^{s-1}, x^s_01, x^s_10).

Bits per dimension are -log2 p(x) divided by the number of values, means over held-out images with their standard errors
sd/√n. Sampling times are of 64 images, the best of three.

What to see: a few parallel steps instead of many make sampling faster, though not by the ratio of their numbers, since
these samplers compute each number of a network once and a single step costs little. The price is that the pixels of a
group are independent given the groups before; on digits it does not show in the bits. On the shapes the multi-scale
model is far ahead, since the pixels of its groups have mixtures of logistic distributions, for which levels that are
close are alike: the other one's softmax has to learn that of each pair of 256 levels.

The data are coloured shapes and the carried digits, 8×8, enlarged (or `--digits`, a file with rows of 784 bits, which
get a frame of zeros).

Reed and others, "Parallel Multiscale Autoregressive Density Estimation", 2017.

    python examples/multiscale.py [--digits FILE] [--out FOLDER]
"""

import argparse
import dataclasses
import math
import time
from pathlib import Path

import numpy as np
from scipy import ndimage

from minigen import DataSpec, data, models, training
from minigen.plotting.canvas import DPI, INK, save
from minigen.plotting.images import mosaic, to_rgb

SIZE, SCALES, SHOWN, TIMED = 32, 3, 16, 64
SPLITS = ("train", "validation", "test")
MODELS = {"pixel by pixel": "gated_pixel_cnn", "scale by scale": "multiscale_pixel_cnn"}
IMAGES = 30_000  # that each model sees in training: some 20 minutes in all on two cores


def main(out, quick=False, digits=None):
    """Train both models on both data sets and save multiscale.png into the folder `out`; returns the results."""
    sets = {"digits": framed(data.load(digits)) if digits else enlarged(data.load("digits")),
            "shapes": data.load("shapes")}
    results = {}
    for name, dataset in sets.items():
        print(f"{name}, {len(dataset.test)} held-out images, bits per dimension and seconds for {TIMED} samples")
        results[name] = {title: run(key, dataset, quick) for title, key in MODELS.items()}
        for title, result in results[name].items():
            print(f"  {title:15} {result['bits']:.4f} ± {result['error']:.4f}   {result['seconds']:.3f} s")
        one, other = results[name].values()
        print(f"  scale by scale is {one['seconds'] / other['seconds']:.1f} times as fast")
        results[name]["data"] = dataset.test[:SHOWN]
    save_picture(results, Path(out) / "multiscale.png")
    return results


def framed(dataset):
    """Rows of 28×28 pixels in the middle of images of 32×32."""
    space = ((0, 0), (2, 2), (2, 2), (0, 0))
    return mapped(dataset, lambda x: np.pad(x.reshape(-1, 28, 28, 1), space))


def enlarged(dataset):
    """Images of 8×8 as 32×32 by cubic interpolation, black and white again."""
    return mapped(dataset, lambda x: (ndimage.zoom(x.reshape(-1, 8, 8, 1).astype(float), (1, 4, 4, 1)) > 0.5).astype(
        np.uint8))


def mapped(dataset, function):
    """The same data set of other images."""
    return dataclasses.replace(dataset, spec=DataSpec((SIZE, SIZE, 1), "binary"),
                               **{split: function(getattr(dataset, split)) for split in SPLITS})


def run(key, dataset, quick):
    """Train a model; its held-out bits per dimension, sampling time, and samples."""
    width = 6 if quick else 36 if dataset.spec.shape[-1] == 3 else 32  # a multiple of the colours
    settings = {"channels": width, "layers": 2} if quick else {"channels": width}
    if key == "gated_pixel_cnn":
        settings["skip_channels"] = 2 * width  # as in the multi-scale model's smallest image
    else:
        settings |= {"scales": SCALES, "group_channels": width}
    if quick:
        dataset = dataclasses.replace(dataset, labels=None, **{s: getattr(dataset, s)[:32] for s in SPLITS})
    model = models.create(key, dataset.spec, rng=1, **settings)
    training.fit(model, dataset, epochs=1 if quick else max(1, IMAGES // len(dataset.train)), batch_size=16,
                 learning_rate=2e-3, schedule="cosine", warmup=0 if quick else 50, ema=0.99)
    nats = np.concatenate([model.score_samples(dataset.test[i:i + 50]) for i in range(0, len(dataset.test), 50)])
    bits = -nats.astype(np.float64) / math.log(2) / dataset.spec.dimensions
    count, seconds = 4 if quick else TIMED, []
    for seed in range(4):
        start = time.perf_counter()
        samples = model.sample(count, seed)
        seconds.append(time.perf_counter() - start)
    return {"bits": bits.mean(), "error": bits.std(ddof=1) / math.sqrt(len(bits)), "samples": samples[:SHOWN],
            "seconds": min(seconds[1:])}


def save_picture(results, path):
    """A row for each data set: images, samples of both models, and how the second makes one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3.9 * len(results)), dpi=DPI, facecolor="white", layout="constrained")
    for name, axes in zip(results, figure.subplots(len(results), 4), strict=True):
        by_model = dict(results[name])
        levels = 255 if by_model["data"].shape[-1] == 3 else 1
        panels = {f"{name}: data": by_model.pop("data")}
        for title, result in by_model.items():
            panels[f"{title}: {result['bits']:.3f} ± {result['error']:.3f} bits,\n"
                   f"{result['seconds']:.2f} s for {TIMED}"] = result["samples"]
        for axis, (title, images) in zip(axes, panels.items(), strict=False):
            axis.imshow(mosaic(to_rgb(images / levels, "images"), 4, 4), interpolation="nearest")
            axis.set_title(title, fontsize=11, color=INK)
        axes[3].imshow(growth(by_model["scale by scale"]["samples"][:4] / levels), interpolation="nearest")
        axes[3].set_title("scale by scale: 8×8, 16×16, 32×32", fontsize=11, color=INK)
        for axis in axes:
            axis.set_axis_off()
    save(figure, path)


def growth(images):
    """Each image, in a row, at every scale; a pixel of a smaller one is shown larger."""
    steps = [2**s for s in reversed(range(SCALES))]
    shown = [images[:, ::step, ::step].repeat(step, 1).repeat(step, 2) for step in steps]
    return mosaic(to_rgb(np.stack(shown, 1).reshape(-1, *images.shape[1:]), "images"), SCALES, 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digits", help="a file of binary images with 784 pixels")
    parser.add_argument("--out", default=".", help="the folder for the picture")
    arguments = parser.parse_args()
    main(arguments.out, digits=arguments.digits)
