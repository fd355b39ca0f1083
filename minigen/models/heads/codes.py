"""How values go into a network: functions of values `(*shape)` that give numbers `(*shape, channels)`."""

from dataclasses import dataclass

from ... import ops
from ...arrays import array_module
from ...autograd import raw


@dataclass(frozen=True)
class Number:
    """A value as the number that it is: 0, 1 or a real number."""

    channels: int = 1

    def __call__(self, x, dtype):
        """`(*shape, 1)`."""
        x = x if x.dtype == dtype else ops.astype(x, dtype)
        return ops.reshape(x, (*x.shape, 1))


@dataclass(frozen=True)
class OneHot:
    """An integer 0 … levels - 1 as a row of zeros with a one at its place."""

    levels: int

    @property
    def channels(self) -> int:
        """One for each level."""
        return self.levels

    def __call__(self, x, dtype):
        """`(*shape, levels)`."""
        x = raw(x)
        return (x[..., None] == array_module(x).arange(self.levels)).astype(dtype)


@dataclass(frozen=True)
class Scaled:
    """An integer 0 … levels - 1 as a number from -1 to 1."""

    levels: int
    channels: int = 1

    def __call__(self, x, dtype):
        """`(*shape, 1)`."""
        return (raw(x).astype(dtype) * (2 / (self.levels - 1)) - 1)[..., None]
