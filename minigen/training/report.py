"""Pictures of a trained model, and samples in files."""

import io
import math
from pathlib import Path

import numpy as np

from .. import plotting
from ..arrays import as_generator, to_numpy
from ..autograd import Tensor, no_grad
from ..protocols import LatentVariable
from .files import reason, replacing
from .metrics import RunError, read_metrics

SUFFIXES = (".npz", ".npy", ".png")
GRID, PAIRS = 64, 24  # images in samples.png and in reconstructions.png
ROW = 10  # samples of each class
POINTS = 5000  # points in samples.png
DIMENSIONS, VALUES = 10, np.linspace(-2.5, 2.5, 11)  # rows and columns of traversal.png
BATCH = 1024  # samples drawn at once


def draw(model, data, folder, rng):
    """Draw the curves of a run and, where examples are images or points in the plane, what its model makes.

    Writes `curves.png`, `samples.png` and, for latent-variable models of images, `reconstructions.png` and
    `traversal.png` into the run's folder. A model with a method `report_pictures(dataset, folder)` draws more there.
    Raises RunError if a picture cannot be written.
    """
    rng, spec = as_generator(rng), model.spec
    try:
        rows = read_metrics(folder.metrics)
        if epochs := _curves(rows):
            plotting.learning_curves(epochs, folder.path / "curves.png", title="Training")
        if passes := _passes(rows):
            quantity = "log p(label | x)" if "class_log_prob" in rows[0] else "log-likelihood"
            plotting.learning_curves(passes, folder.path / "curves.png", quantity=quantity, units="nats per example",
                                     time="iteration", title="Fit")
        if is_image(spec) or is_planar(spec):
            _draw_samples(model, data, folder.path, rng.fold_in(0))
        if is_image(spec) and isinstance(model, LatentVariable):
            x = next(x for x in (data.test, data.validation, data.train) if x is not None and len(x))
            _draw_latents(model, x, folder.path)
        if hasattr(model, "report_pictures"):
            model.report_pictures(data, folder.path)
    except OSError as error:
        raise RunError(f"cannot write the pictures of {folder.path}: {reason(error)}") from error


def _draw_samples(model, data, folder, rng):
    spec = model.spec
    x = data.train if data.observed is None else data.train[data.observed["train"].reshape(len(data.train), -1).all(1)]
    try:
        condition = None if spec.condition is None else np.repeat(np.arange(spec.condition.levels), ROW)
        count = GRID if condition is None else len(condition)
        samples = draw_samples(model, count if is_image(spec) else max(1, min(POINTS, len(x))), rng, condition)
    except NotImplementedError:  # a classifier has no samples
        return
    if is_image(spec):
        columns, title = (None, "Samples") if condition is None else (ROW, "Samples, one class each row")
        plotting.image_grid(to_images(samples, spec), folder / "samples.png", title=title, columns=columns)
    else:
        clouds = {"training data": x[:POINTS].reshape(-1, 2), "samples": samples.reshape(-1, 2)}
        plotting.scatter({name: points for name, points in clouds.items() if len(points)}, folder / "samples.png")


def draw_samples(model, n, rng, condition=None, given=None):
    """`n` samples of the model as a NumPy array `(n, *spec.shape)`, drawn in batches of `BATCH`.

    `condition` `(n,)` and `given`, a pair of arrays `(n, *spec.shape)`, are what the model's `sample` takes.
    """
    rng, parts = as_generator(rng), []
    for start in range(0, n, BATCH):
        rows, options = slice(start, min(n, start + BATCH)), {}
        if condition is not None:
            options["condition"] = condition[rows]
        if given is not None:
            options["given"] = tuple(part[rows] for part in given)
        with no_grad():
            parts.append(_plain(model.sample(rows.stop - start, rng.fold_in(start), **options)))
    return np.concatenate(parts)


