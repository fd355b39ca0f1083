"""The pictures of a run: its curves, and what the trained model makes."""

import math

import numpy as np

from .. import plotting
from ..arrays import as_generator, to_numpy
from ..arrays.files import reason
from ..autograd import no_grad
from ..autograd.tensor import raw
from ..evaluation import draw_samples
from .image_values import is_image, is_planar, to_images
from .metrics import RunError, read_metrics

GRID, PAIRS = 64, 24  # images in samples.png and in reconstructions.png
ROW = 10  # samples of each class, or of each condition
CONDITIONS = 8  # conditions that are not classes, each with a row of samples
POINTS = 5000  # points in samples.png
ENCODED = 1024  # examples whose posterior means are compared
DIMENSIONS, VALUES = 10, np.linspace(-2.5, 2.5, 11)  # rows and columns of traversal.png
UNITS = dict.fromkeys(("log prob", "elbo", "class log prob", "reconstruction", "kl"), "nats")  # of known curves
SAMPLES = 0  # the stream of random numbers of samples.png


def write_pictures(model, data, folder, rng):
    """Draw the curves of a run and, where examples are images or points in the plane, what its model makes.

    Writes `curves.png`, `samples.png` and, for models of images that encode and decode, `reconstructions.png` and
    `traversal.png` into the run's folder, and what the model's `report_pictures` draws. Raises RunError if a picture
    cannot be written.
    """
    rng, spec = as_generator(rng), model.spec
    try:
        rows = read_metrics(folder.metrics)
        if epochs := _curves(rows):
            plotting.learning_curves(epochs, folder.path / "curves.png", units=UNITS, title="Training")
        if passes := _passes(rows):
            quantity = "log p(label | x)" if "class_log_prob" in rows[0] else "log-likelihood"
            plotting.learning_curves(passes, folder.path / "curves.png", quantity=quantity, units="nats per example",
                                     time="iteration", title="Fit")
        if (is_image(spec) or is_planar(spec)) and model.offers("sample"):
            _picture_samples(model, data, folder.path, rng.fold_in(SAMPLES))
        if is_image(spec) and model.offers("encode", "decode"):
            _picture_latents(model, data.batch("test"), folder.path)
        model.report_pictures(data, folder.path)
    except OSError as error:
        raise RunError(f"cannot write the pictures of {folder.path}: {reason(error)}") from error


def _picture_samples(model, data, folder, rng):
    spec, condition = model.spec, None
    x = data.train if data.observed is None else data.train[data.observed["train"].reshape(len(data.train), -1).all(1)]
    if spec.condition is not None:
        condition = np.repeat(_conditions(spec.condition, data), ROW, axis=0)
    n = len(condition) if condition is not None else GRID if is_image(spec) else max(1, min(POINTS, len(x)))
    try:
        samples = draw_samples(model, n, rng, condition)
    except NotImplementedError:  # a classifier has samples of labels alone
        return
    if is_image(spec):
        columns = None if condition is None else ROW
        title = _title(spec.condition)
        plotting.image_grid(to_images(samples, spec), folder / "samples.png", title=title, columns=columns)
    else:
        clouds = {"training data": x[:POINTS].reshape(-1, 2), "samples": samples.reshape(-1, 2)}
        plotting.scatter({name: points for name, points in clouds.items() if len(points)}, folder / "samples.png")


def _title(spec):
    """What the picture of samples shows, by the DataSpec of their condition."""
    if spec is None:
        return "Samples"
    if _is_class(spec):
        return f"Samples, a class in each row, from 0 to {spec.levels - 1}"
    return "Samples, in each row of the condition of one test example"


def _is_class(spec):
    return spec.dimensions == 1 and spec.kind == "discrete"


def _conditions(spec, data):
    """The conditions that samples are shown for: every class, or those of the first test examples."""
    if _is_class(spec):
        return np.arange(spec.levels).reshape(-1, *spec.shape)
    return data.condition["test"][:CONDITIONS]


def _picture_latents(model, batch, folder):
    """Reconstructions, and the effect of the latent dimensions that the posterior means of `batch` use most."""
    spec, batch = model.spec, batch[:ENCODED]
    with no_grad():
        means = to_numpy(raw(model.encode(batch.x, **batch.present("condition")).mean))
        shown = batch[:PAIRS]
        decoded = to_numpy(raw(model.decode(means[:PAIRS], **shown.present("condition")).mean))
        plotting.reconstructions(
            to_images(to_numpy(shown.x), spec), to_images(decoded, spec), folder / "reconstructions.png",
            title="Test examples and their reconstructions",
        )
        if means.ndim != 2:
            return
        used = np.argsort(-means.var(axis=0), kind="stable")[:DIMENSIONS]
        z = np.zeros((len(used), len(VALUES), means.shape[1]), means.dtype)
        for row, dimension in enumerate(used):
            z[row, :, dimension] = VALUES
        z = z.reshape(-1, means.shape[1])
        same = {} if batch.condition is None else {"condition": np.repeat(batch.condition[:1], len(z), axis=0)}
        decoded = to_numpy(raw(model.decode(z, **same).mean))
        plotting.latent_traversal(
            to_images(decoded, spec).reshape(len(used), len(VALUES), *spec.shape), folder / "traversal.png",
            values=VALUES, dimensions=[f"z{dimension + 1}" for dimension in used], title="One latent variable each row",
        )


def _curves(rows):
    """Training and validation curves by the names that `plotting.learning_curves` takes."""
    curves = {}
    scored = [name for row in rows[:1] for name in row.get("validation", {})]
    trained = [name for row in rows[:1] for name in row.get("train", {})]
    # a loss that is minus the score, up to its noise, says nothing more
    left_out = ("loss", "gradient_norm") if set(scored) & set(trained) else ("gradient_norm",)
    trained = [name for name in trained if name not in scored and name.rpartition(".")[2] not in left_out]
    for name in [*scored, *trained]:
        for split in ("train", "validation"):
            points = [(row["epoch"], row.get(split, {}).get(name)) for row in rows if name in row.get(split, {})]
            if points:
                epochs, values = zip(*points, strict=True)
                values = np.array([math.nan if value is None else value for value in values])
                curves[f"{split}/{name.replace('_', ' ')}"] = (np.array(epochs), values)
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
