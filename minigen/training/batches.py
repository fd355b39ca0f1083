"""Batches: an array of examples, or for a model that learns from labels a pair of examples and labels."""

from ..arrays import to_device


def examples(batch):
    """The examples of a batch without their labels."""
    return batch[0] if isinstance(batch, tuple) else batch


def count(batch) -> int:
    """How many examples a batch has."""
    return len(examples(batch))


def cut(batch, pieces: int) -> list:
    """A batch in at most `pieces` parts of one size (the last may be smaller), in order."""
    size = -(-count(batch) // pieces)
    return [_each(batch, lambda array, start=start: array[start : start + size])
            for start in range(0, count(batch), size)]


def on_device(batch, device):
    """A batch with its arrays on a device."""
    return _each(batch, lambda array: to_device(array, device))


def _each(batch, function):
    return tuple(function(array) for array in batch) if isinstance(batch, tuple) else function(batch)
