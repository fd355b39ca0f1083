"""Small autoregressive models of every kind, with all parameters drawn at random, and conditions for them."""

import itertools

import numpy as np
from scipy import special

from minigen import DataSpec, models
from minigen.autograd import no_grad, raw
from minigen.data.batch import Batch

CLASS, VECTOR = DataSpec((1,), "discrete", 3), DataSpec((4,), "continuous")
GREY, COLOUR = DataSpec((6, 5, 1), "binary"), DataSpec((5, 6, 3), "discrete", 4)
PIXELS = {"channels": 6, "first_size": 5}
MODELS = {  # name: (key, spec, settings)
    "fvsbn": ("fvsbn", DataSpec((7,), "binary"), {"order": "random"}),
    "nade": ("nade", DataSpec((7,), "binary"), {"hidden": 5}),
    "nade levels": ("nade", DataSpec((2, 3), "discrete", 4), {"hidden": 5, "order": "random"}),
    "rnade": ("rnade", DataSpec((5,), "continuous"), {"hidden": 6, "components": 3}),
    "rnade laplace": ("rnade", DataSpec((5,), "continuous"), {"components": 2, "family": "laplace", "order": "random"}),
    "rnade logistic": ("rnade", DataSpec((5,), "continuous"), {"components": 2, "family": "logistic"}),
    "made": ("made", DataSpec((7,), "binary"), {"hidden": (9,)}),
    "made deep": ("made", DataSpec((6,), "binary"), {"hidden": (8, 9, 7), "order": "random", "direct": True}),
    "made levels": ("made", DataSpec((5,), "discrete", 3), {"hidden": (9, 8), "direct": True}),
    "made continuous": ("made", DataSpec((5,), "continuous"), {"hidden": (9,), "components": 2, "order": "random"}),
    "pixel_cnn": ("pixel_cnn", GREY, {**PIXELS, "blocks": 2}),
    "pixel_cnn colours": ("pixel_cnn", COLOUR, {"channels": 12, "blocks": 1, "first_size": 5}),
    "gated": ("gated_pixel_cnn", GREY, {**PIXELS, "layers": 3, "skip_channels": 4}),
    "gated colours": ("gated_pixel_cnn", COLOUR, {**PIXELS, "layers": 2, "skip_channels": 9}),
    "pp": ("pixel_cnn_pp", DataSpec((6, 7, 1), "discrete", 8), {"channels": 4, "blocks": 1, "components": 3}),
    "pp colours": ("pixel_cnn_pp", DataSpec((5, 6, 3), "discrete", 256), {"channels": 3, "blocks": 1, "components": 2}),
    "multiscale": ("multiscale_pixel_cnn", DataSpec((12, 16, 1), "binary"), {"channels": 4, "layers": 2, "blocks": 1}),
    "multiscale colours": ("multiscale_pixel_cnn", DataSpec((6, 8, 3), "discrete", 16),
                           {"channels": 6, "layers": 2, "scales": 2, "group_channels": 4, "components": 2}),
}


def given(entry, condition):
    """A model's entry with a condition."""
    key, spec, settings = entry
    return key, DataSpec(spec.shape, spec.kind, spec.levels, condition), settings


IMAGE = DataSpec((3, 7, 2), "continuous")  # of other extents than the images that it is a condition of
CONDITIONAL = {f"{name} given a {what}": given(MODELS[name], condition) for name, what, condition in [
    *itertools.chain(*[((name, "class", CLASS), (name, "vector", VECTOR)) for name in (
        "fvsbn", "nade levels", "rnade", "made", "made levels", "pixel_cnn", "gated", "pp colours")]),
    ("made continuous", "vector of levels", DataSpec((2,), "discrete", 3)), ("nade", "bit", DataSpec((1,), "binary")),
    ("pixel_cnn colours", "picture", IMAGE), ("gated", "picture", IMAGE), ("pp", "picture", IMAGE),
    ("gated colours", "picture of its size", DataSpec((5, 6, 1), "discrete", 4)),
    ("pixel_cnn", "bit", DataSpec((1,), "binary"))]}
