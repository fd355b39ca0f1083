"""Compiling kernels with numba, on first use.

`@loop` marks a function that numba compiles when it is first called; loops may call each other. Compiled code is kept
in a cache folder. The folder's name is a hash of all kernel sources, so that an edit anywhere starts a new one. If no
folder can be written to, every process compiles for itself.
"""

import functools
import os
import sys
import threading
import types
from pathlib import Path

from ...arrays.memory import keep_freed_memory

# Everything but the assumption that there are no NaNs and infinities.
FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}
_lock = threading.RLock()


class Loop:
    """A function that is compiled when first called, on its own (no interpreter lock) and for each dtype."""

    def __init__(self, function, options):
        self.function, self.options, self.fast = function, options, None
        functools.update_wrapper(self, function)

    def __call__(self, *args):
        return (self.fast or self.compile())(*args)

    def compile(self):
        """The compiled function."""
        with _lock:
            if self.fast is None:
                self.fast = _compile(self.function, self.options)
        return self.fast


class Builtin:
    """Something for compiled loops to use that can be made only after numba is imported."""

    def __init__(self, build):
        self.build, self.made = build, None
        functools.update_wrapper(self, build)

    def compile(self):
        """What `build` makes, made once."""
        with _lock:
            if self.made is None:
                self.made = self.build()
        return self.made


def loop(function=None, **options):
    """Compile the function with numba when it is first called; `options` go to numba beside those set here."""
    return Loop(function, options) if function is not None else lambda f: Loop(f, options)


def _compile(function, options):
    import numba

    keep_freed_memory()  # one pass over a large new array takes twice as long when the system has to clear it first
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        if isinstance(names.get(name), Loop | Builtin):
            names[name] = names[name].compile()
    clone = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    clone.__module__, clone.__qualname__ = function.__module__, function.__qualname__
    options = {"nogil": True, "error_model": "numpy", "fastmath": FASTMATH, **options}
    folder = cache_folder()
    if folder is None:
        return numba.njit(clone, **options)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        return numba.njit(clone, cache=True, **options)
    except RuntimeError:  # numba finds that it cannot write there after all
        return numba.njit(clone, **options)
    finally:
        numba.config.CACHE_DIR = before


@functools.cache
def cache_folder() -> Path | None:
    """The folder for compiled kernels, or None if it cannot be written to.

    It lies in the folder that MINIGEN_CACHE names, or else in the user's cache folder.
    """
    base = os.environ.get("MINIGEN_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "minigen")
    folder = Path(base) / f"kernels-{_source_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}-{threading.get_ident()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    return folder


def _source_hash() -> str:
    import hashlib  # here, since it takes longer to import than the rest of this file together

    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _locks():
    """Our lock, and numba's if numba is imported: a fork waits for both, or its child would see them held for ever."""
    locks = [_lock]
    if "numba" in sys.modules:
        from numba.core.compiler_lock import global_compiler_lock

        locks.append(global_compiler_lock)
    return locks


def _before_fork():
    _held.append(_locks())
    for lock in _held[-1]:
        lock.acquire()


def _after_fork():
    for lock in reversed(_held.pop()):
        lock.release()


_held = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
