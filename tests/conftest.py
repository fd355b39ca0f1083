"""What every test shares: hypothesis profiles and the folder of larger data sets."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).resolve().parents[1]

# A shared machine stalls now and then: time is measured in benchmarks, never judged by a test.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", derandomize=True, **_PATIENT)
settings.register_profile("thorough", max_examples=1000, **_PATIENT)
settings.load_profile("ci")


def pytest_configure(config):
    """Let each of several test processes use one thread, since all of them together use all processors."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from minigen.arrays import set_threads

        set_threads(1)


@pytest.fixture(scope="session")
def data_folder():
    """Folder of data sets that the package does not carry: MINIGEN_DATA, else ../shared/data."""
    named = os.environ.get("MINIGEN_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data folder: {folder} does not exist (MINIGEN_DATA names one)")
    return folder


@pytest.fixture(scope="session")
def fresh_python():
    """A function that runs code in a new Python, on the minigen that the tests import, and gives its stdout.

    A failing process fails the test with what it wrote on stderr.
    """
    # Installed or not: `python -c` looks in its working folder first.
    home = Path(importlib.util.find_spec("minigen").submodule_search_locations[0]).parent

    def run(code):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
