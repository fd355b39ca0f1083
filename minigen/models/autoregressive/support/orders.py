"""Orders of the variables."""

import numpy as np

from ....arrays import Generator, as_generator
from ....arrays.checks import integer, one_of

MASKS = 1  # the stream of random numbers, of the order's seed, from which several masks and their orders are drawn


def check_order(order, seed) -> None:
    """Raises ValueError or TypeError unless `order` is "natural" or "random", and `seed` an integer of at least 0."""
    one_of("order", order, ("natural", "random"))
    integer("order_seed", seed, 0)


def variable_order(variables: int, order: str, seed: int) -> np.ndarray:
    """The numbers of the variables in the order in which they are drawn: "natural", or "random" by the seed."""
    return np.arange(variables) if order == "natural" else as_generator(seed).permutation(variables)


def mask_stream(seed: int) -> Generator:
    """The random numbers that draw several masks and their orders."""
    return Generator(seed).fold_in(MASKS)
