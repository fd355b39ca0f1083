"""Optimisers by name."""

import difflib
import inspect

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
        raise ValueError(f"optimizer: expected one of {', '.join(available())}, got {name!r}"
                         f"{_nearest(name, OPTIMIZERS)}")
    kind = OPTIMIZERS[name]
    valid = list(inspect.signature(kind).parameters)[1:]
    for option in options:
        if option not in valid:
            raise ValueError(f"optimizer {name}: expected options among {', '.join(valid)}, got {option!r}"
                             f"{_nearest(option, valid)}")
    return kind(parameters, **options)


def _nearest(word, valid):
    close = difflib.get_close_matches(str(word), list(valid), 1, 0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
