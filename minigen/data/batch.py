"""`Batch`: some examples, and what comes with each of them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples `x` `(n, *shape)`, and arrays of `n` rows that say more of them; None where there is nothing to say.

    - `condition` is c in p(x | c): what a conditional model is given, `(n, *condition_shape)`.
    - `labels` are the classes that a classifier or a semi-supervised model learns from, integers `(n,)`; -1 is a label
      that is missing.
    - `observed` is False where a value of `x` is missing; booleans of the shape of `x`.
    - `length` says how many steps of each sequence count, integers `(n,)`.

    The arrays are NumPy's, CuPy's or Tensors. Raises ValueError if one of them has another number of rows than `x`.
    """

    x: Any
    condition: Any = None
    labels: Any = None
    observed: Any = None
    length: Any = None

    def __post_init__(self):
        for name, array in self.present(*NAMES[1:]).items():
            if len(array) != len(self.x):
                raise ValueError(f"{name}: expected {len(self.x)} rows, one for each example, got {len(array)}")

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        """The batch of these rows: a slice, an array of row numbers or of booleans."""
        return self.map(lambda array: array[rows])

    def map(self, function: Callable) -> "Batch":
        """The batch with `function` applied to each array that is there."""
        return Batch(*[None if array is None else function(array) for array in self.arrays()])

    def present(self, *names: str) -> dict:
        """Those arrays of these names that are there, by name: keywords for a method that takes them."""
        return {name: array for name in names if (array := getattr(self, name)) is not None}

    def arrays(self) -> tuple:
        """All five entries in the order of the fields, None for one that is not there."""
        return self.x, self.condition, self.labels, self.observed, self.length

    def replace(self, **entries) -> "Batch":
        """The batch with other entries under these names."""
        return dataclasses.replace(self, **entries)


NAMES = tuple(field.name for field in dataclasses.fields(Batch))
GIVEN = ("condition", "observed", "length")  # what the densities and bounds of a model may have as arguments


def as_batch(x) -> Batch:
    """A Batch as it is; an array of examples as a Batch with nothing beside them."""
    return x if isinstance(x, Batch) else Batch(x)
