"""Each benchmark's two sides compute the same: after three updates from one start and one noise, or in one step."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from minigen.arrays import Generator

sys.path.append(str(Path(__file__).resolve().parents[2]))  # where benchmarks/ is: nobody installs it
from benchmarks import inputs, rows  # noqa: E402

SIDES = [(row, variant) for row in rows.select([]) for variant in row.variants if variant != "compile"]
TRAINING = [(row, variant) for row, variant in SIDES if row.variants == rows.TRAINING]
OTHERS = [(row, variant) for row, variant in SIDES if row.variants != rows.TRAINING]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """In one process the threads of both sides would wait for each other's cores."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def name(value):
    return value if isinstance(value, str) else value.key


def differences_after_three_updates(row, variant):
    """Of all parameters, in one array, and how far the updates moved them."""
    pytest.importorskip(row.peer)
    ours, theirs = rows.side("workloads", row, small=True), rows.side("peers", row, small=True, variant=variant)
    before, rng, same = ours.values(), Generator(5), Generator(5)
    assert rows.closeness(before, theirs.values()) == 0
    for _ in range(3):
        ours.update(rng)
        theirs.update(*ours.noise(same))
        assert rng.position == same.position  # nothing else was drawn
    after, other = ours.values(), theirs.values()
    assert after.keys() == other.keys()
    assert all(array.dtype == other[key].dtype == inputs.DTYPE for key, array in after.items())
    assert rows.closeness(before, after) > 1e-3
    return np.concatenate([abs(array - other[key]).reshape(-1) for key, array in after.items()])


@pytest.mark.parametrize(("row", "variant"), TRAINING, ids=name)
def test_parameters_after_three_updates(row, variant, monkeypatch):
    monkeypatch.setattr(inputs, "DTYPE", "float64")
    assert differences_after_three_updates(row, variant).max() < 1e-4


@pytest.mark.parametrize(("row", "variant"), TRAINING, ids=name)
def test_parameters_after_three_updates_in_single_precision(row, variant):
    # Adam divides a gradient by its size, so where rounding decides a gradient's sign (or whether a ReLU is on) it
    # decides which way a parameter goes: a few do, which double precision shows to be no difference of the sides
    different = differences_after_three_updates(row, variant)
    assert (different > 1e-4).mean() < 1e-3
    assert np.median(different) < 1e-6


@pytest.mark.parametrize(("row", "variant"), OTHERS, ids=name)
def test_values_of_a_step(row, variant):
    pytest.importorskip(row.peer)
    sides = rows.side("workloads", row, small=True), rows.side("peers", row, small=True, variant=variant)
    for work in sides:
        work.step(work.prepare()) if work.prepare else work.step()
    assert rows.closeness(*[work.values() for work in sides]) < 1e-4
