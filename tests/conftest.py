"""What every test shares: hypothesis profiles and the folder of larger data sets."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).resolve().parents[1]

# A shared machine stalls now and then: time is measured in benchmarks, never judged by a test.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", derandomize=True, **_PATIENT)
settings.register_profile("thorough", max_examples=1000, **_PATIENT)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def data_folder():
    """Folder of data sets that the package does not carry: MINIGEN_DATA, else ../shared/data."""
    named = os.environ.get("MINIGEN_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data folder: {folder} does not exist (MINIGEN_DATA names one)")
    return folder
