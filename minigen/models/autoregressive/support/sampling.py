"""What a sampler is asked for: checked arguments, and the options of `sample`."""

import functools
from dataclasses import dataclass

import numpy as np

from ....arrays import Generator, as_generator, to_numpy
from ....arrays.checks import non_negative_number, positive_integer
from ....autograd import no_grad, raw
from ...batches import are_levels


@dataclass(frozen=True)
class Options:
    """`temperature` T: logits are divided by T, scales of real numbers and of pixels multiplied by T.

    1 is the model's distribution. Below 1 samples are likelier and less varied; 0 takes the likeliest value at each
    step (of a mixture, the location of its likeliest component). See `models/heads/head.py`.
    """

    temperature: float = 1.0

    def __post_init__(self):
        non_negative_number("temperature", self.temperature)


@dataclass(frozen=True)
class Request:
    """What a sampler is asked for.

    - `n`: how many examples; `rng`: the source of noise; `temperature`: as in `Options`;
    - `condition`: `(n, *spec.condition.shape)`, or None;
    - `values`, `observed`: `(n, *spec.shape)`; a value is kept where `observed` is true. `given` says whether any is.
    """

    n: int
    rng: Generator
    condition: np.ndarray | None
    values: np.ndarray
    observed: np.ndarray
    given: bool
    temperature: float

    def of(self, rows) -> "Request":
        """The request for some of the examples, with the same source of noise."""
        condition = None if self.condition is None else self.condition[rows]
        return Request(len(rows), self.rng, condition, self.values[rows], self.observed[rows], self.given,
                       self.temperature)


def sampler(draw):
    """Decorator of a method `draw(self, request)`: it then takes what `sample` takes, and checks it.

    The sampler runs on the CPU and records no graph. Of a model on a GPU a copy on the CPU draws, and the results are
    brought to the GPU.
    """
    @functools.wraps(draw)
    def checked(self, n, rng, condition=None, given=None, **options):
        n = positive_integer("n", n)
        if self.xp is not np:
            twin = type(self)(self.spec, self.config, rng=0).to(dtype=self.dtype)
            twin.load_state_dict(self.state_dict())
            condition = None if condition is None else to_numpy(raw(condition))
            x, parameters = twin.draw(n, rng, condition, given, **options)
            several = isinstance(parameters, list)
            on_device = [self.xp.asarray(array) for array in (parameters if several else [parameters])]
            return self.xp.asarray(x), on_device if several else on_device[0]
        temperature = self.sampling_options(options).temperature
        shape = (n, *self.spec.shape)
        if given is None:
            values = np.zeros(shape)
            observed = np.zeros(shape, bool)
        else:
            values, observed = self.check_given(n, given)
        with no_grad():
            request = Request(n, as_generator(rng), self.check_condition(condition, n), values, observed,
                              given is not None, temperature)
            return draw(self, request)

    return checked


def check_given_values(spec, n: int, given):
    """`(values, observed)`, both `(n, *spec.shape)`; values that are not observed are 0.

    Raises ValueError for anything but a pair of arrays, for other shapes and for observed values out of range, and
    TypeError for an `observed` that is not boolean.
    """
    shape = (n, *spec.shape)
    try:
        values, observed = given
        values = np.broadcast_to(to_numpy(raw(values)), shape)
        observed = np.broadcast_to(to_numpy(raw(observed)), shape)
    except (TypeError, ValueError):
        raise ValueError(f"given: expected a pair (values, observed), each of shape {spec.shape} or {shape}") from None
    if observed.dtype != bool:
        raise TypeError(f"given: expected observed to be booleans, got {observed.dtype}")
    kept = values[observed]
    if kept.size and spec.kind == "continuous" and not np.isfinite(kept).all():
        raise ValueError("given: expected finite numbers where observed, got NaN or infinity")
    levels = 2 if spec.kind == "binary" else spec.levels
    if kept.size and spec.kind != "continuous" and not are_levels(kept, levels):
        raise ValueError(f"given: expected integers 0 to {levels - 1}, got values from {kept.min()} to {kept.max()}")
    return np.where(observed, values, 0), observed  # what is not observed may be NaN


def check_whole_pixels(observed):
    """Raises ValueError if only some colours of a pixel are observed, booleans `(…, colours)`."""
    if (observed != observed[..., :1]).any():
        raise ValueError("given: expected all colours of a pixel to be observed, or none: they share a component")
