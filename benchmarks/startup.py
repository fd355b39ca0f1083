"""What a fresh process costs: imports, the first training step, and the size of what is installed."""

import importlib.metadata
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
IMPORT = "import time; start = time.perf_counter(); import {0}; print(time.perf_counter() - start)"
STEP = ("import time; start = time.perf_counter(); from benchmarks.{0}.vae import build; build().step(); "
        "print(time.perf_counter() - start)")
MINIGEN = ("numpy", "numba", "scipy", "matplotlib", "tqdm")


def measure(repeats: int, peer: bool) -> dict:
    """Rows as `runner.measure` makes them, with a `step` in words and a `unit`."""
    repeats = max(3, min(repeats, 7))  # a repeat takes seconds
    imports, first = {"minigen": [], "eager": []}, {"empty": [], "full": [], "eager": []}
    for _ in range(repeats):
        imports["minigen"].append(_run(IMPORT.format("minigen")))
        with tempfile.TemporaryDirectory() as cache:
            for kind in ("empty", "full"):
                first[kind].append(_run(STEP.format("workloads"), MINIGEN_CACHE=cache))
        if peer:
            imports["eager"].append(_run(IMPORT.format("torch")))
            first["eager"].append(_run(STEP.format("peers")))
    rows = {"startup/import": _row("import, NumPy's included", "s", imports)}
    for kind in ("empty", "full"):
        step = f"import and first vae step in a fresh process, {kind} kernel cache"
        rows[f"startup/first_step_{kind}"] = _row(step, "s", {"minigen": first[kind], "eager": first["eager"]})
    installed = sum(path.stat().st_size for path in _package("minigen").rglob("*")
                    if path.is_file() and "__pycache__" not in path.parts)
    sizes = {"startup/size": ("installed, without what it depends on", installed, ()),
             "startup/size_with_dependencies": ("installed, with what it depends on", installed, MINIGEN)}
    for key, (step, size, others) in sizes.items():
        ours = size + _installed(*others)
        theirs = [_installed("torch", alone=not others) / 1e6] if peer else []
        rows[key] = _row(step, "MB", {"minigen": [ours / 1e6], "eager": theirs})
    return rows


def _row(step, unit, values):
    medians = {name: {"median": statistics.median(times)} for name, times in values.items() if times}
    return {"step": step, "unit": unit, "results": medians}


def _run(code, **variables):
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{code}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def _package(name):
    return Path(importlib.util.find_spec(name).submodule_search_locations[0])


def _installed(*names, alone=False):
    """Bytes of the files of these distributions and, unless alone, of all that they need."""
    waiting, counted, total = list(names), set(), 0
    while waiting:
        name = re.match(r"[\w.-]+", waiting.pop()).group().lower().replace("_", "-")
        if name in counted:
            continue
        counted.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        total += sum(file.size or 0 for file in distribution.files or ())
        if not alone:
            waiting += [need for need in distribution.requires or () if "extra ==" not in need]
    return total
