"""The kernels' files: no circle of imports, and each CUDA source launched from the file beside it."""

from pathlib import Path

import house
import minigen
from minigen.kernels.machinery import cuda
from shim import emulator

PACKAGE = Path(minigen.__file__).parent


def circle(imported):
    """Names that import each other in a circle, or None; `imported` has for each name the names that it imports."""
    finished, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name):]
        if name in finished:
            return None
        path.append(name)
        for other in sorted(imported[name]):
            names = visit(other)
            if names:
                return names
        finished.add(path.pop())
        return None

    return next((names for names in map(visit, sorted(imported)) if names), None)


def test_no_circle_of_imports():
    paths = {house.module_name(path, PACKAGE): path for path in cuda.FOLDER.rglob("*.py") if path.stem != "__init__"}
    imported = {}
    for name, path in paths.items():
        members = [dotted for _, dotted in house.imports(path.read_text(), name, False)]
        imported[name] = {other for other in paths for dotted in members if f"{dotted}.".startswith(f"{other}.")}
    assert sum(map(len, imported.values())) > 50  # the imports are seen
    assert circle(imported) is None


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c"]


def test_each_source_is_launched_from_the_file_beside_it():
    for path in cuda.FOLDER.rglob("*.cu"):
        beside = path.with_suffix(".py").read_text()
        if path.stem == "philox":  # its streams on the device stand in a file of their own
            beside += path.with_name("device_stream.py").read_text()
        names = emulator.kernels_of(path.read_text())
        assert names and [name for name in names if f'"{name}"' not in beside] == []
