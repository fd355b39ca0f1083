"""Batches in random order, epoch after epoch, from a position that can be saved and restored."""

import numpy as np

from ..arrays import Generator, as_generator
from ..arrays.stream import check_integer

# Children of an epoch's generator: one for the order, the rest for the batches' transforms.
_ORDER = 0
_FIRST_BATCH = 1


class Loader:
    """Iterating gives the batches of one epoch: rows of `x` in random order, each row once.

    `x` is an array with rows, or a tuple of such of one length, whose batches are then tuples. `rng` is a
    generator (one child is split from it) or a seed. `transform(batch, rng)` is applied to every batch with a
    generator of that batch's own. With `drop_last` a last batch of fewer rows is left out.

    The order of epoch e and the randomness of its batches depend on the generator and e alone, so a position
    is two integers. A loop that was left goes on where it stopped when it is entered again; so does a new
    Loader given the `state` of another. Raises TypeError or ValueError for arguments out of range.
    """

    def __init__(self, x, batch_size: int, rng, shuffle=True, drop_last=False, transform=None):
        arrays = x if isinstance(x, tuple) else (x,)
        if not arrays or not all(isinstance(array, np.ndarray) and array.ndim >= 1 for array in arrays):
            raise TypeError("x: expected an array with rows, or a tuple of such")
        if len({len(array) for array in arrays}) != 1 or len(arrays[0]) == 0:
            raise ValueError(f"x: expected arrays of one length above 0, got {[len(array) for array in arrays]}")
        batch_size = check_integer("batch_size", batch_size, 1)
        if drop_last and batch_size > len(arrays[0]):
            raise ValueError(f"batch_size: expected at most the {len(arrays[0])} rows, got {batch_size}")
        self.x, self.batch_size, self.shuffle, self.drop_last = x, batch_size, bool(shuffle), bool(drop_last)
        self.transform = transform
        self.rows = len(arrays[0])
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
        order = rng.fold_in(_ORDER).permutation(self.rows) if self.shuffle else np.arange(self.rows)
        while self._epoch == epoch:
            number = self._position
            # Before the batch is handed out, so that a state saved while it is used points behind it.
            last = number + 1 == len(self)
            self._epoch, self._position = (epoch + 1, 0) if last else (epoch, number + 1)
            rows = order[number * self.batch_size : (number + 1) * self.batch_size]
            batch = tuple(array[rows] for array in self.x) if isinstance(self.x, tuple) else self.x[rows]
            if self.transform is not None:
                batch = self.transform(batch, rng.fold_in(_FIRST_BATCH + number))
            yield batch

    @property
    def state(self) -> dict:
        """Epoch, position and generator as a dict that JSON can hold; assign such a dict to go there."""
        return {"epoch": self._epoch, "position": self._position, "generator": self._rng.state}

    @state.setter
    def state(self, value: dict):
        if not isinstance(value, dict) or set(value) != {"epoch", "position", "generator"}:
            raise ValueError(f"state: expected a dict of epoch, position and generator, got {value!r}")
        epoch = check_integer("state: epoch", value["epoch"], 0, 2**64 - 1)
        position = check_integer("state: position", value["position"], 0, len(self) - 1)
        self._rng = Generator.from_state(value["generator"])
        self._epoch, self._position = epoch, position
