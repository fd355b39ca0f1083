"""List the models, by family, the data sets, and the sources whose density is known."""

import json
import shutil
import sys
import textwrap


def add_arguments(parser):
    """Declare the arguments of `minigen list`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args):
    """Print what can be trained, and on what."""
    from .. import data, known, models

    about = lambda key: first_sentence(sys.modules[models.model_class(key).__module__])  # noqa: E731
    families = {family: {key: about(key) for key in keys} for family, keys in models.available().items()}
    takes = {key: str(models.model_class(key).takes) for keys in families.values() for key in keys}
    sets = list(data.available())
    sources = {name: known.describe(name) for name in known.available()}
    if args.json:
        print(json.dumps({"models": families, "takes": takes, "data": sets, "known": sources}))
        return
    print("models")
    width = max(len(key) for keys in families.values() for key in keys)
    for family, keys in families.items():
        print(f"  {family}")
        for key, words in keys.items():
            _print_entry(f"    {key.ljust(width)}  ", f"{words}.", f"For {takes[key]}.")
    print("data (or the path of an .npz, .npy, .csv, .txt or IDX file)")
    for name in sets:
        print(f"  {name}")
    print("data whose density is known")
    width = max(map(len, sources))
    for name, words in sources.items():
        _print_entry(f"  known:{name.ljust(width)}  ", f"{words}.")


def _print_entry(label, *paragraphs):
    """Print paragraphs beside a label, wrapped to the terminal's width."""
    width = max(60, shutil.get_terminal_size().columns)
    for paragraph in paragraphs:
        for line in textwrap.wrap(paragraph, width - len(label), break_on_hyphens=False):
            print(label + line)
            label = " " * len(label)


def first_sentence(described):
    """What a module or a class says of itself first."""
    words = " ".join((described.__doc__ or "").split("\n\n")[0].split())
    return words.split(". ")[0].removesuffix(".")