SPACES = {  # small enough to be enumerated
    "fvsbn": ("fvsbn", DataSpec((5,), "binary"), {"order": "random"}),
    "nade": ("nade", DataSpec((5,), "binary"), {"hidden": 4}),
    "nade levels": ("nade", DataSpec((3,), "discrete", 4), {"hidden": 4, "order": "random"}),
    "nade orderless": ("nade", DataSpec((5,), "binary"), {"hidden": 4, "orderless": True, "orderings": 3}),
    "made": ("made", DataSpec((5,), "binary"), {"hidden": (7,)}),
    "made levels": ("made", DataSpec((3,), "discrete", 4), {"hidden": (8,), "direct": True}),
    "made masks": ("made", DataSpec((5,), "binary"), {"hidden": (8, 6), "masks": 3, "direct": True}),
    "pixel_cnn": ("pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "first_size": 3, "blocks": 1}),
    "gated": ("gated_pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "first_size": 3, "layers": 2}),
    "gated colours": ("gated_pixel_cnn", DataSpec((1, 2, 3), "discrete", 3),
                      {"channels": 3, "first_size": 1, "size": 3, "layers": 2, "skip_channels": 3}),
    "pp": ("pixel_cnn_pp", DataSpec((2, 2, 1), "discrete", 4), {"channels": 3, "blocks": 1, "scales": 2}),
    "pp colours": ("pixel_cnn_pp", DataSpec((1, 2, 3), "discrete", 3), {"channels": 3, "blocks": 1, "scales": 1}),
    "multiscale": ("multiscale_pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "layers": 2, "scales": 1}),
}
CONDITIONAL_SPACES = {f"{name} given a {what}": given(SPACES[name], condition) for name, what, condition in [
    ("fvsbn", "class", CLASS), ("nade", "vector", VECTOR), ("nade orderless", "class", CLASS),
    ("made", "class", CLASS), ("made masks", "vector", VECTOR), ("pixel_cnn", "picture", IMAGE),
    ("gated", "class", CLASS), ("gated", "picture", IMAGE), ("pp", "vector", VECTOR), ("pp", "picture", IMAGE)]}


def build(key, spec, settings=None, dtype="float64", spread=0.2):
    """A model whose parameters are all drawn at random, biases too, so that nothing is zero by chance."""
    model, random = models.create(key, spec, rng=1, **(settings or {})), np.random.default_rng(2)
    model.to(dtype=dtype)
    for parameter in model.parameters():
        parameter.assign(parameter.data + spread * random.standard_normal(parameter.shape).astype(dtype))
    return model


def conditions(spec, n, seed=0):
    """A condition of each of `n` examples, all different where they can be; None for a model without."""
    condition, random = spec.condition, np.random.default_rng(seed)
    if condition is None:
        return None
    if condition.kind == "continuous":
        return random.standard_normal((n, *condition.shape))
    levels = condition.levels or 2
    if condition.dimensions == 1:
        return (np.arange(n) % levels).reshape(n, *condition.shape)
    return random.integers(0, levels, (n, *condition.shape))


def conditionals(model, x, condition):
    """The parameters of the conditionals from the parallel pass, as a list of arrays."""
    with no_grad():
        parameters = model.conditionals(x, condition)
    return [raw(array) for array in parameters] if isinstance(parameters, list) else [raw(parameters)]


def all_examples(spec):
    """Every example of a spec of integers, in the order of the number that its digits make."""
    levels = spec.levels or 2
    rows = np.array(list(itertools.product(range(levels), repeat=spec.dimensions)))
    return rows.astype(np.uint8 if levels <= 256 else np.int64).reshape(-1, *spec.shape)


def counts(x, spec):
    """How often each of `all_examples` is among `x`."""
    levels = spec.levels or 2
    digits = x.reshape(len(x), -1).astype(np.int64)
    return np.bincount(digits @ levels ** np.arange(spec.dimensions)[::-1], minlength=levels**spec.dimensions)


def loss_of(model, x, condition=None, seed=0):
    """The loss of the model's one objective on a batch."""
    (objective,) = model.objectives()
    return objective.loss(Batch(x, condition), np.random.default_rng(seed), 0)[0]


# Convolutional networks written out, for the formulas of image models


def convolve(x, layer, taps, mask=None, stride=1, bias=True):
    """Σ_t x[stride·p + tap_t] @ w_t + bias of one image `(height, width, channels)`, a position at a time.

    `taps` are those that the formula says, in raster order; `mask` `(inputs, outputs)` is for the tap (0, 0).
    """
    w, (height, width, _) = raw(layer.weight), x.shape
    assert len(taps) == len(w)
    out = np.zeros((-(-height // stride), -(-width // stride), w.shape[2]))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for t, (down, right) in enumerate(taps):
                r, c = stride * row + down, stride * column + right
                if 0 <= r < height and 0 <= c < width:
                    masked = mask is not None and (down, right) == (0, 0)
                    out[row, column] += x[r, c] @ (np.where(mask, w[t], 0) if masked else w[t])
    return out + raw(layer.bias) if bias else out


def colour_mask(inputs, outputs, colours, strict=False):
    """Which channels see which: a group for each colour sees those before it and, unless `strict`, itself."""
    before, after = np.arange(inputs) * colours // inputs, np.arange(outputs) * colours // outputs
    return before[:, None] < after if strict else before[:, None] <= after


def log_prob_of_pixels(x, logits):
    """Σ over channels of log p, from logits `(height, width, colours, 1 or levels)`."""
    if logits.shape[-1] == 1:
        return -np.logaddexp(0, -(2.0 * x - 1) * logits[..., 0]).sum()
    shifted = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return np.take_along_axis(shifted, x[..., None].astype(int), -1).sum()


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def features_at_pixels(model, condition, extents):
    """What a model's network makes of one condition: `(1, 1, channels)` or `(height, width, channels)`, written out."""
    embedding, spec = model.embedding, model.spec.condition
    if len(spec.shape) == 3:  # two convolutions of the image, read at as many places as the model's has
        image = condition if spec.kind == "continuous" else 2 * condition / ((spec.levels or 2) - 1) - 1
        rows, columns = (np.arange(here) * there // here for here, there in zip(extents, spec.shape[:2], strict=True))
        square = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
        hidden = convolve(image[rows][:, columns].astype(float), embedding.first, square)
        return convolve(relu(hidden), embedding.second, square)
    if spec.kind == "continuous":
        return (condition @ raw(embedding.weight) + raw(embedding.bias))[None, None]
    return raw(embedding.weight)[condition[0]][None, None]


def log_prob_of_mixture(x, p, components, levels):
    """log Σ_m w_m Π_c of the logistic mass in a level's bin; later colours' locations move with earlier ones."""
    rows, colours = p.reshape(-1, components), len(x)
    scaled, half, total = 2 * x / (levels - 1) - 1, 1 / (levels - 1), 0.0
    for m, w in enumerate(special.softmax(rows[0])):
        mass, row = w, 1
        for c in range(colours):
            loc = rows[row, m] + sum(np.tanh(rows[row + 2 + j, m]) * scaled[j] for j in range(c))
            scale = np.exp(max(rows[row + 1, m], -7))
            upper = 1.0 if x[c] == levels - 1 else sigmoid((scaled[c] + half - loc) / scale)
            lower = 0.0 if x[c] == 0 else sigmoid((scaled[c] - half - loc) / scale)
            mass, row = mass * (upper - lower), row + 2 + c
        total += mass
    return np.log(total)
