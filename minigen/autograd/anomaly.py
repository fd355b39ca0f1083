"""`detect_anomaly`: find the op, and the line of code, that first made a NaN or an infinity."""

import contextlib
import linecache
import os
import sys

from .tensor import Node, modes, raw

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ENGINE = tuple(_PACKAGE + folder + os.sep for folder in ("autograd", "ops", "kernels")) + (contextlib.__file__,)


class AnomalyError(FloatingPointError):
    """An op made a NaN or an infinity. `op` is its name, `line` where it was called, `backward` in which pass."""

    def __init__(self, message: str, op: str, line: str, backward: bool):
        super().__init__(message)
        self.op, self.line, self.backward = op, line, backward


class TracedNode(Node):
    """A node that remembers the line of code that made it."""

    __slots__ = ("line",)

    def __init__(self, *fields):
        super().__init__(*fields)
        self.line = calling_line()


@contextlib.contextmanager
def detect_anomaly():
    """Within this context (and this thread) the first op to make a NaN or infinity raises `AnomalyError`.

    In the forward pass it is raised at once, in a sweep it names the line that recorded the op. Every op is checked and
    traced, so this is slow.
    """
    before = modes.recording, modes.anomaly, modes.observer
    modes.set(modes.recording, True, modes.observer)
    try:
        yield
    finally:
        modes.set(*before)


def calling_line() -> str:
    """The innermost line outside the engine and, if that is within minigen, the user's line that led there."""
    lines, frame = [], sys._getframe(1)
    while frame is not None:
        path, number = frame.f_code.co_filename, frame.f_lineno
        user = not path.startswith(_PACKAGE)
        if not path.startswith(_ENGINE) and (user or not lines):
            lines.append(f"{path}:{number}: {linecache.getline(path, number).strip()}".rstrip(": "))
            if user:
                break
        frame = frame.f_back
    return ", called from ".join(lines)


def is_finite(value) -> bool:
    """Whether an array has neither NaN nor infinity; data that are not floating are finite."""
    value = raw(value)
    if getattr(value, "dtype", None) is None or value.dtype.kind != "f":
        return True
    return bool((abs(value) < float("inf")).all())  # false for NaN too; needs no array module


def check_forward(op: str, inputs, outputs) -> None:
    """Raise AnomalyError if `outputs` are not finite, saying whether an input was already not."""
    if not all(is_finite(y) for y in outputs):
        bad = [i for i, x in enumerate(inputs) if not is_finite(x)]
        cause = f"was given a NaN or infinity as input {bad[0]}" if bad else "made a NaN or infinity of finite inputs"
        line = calling_line()
        raise AnomalyError(f"op {op} {cause}, at {line}", op, line, backward=False)


def check_backward(node, cotangents) -> None:
    """Raise AnomalyError if a cotangent that the node's rule returned is not finite."""
    for i, g in enumerate(cotangents):
        if g is not None and not is_finite(g):
            op, line = node.primitive.name, node.line or "a line not traced: record the graph in detect_anomaly too"
            raise AnomalyError(f"the gradient of op {op} became a NaN or infinity for input {i}; the op was called at "
                               f"{line}", op, line, backward=True)
