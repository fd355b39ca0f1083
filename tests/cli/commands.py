"""Running the command line: in a process of its own, on one processor thread, or in this process."""

import os
import subprocess
import sys
from pathlib import Path

from minigen.cli import main
from minigen.training import Run, read_checkpoint

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


def command(capsys, *words):
    """(exit code, output, errors) of the command in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def done(capsys, *words):
    """What a command prints, that must end well and without a word of complaint."""
    code, output, errors = command(capsys, *words)
    assert (code, errors) == (0, ""), errors
    return output


def mistake(capsys, *words):
    """The one line with which a command must end."""
    code, output, errors = command(capsys, *words)
    assert code == 2 and errors.startswith("minigen: ") and errors.count("\n") == 1 and not output, (output, errors)
    return errors


def content(path):
    """What data and seed determine in a run, as bytes: config, metrics, the last parameters and the best."""
    run = Run.open(path)
    checkpoints = [read_checkpoint(name)[0] for name in (run.latest_path(), run.best_path) if name.exists()]
    files = [(run.path / name).read_bytes() for name in ("config.json", "metrics.jsonl")]
    return files + [{name: array.tobytes() for name, array in c.items()} for c in checkpoints]
