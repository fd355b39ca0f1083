"""Batches in random order, epoch after epoch, from a position that can be saved and restored."""

import numpy as np

from ..arrays import Generator, as_generator
from ..arrays.checks import integer, positive_integer
from .batch import Batch, as_batch
from .streams import FIRST_BATCH, ORDER


class Loader:
    """Iterating gives the batches of one epoch, each a `Batch`: the examples in random order, each once.

    `examples` is an array with rows, or a `Batch` of NumPy arrays, whose entries stay together. `rng` is a generator
    (one child is split from it) or a seed. `transform(x, rng)` is applied to the examples of every batch with a
    generator that only this batch has. With `drop_last` a last batch of fewer rows is left out.

    The order of epoch e and the randomness of its batches depend on the generator and e alone, so a position
    is two integers. A loop that was left goes on where it stopped when it is entered again; so does a new
    Loader given the `state` of another. Raises TypeError or ValueError for arguments out of range.
    """

    def __init__(self, examples, batch_size: int, rng, shuffle=True, drop_last=False, transform=None):
        examples = as_batch(examples)
        for array in examples.arrays():
            if array is not None and not (isinstance(array, np.ndarray) and array.ndim >= 1):
                raise TypeError(f"examples: expected arrays with rows, got {type(array).__name__}")
        if not isinstance(examples.x, np.ndarray):
            raise TypeError(f"examples: expected an array with rows, got {type(examples.x).__name__}")
        if len(examples) == 0:
            raise ValueError("examples: expected at least one, got 0")
        batch_size = positive_integer("batch_size", batch_size)
        if drop_last and batch_size > len(examples):
            raise ValueError(f"batch_size: expected at most the {len(examples)} rows, got {batch_size}")
        self.examples, self.batch_size = examples, batch_size
        self.shuffle, self.drop_last = bool(shuffle), bool(drop_last)
        self.transform = transform
        self.rows = len(examples)
        self._rng = as_generator(rng).split()
        self._epoch, self._position = 0, 0

    def __len__(self):
        """How many batches an epoch has."""
        return self.rows // self.batch_size if self.drop_last else -(-self.rows // self.batch_size)

    @property
    def epoch(self) -> int:
        """The epoch of the next batch, from 0."""
        return self._epoch

    @property
    def position(self) -> int:
        """The number of the next batch in its epoch, from 0."""
        return self._position

    def __iter__(self):
        epoch = self._epoch
        rng = self._rng.fold_in(epoch)
        order = rng.fold_in(ORDER).permutation(self.rows) if self.shuffle else np.arange(self.rows)
        while self._epoch == epoch:
            number = self._position
            # Before the batch is handed out, so that a state saved while it is used points behind it.
            last = number + 1 == len(self)
            self._epoch, self._position = (epoch + 1, 0) if last else (epoch, number + 1)
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self._batch(rows, rng.fold_in(FIRST_BATCH + number))

    def random_batch(self, rng) -> Batch:
        """A batch of examples drawn at random without repetition, which the order and the position know nothing of."""
        rng = as_generator(rng)
        rows = rng.fold_in(ORDER).permutation(self.rows)[: self.batch_size]
        return self._batch(rows, rng.fold_in(FIRST_BATCH))

    def _batch(self, rows, rng):
        batch = self.examples[rows]
        return batch if self.transform is None else batch.replace(x=self.transform(batch.x, rng))

    @property
    def state(self) -> dict:
        """Epoch, position and generator as a dict that JSON can hold; assign such a dict to go there."""
        return {"epoch": self._epoch, "position": self._position, "generator": self._rng.state}

    @state.setter
    def state(self, value: dict):
        if not isinstance(value, dict) or set(value) != {"epoch", "position", "generator"}:
            raise ValueError(f"state: expected a dict of epoch, position and generator, got {value!r}")
        epoch = integer("state: epoch", value["epoch"], 0, 2**64 - 1)
        position = integer("state: position", value["position"], 0, len(self) - 1)
        self._rng = Generator.from_state(value["generator"])
        self._epoch, self._position = epoch, position
