"""Conditions as rows of features: what a fully connected network takes beside an example."""

from ...arrays import array_module
from ...autograd import Tensor


def condition_width(spec) -> int:
    """How many features a condition has, by its `DataSpec` (None: 0): one for each number, or each of its levels."""
    if spec is None:
        return 0
    return spec.dimensions * (spec.levels if spec.kind == "discrete" else 1)


def condition_rows(model, condition, n: int):
    """The conditions of `n` examples as rows of the model's dtype, `(n, condition_width)`, or None without a condition.

    A discrete number becomes as many numbers as it has levels, 1 at its own and 0 elsewhere; others stay as they are.
    Raises ValueError as `Model.check_condition` does.
    """
    condition, spec = model.check_condition(condition, n), model.spec.condition
    if condition is None:
        return None
    rows = condition.reshape(n, -1)
    if spec.kind == "discrete":
        rows = rows[:, :, None] == array_module(rows).arange(spec.levels)
    if isinstance(rows, Tensor):
        return rows
    return rows.reshape(n, -1).astype(model.dtype)
