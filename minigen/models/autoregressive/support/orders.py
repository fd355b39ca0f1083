"""Orders of the variables."""

import numpy as np

from ....arrays import Generator, as_generator

MASKS = 1  # the stream of random numbers, of the order's seed, from which several masks and their orders are drawn


def variable_order(variables: int, order: str, seed: int) -> np.ndarray:
    """The numbers of the variables in the order in which they are drawn: "natural", or "random" by the seed."""
    return np.arange(variables) if order == "natural" else as_generator(seed).permutation(variables)


def mask_stream(seed: int) -> Generator:
    """The random numbers that draw several masks and their orders."""
    return Generator(seed).fold_in(MASKS)
