"""Matrix products that use a single thread, for loops whose threads call them."""

import contextlib
import functools
import os
import threading

from .pool import run
from .threads import _functions, _openblas_libraries

_state = {"users": 0, "threads": 1, "lock": threading.Lock()}


@contextlib.contextmanager
def one_blas_thread():
    """Within this context NumPy's matrix products use the thread that calls them and no other.

    Gives False, and changes nothing, if NumPy's BLAS is not an OpenBLAS whose threads can be set. The setting holds for
    the whole process: products of other Python threads are slower meanwhile, not wrong. Contexts may be nested, and
    several threads may use them at once.
    """
    set_number, get_number = _numpy_openblas()
    if set_number is None:
        yield False
        return
    with _state["lock"]:
        if _state["users"] == 0:
            _state["threads"] = get_number()
            if _state["threads"] != 1:
                set_number(1)
        _state["users"] += 1
    try:
        yield True
    finally:
        with _state["lock"]:
            _state["users"] -= 1
            # Another thread may have set a number meanwhile: that number is kept.
            if _state["users"] == 0 and _state["threads"] != 1 and get_number() == 1:
                set_number(_state["threads"])


def run_products(piece, n: int, grain: int) -> None:
    """`pool.run(piece, n, grain)` for a piece that calls NumPy's matrix products, which then use its thread alone.

    If the products' threads cannot be set, everything is one piece, since the pieces would fight for the cores.
    """
    with one_blas_thread() as alone:
        if alone:
            run(piece, n, grain)
        else:
            piece(0, n)


@functools.cache
def _numpy_openblas():
    paths = [path for path in _openblas_libraries() if "numpy" in path]
    return _functions(paths[-1]) if paths else (None, None)


def _forget() -> None:
    """In a forked child: the threads that were inside the context do not exist."""
    if _state["users"] and _state["threads"] != 1:
        _numpy_openblas()[0](_state["threads"])
    _state["users"], _state["lock"] = 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
