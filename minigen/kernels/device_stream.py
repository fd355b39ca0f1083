"""A random stream whose state is on the GPU, so that a captured step draws fresh numbers at every replay."""

import numpy as np

from ..arrays.random import Generator
from ..arrays.stream import SPLIT
from .machinery.cuda import launch


class DeviceGenerator(Generator):
    """A generator whose stream and position a GPU reads when it draws, not the host when it asks.

    `set(rng)` puts it where `rng` is. Draws then are those of `rng`, on the device alone (`xp` is cupy); `position`
    counts the words drawn since. `advance` moves the device's position on by these, so that what was captured before,
    replayed, draws the numbers that follow.
    """

    __slots__ = ()

    def __init__(self, xp):
        self.stream, self.position = xp.zeros(6, np.uint32), 0

    def set(self, rng: Generator) -> None:
        """Go to the stream and position of `rng`, which are given with the launch: nothing is copied or waited for."""
        words = [np.uint32(word) for word in rng.stream]
        launch("philox", "set_state", "float32", 1, self.stream, *words, np.uint64(rng.position))
        self.position = 0

    def advance(self) -> None:
        """Move the device's position on by the words drawn since it was set."""
        launch("philox", "advance_state", "float32", 1, self.stream, np.uint64(self.position))

    @property
    def state(self):
        raise TypeError("a generator on the device has no state on the host: keep that of the one it was set to")

    def _child(self, tweak, number):
        child = type(self).__new__(type(self))
        child.stream, child.position = self.stream.copy(), 0
        launch("philox", "child", "float32", 1, self.stream, *[np.uint32(word) for word in tweak], np.uint64(number),
               tweak is SPLIT, child.stream)
        return child

    def _values(self, kind, n_words, n, dtype, xp, *parameters):
        if xp is np:
            raise TypeError("a generator on the device makes no NumPy arrays: draw with xp, the module of the arrays "
                            "that the numbers are for")
        return super()._values(kind, n_words, n, dtype, xp, *parameters)