def write_samples(path, x, spec, columns=None):
    """Write samples to an .npz (as `x`), .npy or .png file, in so many columns; it appears complete or not at all.

    Raises ValueError for another suffix and for a picture of what is no image, OSError from the file system.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"path: expected a file ending in {', '.join(SUFFIXES)}, got {path.name!r}")
    if path.suffix == ".png":
        if not is_image(spec):
            raise ValueError(f"path: examples of shape {spec.shape} are no images; use .npz or .npy")
        plotting.image_grid(to_images(x, spec), path, columns=columns)
        return
    content = io.BytesIO()  # NumPy's own writing to a file does not say why it failed
    if path.suffix == ".npz":
        np.savez_compressed(content, x=x)
    else:
        np.save(content, x, allow_pickle=False)
    with replacing(path) as file:
        file.write(content.getbuffer())


def is_image(spec):
    """Whether an example can be drawn: (height, width, 1 or 3), or a vector of a square number of at least 64."""
    if not isinstance(spec.kind, str):
        return False
    if len(spec.shape) == 1:
        return spec.dimensions >= 64 and math.isqrt(spec.dimensions) ** 2 == spec.dimensions
    return len(spec.shape) == 3 and spec.shape[2] in (1, 3)


def is_planar(spec):
    """Whether an example is a point in the plane: two continuous numbers."""
    kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,)
    return spec.dimensions == 2 and set(kinds) == {"continuous"}


def to_images(x, spec):
    """Examples as values in [0, 1]: divided by levels - 1 if discrete, stretched to their range if continuous."""
    x = np.asarray(x, np.float64)
    if spec.kind == "discrete":
        return x / (spec.levels - 1)
    if spec.kind == "continuous":
        low, high = x.min(), x.max()
        return (x - low) / (high - low if high > low else 1.0)
    return x


def _draw_latents(model, x, folder):
    """Reconstructions, and the effect of the latent dimensions that the posterior means of `x` use most."""
    spec = model.spec
    with no_grad():
        means = _plain(model.encode(x[:BATCH]).mean)
        shown = means[:PAIRS]
        decoded = _plain(model.decode(shown).mean).reshape(len(shown), *spec.shape)
        plotting.reconstructions(
            to_images(to_numpy(x[: len(shown)]), spec), to_images(decoded, spec), folder / "reconstructions.png",
            title="Test examples and their reconstructions",
        )
        if means.ndim != 2:
            return
        used = np.argsort(-means.var(axis=0), kind="stable")[:DIMENSIONS]
        z = np.zeros((len(used), len(VALUES), means.shape[1]), means.dtype)
        for row, dimension in enumerate(used):
            z[row, :, dimension] = VALUES
        decoded = _plain(model.decode(z.reshape(-1, means.shape[1])).mean)
        plotting.latent_traversal(
            to_images(decoded, spec).reshape(len(used), len(VALUES), *spec.shape), folder / "traversal.png",
            values=VALUES, dimensions=[f"z{dimension + 1}" for dimension in used], title="One latent variable each row",
        )


def _curves(rows):
    """Training and validation curves by the names that `plotting.learning_curves` takes."""
    curves = {}
    scored = [name for row in rows[:1] for name in row.get("validation", {})]
    trained = [name for row in rows[:1] for name in row.get("train", {})]
    quiet = ("loss", "gradient_norm", "learning_rate") if scored else ("gradient_norm", "learning_rate")
    for name in [*scored, *(name for name in trained if name not in scored and name not in quiet)]:
        for part in ("train", "validation"):
            points = [(row["epoch"], row.get(part, {}).get(name)) for row in rows if name in row.get(part, {})]
            if points:
                epochs, values = zip(*points, strict=True)
                values = np.array([math.nan if value is None else value for value in values])
                curves[f"{part}/{name}"] = (np.array(epochs), values)
    return curves


def _passes(rows):
    """The log-likelihood by iteration of a fit of several, a curve for each of its starting points."""
    curves = {}
    for row in rows:
        value = row.get("log_likelihood", row.get("class_log_prob"))
        if isinstance(row.get("iteration"), int) and value is not None and not row.get("kept"):
            curves.setdefault(row.get("restart"), []).append((row["iteration"], value))
    if not any(len(points) > 1 for points in curves.values()):
        return {}
    names = {restart: "train" if len(curves) == 1 else f"start {restart + 1}" for restart in curves}
    return {names[restart]: tuple(map(np.array, zip(*points, strict=True))) for restart, points in curves.items()}


def _plain(x):
    return to_numpy(x.data if isinstance(x, Tensor) else x)
