"""Both sides of a row in processes of their own that take turns, one running while the others sleep."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TURN = 4  # repeats in a row
PAUSE = 0.05  # seconds in which the threads of the side that ran fall asleep
LIMIT = 180.0  # seconds to build, compile and warm up, and for a turn


class SideFailed(RuntimeError):
    """A side that could not be built or run, with the last line of what it wrote."""


class Side:
    """A worker process; `run(n)` adds n repeats to `seconds`."""

    def __init__(self, package, key, variant):
        self.name = "minigen" if package == "workloads" else variant
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", package, key, variant], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, text=True, cwd=Path(__file__).resolve().parents[1],
            env={**os.environ, "PYTHONWARNINGS": "ignore"}, start_new_session=True)
        self.seconds, self.peak_bytes = [], 0
        try:
            self.about = self._answer()
        except SideFailed:
            self.close()
            raise

    def run(self, repeats):
        """Take a turn."""
        with contextlib.suppress(BrokenPipeError):  # it has ended: the answer says why
            print(repeats, file=self.process.stdin, flush=True)
        answer = self._answer()
        self.seconds += answer["seconds"]
        self.peak_bytes = answer["peak_bytes"]

    def _answer(self):
        late = threading.Event()
        timer = threading.Timer(LIMIT, lambda: (late.set(), self.process.kill()))
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            return json.loads(line)
        if late.is_set():
            raise SideFailed(f"not done after {LIMIT:.0f} s")
        self.process.wait()
        self.log.seek(0)
        lines = [line.strip() for line in self.log if line.strip()]
        errors = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Unsupported"))]
        raise SideFailed((errors or lines or [f"exit code {self.process.returncode}"])[-1][:300])

    def close(self):
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def measure(row, variants, repeats) -> dict:
    """Times of a row's sides: name -> median, quartiles, peak memory, versions; or name -> error."""
    sides, results = [], {}
    for package, variant in (("workloads", ""), *(("peers", variant) for variant in variants)):
        name = variant or "minigen"
        try:
            sides.append(Side(package, row.key, variant))
        except SideFailed as error:
            results[name] = {"error": str(error)}
    try:
        while any(len(side.seconds) < repeats for side in sides):
            for side in list(sides):
                try:
                    side.run(min(TURN, repeats - len(side.seconds)))
                except SideFailed as error:
                    results[side.name] = {"error": str(error)}
                    sides.remove(side)
                    side.close()
                time.sleep(PAUSE)
        for side in sides:
            low, median, high = statistics.quantiles(side.seconds, n=4)
            results[side.name] = {"median": median, "quartiles": [low, high], "best": min(side.seconds),
                                  "repeats": len(side.seconds), "peak_bytes": side.peak_bytes, **side.about}
    finally:
        for side in sides:
            side.close()
    return {name: results[name] for name in ("minigen", *variants)}
