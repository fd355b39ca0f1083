"""Which pixels an image model's conditional depends on, by gradients."""

import numpy as np

from ..arrays import as_generator, to_numpy
from ..autograd import Tensor, grad
from ..models.autoregressive.pixels import PixelModel


def receptive_field(model, row: int, column: int, rng=0, examples: int = 8) -> np.ndarray:
    """How strongly the conditional of a pixel depends on each input, `(height, width, colours)`.

    The mean over random images of |∂(cᵀ y)/∂x|, y what an autoregressive image model says of the pixel (all its
    colours), x the image and c a random cotangent; 0 exactly where there is no dependence. Raises ValueError for a
    model that is not one network on images (a `PixelModel`), or a pixel outside the image.
    """
    if not isinstance(model, PixelModel):
        raise ValueError(f"{type(model).__name__}: expected a model whose conditionals come from one network on "
                         "images, such as pixel_cnn, to find what a pixel depends on")
    height, width, colours = model.spec.shape
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"pixel: expected a row below {height} and a column below {width}, got ({row}, {column})")
    rng, condition = as_generator(rng), model.spec.condition
    total = np.zeros((height, width, colours))
    for _ in range(examples):
        parameter = model.parameters()[0]
        x = Tensor(rng.uniform(-1, 1, (1, height, width, colours), parameter.dtype))
        label = None if condition is None else np.array([int(rng.integers(0, condition.levels))])
        y = model.network(x, model._context(1, label))
        cotangent = np.zeros(y.shape, parameter.dtype)
        cotangent[0, row, column] = rng.standard_normal(y.shape[-1], parameter.dtype)
        total += np.abs(to_numpy(grad(y, x, cotangent)))[0]
    return total / examples
