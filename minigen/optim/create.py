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


def create(name: str, parameters, **settings) -> Optimizer:
    """The optimiser `name` for `parameters` (as in `Optimizer`), with the settings of its class by their names.

        optim.create("adam", model, learning_rate=2e-4, betas=(0.5, 0.9))

    Raises ValueError for an unknown name or setting, with the one that it resembles or else all valid ones, and
    TypeError or ValueError for the value of a setting, as the class does.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer: unknown name {name!r}{nearest(name, OPTIMIZERS)}")
    kind = OPTIMIZERS[name]
    valid = list(inspect.signature(kind).parameters)[1:]
    for setting in settings:
        if setting not in valid:
            raise ValueError(f"optimizer {name}: unknown option {setting!r}{nearest(setting, valid)}")
    return kind(parameters, **settings)
