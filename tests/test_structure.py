"""The house keeps its shape: import order, docstrings, sizes, and what `import minigen` loads."""

import os
import re
from pathlib import Path

import pytest

import house

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "minigen"
TEXT = (".py", ".cu", ".md", ".cfg", ".toml", ".sh", "")


TYPING_ONLY = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..layers import Linear\n"
BY_NAME = "from importlib import import_module\ndef f(n):\n    "


def planted(tmp_path, files):
    """A folder minigen/ under `tmp_path` with the given relative paths and sources."""
    package = tmp_path / "minigen"
    for path, source in files.items():
        target = package / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source)
    return package


def test_folders_import_only_from_rows_below():
    assert house.order_violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ops/add.py", "import minigen.layers\n"),
        ("ops/add.py", "import numpy, minigen.layers as l\n"),
        ("ops/add.py", "from minigen.layers.linear import Linear\n"),
        ("ops/add.py", "from minigen import layers\n"),
        ("ops/add.py", "from ..layers import Linear\n"),
        ("ops/add.py", "from .. import layers\n"),
        ("ops/__init__.py", "from ..layers import Linear\n"),
        ("models/latent/vae.py", "from ...training import fit\n"),
        ("models/latent/__init__.py", "from ...training import fit\n"),
        ("ops/add.py", "def f():\n    from ..layers import Linear\n    return Linear\n"),
        ("ops/add.py", "class A:\n    def f(self):\n        if self:\n            import minigen.cli\n"),
        ("ops/add.py", TYPING_ONLY),
        ("ops/add.py", "import importlib\nimportlib.import_module('minigen.layers')\n"),
        ("ops/add.py", "from importlib import import_module\nimport_module('..layers', __package__)\n"),
        ("ops/add.py", "from importlib import import_module\nimport_module(name='minigen.layers')\n"),
        ("ops/add.py", BY_NAME + "return import_module(f'minigen.layers.{n}')\n"),
        ("ops/add.py", BY_NAME + "return import_module('minigen.layers.' + n)\n"),
        ("ops/add.py", BY_NAME + "return [import_module(m) for m in ['minigen.layers']]\n"),
        ("ops/add.py", "__import__('minigen.layers')\n"),
        # Everything hangs on the front door, so it leads upwards too.
        ("ops/add.py", "import minigen\n"),
        ("ops/add.py", "from minigen import Tensor\n"),
        ("ops/add.py", "from .. import Tensor\n"),
        # Neighbours in one row.
        ("layers/linear.py", "from ..optim import Adam\n"),
        ("data/digits.py", "from ..plotting import image_grid\n"),
        ("known/ising.py", "from ..models import create\n"),
        ("protocols.py", "from .arrays import to_numpy\n"),
        ("arrays/random.py", "from ..protocols import DataSpec\n"),
        # A folder that nobody placed, whoever meets it.
        ("helpers/thing.py", "import numpy\n"),
        ("cli/main.py", "from ..helpers import thing\n"),
    ],
)
def test_planted_violation_is_found(tmp_path, path, source):
    violations = house.order_violations(planted(tmp_path, {path: source}))
    assert len(violations) == 1
    assert path in violations[0].replace(os.sep, "/")


def test_allowed_imports_pass(tmp_path):
    package = planted(
        tmp_path,
        {
            "__init__.py": "from .cli import main\nfrom . import ops\n",
            "__main__.py": "from minigen.cli import main\n",
            "cli/__init__.py": "from .. import __version__, models\nfrom ..training import fit\n",
            "models/latent/vae.py": "from ...ops import exp\nfrom ... import layers\n",
            "models/__init__.py": BY_NAME + "return import_module(f'.latent.{n}', __package__)\n",
            "ops/add.py": "import minigendary\nfrom ..autograd import Tensor\nNAME = 'minigen.layers'\n",
            "plotting/save.py": "from ..arrays import to_numpy\nfrom ..protocols import DataSpec\n",
        },
    )
    assert house.order_violations(package) == []


def test_files_of_one_name_are_about_one_thing():
    assert house.repeated_names(PACKAGE) == []


def test_files_of_one_name_are_found(tmp_path):
    paths = [
        # One thing on several floors, and the two sides of one thing.
        "kernels/masked.py", "ops/masked.py", "distributions/normal.py", "models/heads/normal.py", "kernels/normal.py",
        "ops/nade.py", "models/autoregressive/nade.py", "evaluation/receptive_field.py", "plotting/receptive_field.py",
        # Three pairs of different things, of which one is in a folder of machinery.
        "kernels/scatter.py", "plotting/scatter.py", "ops/rows.py", "models/density/support/rows.py",
        "data/table.py", "layers/table.py",
    ]
    package = planted(tmp_path, {path: "" for path in paths})
    assert sorted(house.repeated_names(package)) == [
        ["data/table.py", "layers/table.py"],
        ["kernels/scatter.py", "plotting/scatter.py"],
        ["models/density/support/rows.py", "ops/rows.py"],
    ]


def test_test_modules_are_not_imported():
    assert house.wrong_test_imports(CHECKOUT / "tests") == []


@pytest.mark.parametrize(
    "source",
    [
        "from training.test_loop import Toy\n",
        "from training import test_loop\n",
        "def f():\n    import training.test_loop as loop\n",
        "from importlib import import_module\nimport_module('training.test_loop')\n",
        "import conftest\n",
        "from .toys import Toy\n",
        "from . import toys\n",
    ],
)
def test_imported_test_module_is_found(tmp_path, source):
    for path, text in (("training/test_loop.py", ""), ("training/toys.py", ""), ("conftest.py", "")):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "training/test_step.py").write_text(source)
    assert len(house.wrong_test_imports(tmp_path)) == 1
    (tmp_path / "training/test_step.py").write_text("from training.toys import Toy\nfrom x import test_loop\n")
    assert house.wrong_test_imports(tmp_path) == []


def test_every_source_folder_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_public_things_have_docstrings():
    missing = [
        f"{path.relative_to(CHECKOUT)}:{line}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, name in house.undocumented(path.read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_missing_docstrings_are_found():
    source = (
        "def f():\n    pass\n"
        "def _hidden():\n    pass\n"
        "class A:\n    class B:\n        'Said.'\n    class C:\n        pass\n"
        "    def method(self):\n        pass\n"
        "if f:\n    def g():\n        pass\n"
        "def said():\n    'Said.'\n    def inner():\n        pass\n"
    )
    names = [name for _, name in house.undocumented(source)]
    assert names == ["the module", "f", "A", "A.C", "g"]


def test_files_are_short():
    lines = {str(path): house.line_count(path) for path in house.project_files(CHECKOUT, (".py", ".cu"))}
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_engine_is_read_in_one_sitting():
    assert sum(house.code_lines(path) for path in (PACKAGE / "autograd").rglob("*.py")) < 700


def test_nothing_is_left_for_later():
    mark = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")
    marked = [
        f"{path.relative_to(CHECKOUT)}:{number}"
        for path in house.project_files(CHECKOUT, TEXT)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if mark.search(line)
    ]
    assert marked == []


def test_import_loads_numpy_alone(fresh_python):
    heavy = ("scipy", "matplotlib", "numba", "tqdm", "cupy", "PIL")
    code = f"import sys, minigen; print('loaded', *[name for name in {heavy} if name in sys.modules])"
    assert fresh_python(code).split() == ["loaded"]
