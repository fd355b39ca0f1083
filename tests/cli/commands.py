"""Running the command line in a process of its own, on one processor thread."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def environment():
    """Of a process that finds this checkout's package; one thread, since the machine may be busy."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def start(*words, cwd, **options):
    """Start `python -m minigen words…`."""
    return subprocess.Popen(
        [sys.executable, "-m", "minigen", *map(str, words)], cwd=cwd, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )


def run(*words, cwd, **options):
    """Run `python -m minigen words…` to its end: (exit code, output, errors)."""
    process = start(*words, cwd=cwd, **options)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors
