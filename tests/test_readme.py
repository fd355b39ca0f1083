"""What the README says is true: its Python runs, its commands and folders are the project's."""

import os
import re
from pathlib import Path

import pytest

import house

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_python_examples_run():
    # Examples that start from a trained run are tried where runs are tested.
    blocks = [b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "runs/" not in b]
    assert len(blocks) >= 2
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_check_script_runs_the_same_commands():
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert 'pip install ".[test]" && pytest -n auto\n' in README
    commands = [line for line in script if line.startswith(("pip ", "pytest"))]
    assert commands == ['pip install ".[test]"', "pytest -n auto"]
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_folders_are_those_that_exist():
    package = CHECKOUT / "minigen"
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    told = [re.findall(r"`(\w+)(?:/|\.py)`", row.split("|")[1]) for row in rows]
    here = {path.stem for path in package.iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))}
    assert {name for row in told for name in row} == here - set(house.FREE)
    # ... and stand in the order that imports follow.
    order = [[name for name in row if name in here] for row in house.ROWS]
    assert told == [row for row in order if row]


@pytest.mark.parametrize("path", re.findall(r"!\[[^]]*\]\(([^)]+)\)", README))
def test_pictures_exist(path):
    assert (CHECKOUT / path).is_file()
