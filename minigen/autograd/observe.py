"""`observe`: see every op on Tensors as it happens."""

import contextlib

from .tensor import modes


@contextlib.contextmanager
def observe(callback):
    """Within this context (and this thread) `callback(primitive, inputs, static, outputs)` follows each op on Tensors.

    Inputs are Tensors, arrays or numbers as they came, outputs Tensors; ops on plain arrays alone are not seen.
    """
    before = modes.recording, modes.anomaly, modes.observer
    modes.set(modes.recording, modes.anomaly, callback)
    try:
        yield
    finally:
        modes.set(*before)
