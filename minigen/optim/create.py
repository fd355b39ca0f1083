"""Optimisers by name."""

import inspect

from ..protocols import nearest
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .rmsprop import RMSProp
from .sgd import SGD

OPTIMIZERS = {"adam": Adam, "adamw": AdamW, "rmsprop": RMSProp, "sgd": SGD}


def available() -> list[str]:
    """The names that `create` knows."""
    return sorted(OPTIMIZERS)


def create(name: str, parameters, **options) -> Optimizer:
    """The optimiser `name` for `parameters` (as in `Optimizer`) with the options of its class.

    Raises ValueError for an unknown name or option, with the nearest valid one.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer: unknown name {name!r}{nearest(name, OPTIMIZERS)}")
    kind = OPTIMIZERS[name]
    valid = list(inspect.signature(kind).parameters)[1:]
    for option in options:
        if option not in valid:
            raise ValueError(f"optimizer {name}: unknown option {option!r}{nearest(option, valid)}")
    return kind(parameters, **options)
