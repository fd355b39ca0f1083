"""Reads the sources for the rules of the house: imports, docstrings, lengths, names of files."""

import ast
import re
from pathlib import Path

# From the top: a folder imports only from rows strictly below its own.
ROWS = (
    ("cli",),
    ("study", "applications"),
    ("training",),
    ("evaluation",),
    ("models", "known"),
    ("inference", "samplers"),
    ("flows",),
    ("layers", "distributions", "optim"),
    ("ops",),
    ("autograd",),
    ("kernels",),
    ("data", "plotting"),
    ("arrays", "protocols"),
)
ROW_OF = {folder: row for row, folders in enumerate(ROWS) for folder in folders}
# The package's front doors see everything; nothing inside the package imports them, but a plain constant.
FREE = ("__init__", "__main__")
CONSTANTS = ("minigen.__version__",)
_MODULE_NAME = re.compile(r"minigen(\.\w+)+")
# A mathematical thing has one name in each of these folders: its kernel, op, layer, distribution, head and model.
FLOORS = ("kernels", "kernels/convolution", "ops", "layers", "distributions", "models/*")
# Other files of one name, which are about one thing too.
ONE_THING = {
    "activations": ("kernels", "ops", "models"),
    "philox": ("arrays", "kernels"),
    "receptive_field": ("evaluation", "plotting"),
    "registry": ("known", "models"),
}


def module_name(path, package):
    """Dotted name of the module in file `path` below the folder `package` (the folder minigen/)."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def folder_of(name):
    """First name below minigen in the dotted module name `name`, or None for minigen itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


def _absolute(package, level, tail):
    """The dotted name that `level` dots and `tail` mean inside the dotted `package`."""
    if level == 0:
        return tail
    base = package.split(".")
    base = base[: len(base) - (level - 1)]
    return ".".join([*base, tail] if tail else base)


def _is_import_call(node):
    called = node.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    return name in ("import_module", "__import__")


