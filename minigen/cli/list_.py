"""List the models, by family, and the data sets."""

import json


def add_arguments(parser):
    """Declare the arguments of `minigen list`."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args):
    """Print what can be trained, and on what."""
    from .. import data, models

    families, sets = models.available(), list(data.available())
    if args.json:
        print(json.dumps({"models": families, "data": sets}))
        return
    print("models")
    for family, keys in families.items():
        print(f"  {family}: {', '.join(keys)}")
    print("data (or the path of an .npz, .npy, .csv, .txt or IDX file)")
    for name in sets:
        print(f"  {name}")
