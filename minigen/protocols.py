"""What an example is (`DataSpec`), and which valid name a mistyped one resembles (`nearest`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

KINDS = ("binary", "discrete", "continuous")


@dataclass(frozen=True)
class DataSpec:
    """The shape and kind of one example, and of the condition c when a model is p(x | c).

    `shape` is the shape of one example without the batch axis: `(height, width, channels)`, `(time, channels)` or
    `(columns,)`. `kind` is `"binary"` (values 0 and 1), `"discrete"` (integers 0 … levels-1), `"continuous"`
    (real numbers), or a tuple of these with one entry per column of a table. `levels` is given exactly when a
    kind is discrete: one integer, or for a table a tuple with None where a column is not discrete.

    Raises TypeError or ValueError for anything else.
    """

    shape: tuple[int, ...]
    kind: str | tuple[str, ...]
    levels: int | tuple[int | None, ...] | None = None
    condition: DataSpec | None = None

    def __post_init__(self):
        if isinstance(self.shape, (str, bytes)) or not isinstance(self.shape, Sequence):
            raise TypeError(f"DataSpec shape: expected a tuple of integers, got {self.shape!r}")
        if not all(isinstance(extent, int) and not isinstance(extent, bool) and extent > 0 for extent in self.shape):
            raise ValueError(f"DataSpec shape: expected positive integers, got {tuple(self.shape)!r}")
        object.__setattr__(self, "shape", tuple(self.shape))
        if isinstance(self.kind, str):
            _check_kind(self.kind, self.levels)
        else:
            self._check_columns()
        if self.condition is not None and not isinstance(self.condition, DataSpec):
            raise TypeError(f"DataSpec condition: expected a DataSpec or None, got {type(self.condition).__name__}")

    def _check_columns(self):
        kinds = tuple(self.kind)
        levels = tuple(self.levels) if isinstance(self.levels, Sequence) else (self.levels,) * len(kinds)
        if self.shape != (len(kinds),):
            raise ValueError(f"DataSpec kind: {len(kinds)} columns need shape ({len(kinds)},), got {self.shape}")
        if len(levels) != len(kinds):
            raise ValueError(f"DataSpec levels: expected one per column ({len(kinds)}), got {len(levels)}")
        levels = tuple(level if kind == "discrete" else None for kind, level in zip(kinds, levels, strict=True))
        for kind, level in zip(kinds, levels, strict=True):
            _check_kind(kind, level)
        object.__setattr__(self, "kind", kinds)
        object.__setattr__(self, "levels", levels)

    @property
    def dimensions(self) -> int:
        """How many numbers one example has: the product of `shape`."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        kinds = self.kind if isinstance(self.kind, str) else ", ".join(dict.fromkeys(self.kind))
        levels = f" (0 to {self.levels - 1})" if isinstance(self.levels, int) else ""
        given = "" if self.condition is None else f", given {self.condition}"
        return f"{kinds} data{levels} of shape {self.shape}{given}"

    def to_json(self) -> dict:
        """The spec as plain dictionaries, lists, strings and numbers."""
        as_list = list if isinstance(self.kind, tuple) else lambda value: value
        return {
            "shape": list(self.shape),
            "kind": as_list(self.kind),
            "levels": None if self.levels is None else as_list(self.levels),
            "condition": None if self.condition is None else self.condition.to_json(),
        }

    @classmethod
    def from_json(cls, value: dict) -> DataSpec:
        """The spec that `to_json` wrote; ValueError when `value` is anything else."""
        if not isinstance(value, dict) or set(value) != {"shape", "kind", "levels", "condition"}:
            raise ValueError(f"DataSpec: expected keys shape, kind, levels and condition, got {value!r}")
        as_tuple = lambda entry: tuple(entry) if isinstance(entry, list) else entry  # noqa: E731
        condition = None if value["condition"] is None else cls.from_json(value["condition"])
        return cls(as_tuple(value["shape"]), as_tuple(value["kind"]), as_tuple(value["levels"]), condition)


def _check_kind(kind, levels):
    if kind not in KINDS:
        raise ValueError(f"DataSpec kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind != "discrete" and levels is not None:
        raise ValueError(f"DataSpec levels: only discrete data have levels, got {levels!r} for {kind} data")
    if kind == "discrete" and (not isinstance(levels, int) or isinstance(levels, bool) or levels < 2):
        raise ValueError(f"DataSpec levels: discrete data need an integer of at least 2, got {levels!r}")


def nearest(name, valid: Iterable[str]) -> str:
    """The words that follow an unknown name in an error: the valid name that it resembles, or else all of them."""
    import difflib  # only an error needs it

    close = difflib.get_close_matches(str(name), list(valid), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; valid: {', '.join(sorted(valid))}"