def _leading_text(node):
    """(text, whole): the constant text that an expression starts with, and whether that is all of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    if isinstance(node, ast.JoinedStr) and node.values:
        text, _ = _leading_text(node.values[0])
        return text, False
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mod)):
        return _leading_text(node.left)[0], False
    return "", False


def imports(source, name, is_package):
    """Yield (line, dotted name) for all that module `name` imports from minigen, however deep in its code.

    Sees absolute and relative statements, `import_module` and `__import__` of strings (of an f-string or a
    sum of strings, the part before the first unknown), and, where a module imports by a computed name, every
    string in it that is a dotted name in minigen. What may be a module or a member is given with the member.
    """
    tree = ast.parse(source)
    package = name if is_package else name.rpartition(".")[0]
    imported, computed = [], False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node.level, node.module or "")
            imported += [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and _is_import_call(node):
            named = [word.value for word in node.keywords if word.arg == "name"]
            text, whole = _leading_text([*node.args, *named, None][0])
            level = len(text) - len(text.lstrip("."))
            target = _absolute(package, level, text[level:] if whole else text[level:].rpartition(".")[0])
            if target:
                imported.append((node.lineno, target))
            computed = computed or not whole
    if computed:
        strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        imported += [(n.lineno, n.value) for n in strings if _MODULE_NAME.fullmatch(n.value)]
    for line, target in sorted(imported):
        if target == "minigen" or target.startswith("minigen."):
            yield line, target


def order_violations(package):
    """Sentences, one for each import in the folder `package` (a folder minigen/) that the rows forbid."""
    bad = []
    for path in sorted(package.rglob("*.py")):
        name = module_name(path, package)
        home = folder_of(name)
        if path.parent == package and path.stem in FREE:
            continue
        where = path.relative_to(package.parent)
        if home not in ROW_OF:
            bad.append(f"{where}: '{home}' has no place in the table of folders")
            continue
        for line, target in imports(path.read_text(encoding="utf-8"), name, path.stem == "__init__"):
            away = folder_of(target)
            if away == home or target in CONSTANTS:
                continue
            if away not in ROW_OF:
                bad.append(f"{where}:{line}: imports {target}, which is not in a folder of the table")
            elif ROW_OF[away] <= ROW_OF[home]:
                bad.append(f"{where}:{line}: '{home}' imports {target}, which is not below it")
    return bad


def repeated_names(package):
    """Lists of files below `package` that share a name and, by the folders they stand in, not a subject.

    One name is right for the same thing in several of FLOORS (`support/` folders are not among them), and for what
    ONE_THING lists.
    """
    files = {}
    for path in sorted(package.rglob("*.py")):
        if path.stem not in FREE:
            files.setdefault(path.stem, []).append(path.relative_to(package))

    def allowed(path):
        folder = path.parent.as_posix()
        floor = any(path.parent.match(pattern) for pattern in FLOORS) and path.parent.name != "support"
        return (floor and folder.count("/") < 2) or folder in ONE_THING.get(path.stem, ())

    shared = [paths for paths in files.values() if len(paths) > 1]
    return [[path.as_posix() for path in paths] for paths in shared if not all(map(allowed, paths))]


def wrong_test_imports(tests):
    """Sentences, one for each import below the folder `tests` of a test module, of conftest, or by a relative name.

    What several test modules need is a helper, named for what it holds and imported from tests/ (`training.toys`).
    """
    bad = []
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.Call) and _is_import_call(node) and node.args:
                names = [_leading_text(node.args[0])[0]]
            else:
                continue
            where = f"{path.relative_to(tests)}:{node.lineno}"
            if getattr(node, "level", 0):
                bad.append(f"{where}: imports {'.'.join(filter(None, names))} relatively, not from tests/")
            bad += [
                f"{where}: imports {name}, which is not a helper"
                for name in names
                if _is_test_module(tests, name)
            ]
    return bad


def _is_test_module(tests, name):
    """Whether the dotted `name`, or what it is a member of, is a file of tests or a conftest below `tests`."""
    words = name.strip(".").split(".")
    for n in range(1, len(words) + 1):
        path = tests.joinpath(*words[:n]).with_suffix(".py")
        if (words[n - 1].startswith("test_") or words[n - 1] == "conftest") and path.is_file():
            return True
    return False


def undocumented(source):
    """Yield (line, name) of each public class and function of a module that has no docstring, and the module.

    Methods are not held to it: what they do may be said by their class or by a protocol that it follows.
    """
    tree = ast.parse(source)
    if ast.get_docstring(tree) is None:
        yield 1, "the module"

    def visit(body, inside, functions):
        for node in body:
            if isinstance(node, (ast.If, ast.Try, ast.With)):
                yield from visit(node.body + getattr(node, "orelse", []), inside, functions)
            kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef) if functions else (ast.ClassDef,)
            if isinstance(node, kinds) and not node.name.startswith("_"):
                if ast.get_docstring(node) is None:
                    yield node.lineno, inside + node.name
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, f"{inside}{node.name}.", False)

    yield from visit(tree.body, "", True)


def project_files(checkout, suffixes):
    """Files of the project with one of `suffixes`, below the folders that people write in."""
    roots = [checkout / folder for folder in ("minigen", "tests", "benchmarks", "examples", ".ci")]
    files = [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]
    files += [path for path in sorted(checkout.iterdir()) if path.is_file()]
    return [path for path in files if path.suffix in suffixes and "__pycache__" not in path.parts]


def line_count(path):
    """Number of lines in a text file."""
    return len(Path(path).read_text(encoding="utf-8").splitlines())


def code_lines(path):
    """Number of lines that have code on them: neither blank nor only comment or docstring."""
    text = Path(path).read_text(encoding="utf-8")
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = text.splitlines()
    return sum(
        number not in told and line.strip() != "" and not line.lstrip().startswith("#")
        for number, line in enumerate(lines, 1)
    )
