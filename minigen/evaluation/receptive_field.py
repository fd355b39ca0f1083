"""The pixels that a conditional of an image model depends on, by gradients."""

import numpy as np

from ..arrays import as_generator, to_numpy
from ..autograd import Tensor, grad
from .identity_checks import random_example


def receptive_field(model, row: int, column: int, rng=0, examples: int = 8) -> np.ndarray:
    """How strongly the conditional of a pixel depends on the inputs, `(height, width, colours)`.

    This is the mean over random images x of |∂(cᵀ y)/∂x|. y are the parameters of the pixel's conditional (of all its
    colours), and c is a random cotangent. The result is exactly 0 for inputs that y does not depend on. Raises
    ValueError for a model that does not offer `conditionals_of_inputs` on images, and for a pixel outside the image.
    """
    if not model.offers("conditionals_of_inputs") or len(model.spec.shape) != 3:
        raise ValueError(f"{model.name}: expected a model whose conditionals come from one network on "
                         "images, such as pixel_cnn, to find what a pixel depends on")
    height, width, colours = model.spec.shape
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(f"pixel: expected a row below {height} and a column below {width}, got ({row}, {column})")
    rng, total = as_generator(rng), np.zeros((height, width, colours))
    for _ in range(examples):
        x = Tensor(rng.uniform(-1, 1, (1, height, width, colours), model.dtype))
        condition = None if model.spec.condition is None else random_example(model.spec.condition, rng)
        y = model.conditionals_of_inputs(x, condition)
        cotangent = np.zeros(y.shape, model.dtype)
        cotangent[0, row, column] = rng.standard_normal(y.shape[3:], model.dtype)
        total += np.abs(to_numpy(grad(y, x, cotangent)))[0]
    return total / examples
