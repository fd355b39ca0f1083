"""`Head`: the output distribution of a network."""

import numpy as np

from ...arrays import as_generator
from ...distributions import Distribution
from ...kernels.heads import Draw
from ...layers import Module
from .codes import Number


class Head(Module):
    """Turns the last axis of a network's output into a distribution, draws from it, and codes its values.

    A subclass has

    - `width`: how many numbers of the output one value takes;
    - `event_shape`: the shape of one value, `()` for a number, `(colours,)` for a pixel;
    - `levels`: how many integers a value may be, 0 for real numbers;
    - `draw`: its compiled draw, a `kernels.heads.Draw`;
    - `code`: how a value goes into a network (see `codes.py`);

    and defines `_distribution`, `settings` and, unless it draws from uniform numbers, `noise`. A head without
    parameters of its own adds nothing to a model's state.

    The temperature T is 1 for the distribution itself. Logits are divided by T, as in language models, and scales
    multiplied by T, as Kingma and Dhariwal ("Glow", 2018, section 6) do with a flow's prior; mixtures do both. As T
    falls to 0 draws become the likeliest value, of a mixture the location of its likeliest component.
    """

    width: int
    event_shape: tuple[int, ...] = ()
    levels = 0
    draw: Draw
    code = Number()

    def distribution(self, parameters, event_ndim: int | None = None, temperature: float = 1.0) -> Distribution:
        """The distribution of values `(*shape, *event_shape)`, from parameters `(*shape, width)`.

        The last `event_ndim` axes of the values are one event, whose log-density is the sum over them; by default those
        of `event_shape`. Of Tensors the log-density is differentiable. Raises ValueError for parameters of another
        width, for an `event_ndim` that does not fit, and for a temperature that is not above 0.
        """
        if not parameters.shape or parameters.shape[-1] != self.width:
            raise ValueError(f"parameters: expected shape (..., {self.width}), got {parameters.shape}")
        least = len(self.event_shape)
        most = len(self.event_shape) + len(parameters.shape) - 1
        event_ndim = least if event_ndim is None else event_ndim
        if not least <= event_ndim <= most:
            raise ValueError(f"event_ndim: expected {least} … {most}, got {event_ndim}")
        if not temperature > 0:
            raise ValueError(f"temperature: expected a number above 0, got {temperature!r}")
        return self._distribution(parameters, event_ndim, temperature)

    def noise(self, rng, shape: tuple[int, ...], dtype) -> np.ndarray:
        """What `draw` makes values of: random numbers `(*shape, n)`."""
        return rng.random((*shape, 1), dtype)

    def settings(self, temperature: float) -> list[float]:
        """The settings of `draw`, the temperature first."""
        return [temperature]

    def sample(self, parameters: np.ndarray, rng, temperature: float = 1.0) -> np.ndarray:
        """Draw values `(*shape, *event_shape)` from NumPy parameters `(*shape, width)`, by the array code of `draw`.

        A temperature of 0 gives the likeliest values.
        """
        shape = parameters.shape[:-1]
        noise = self.noise(as_generator(rng), shape, parameters.dtype)
        rows = parameters.reshape(-1, self.width)
        drawn = self.draw.array(rows, noise.reshape(len(rows), -1), np.asarray(self.settings(temperature), rows.dtype))
        return self.values(drawn).reshape(*shape, *self.event_shape)

    def values(self, x: np.ndarray) -> np.ndarray:
        """Drawn numbers in the dtype of values: integers as uint8, or int64 where a byte is too small."""
        if self.levels == 0:
            return x
        return x.astype(np.uint8 if self.levels <= 256 else np.int64)

    def codes(self, dtype) -> np.ndarray:
        """The code of each integer, `(levels, channels)`; no rows for real numbers, which are their own code."""
        return self.code(np.arange(self.levels), dtype) if self.levels else np.zeros((0, 1), dtype)
