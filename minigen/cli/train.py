"""Train a model and leave a run folder.

With `--resume` the run's own settings hold; those given again must be the same (the epochs may be more).
"""

import re
import shlex
from pathlib import Path

from .data_options import add_data_options, data_source
from .figures import held_out, print_figures

FLAGS = ("epochs", "seed", "device", "dtype", "threads", "checkpoint_every")  # options that are training settings


def add_arguments(parser):
    """Declare the arguments of `minigen train`."""
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a model that `minigen list` names")
    parser.add_argument("--data", metavar="NAME|PATH", help="a data set, a file or known:NAME (default: digits)")
    add_data_options(parser)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of the model or its training"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the training data")
    parser.add_argument("--seed", type=int, metavar="N", help="of the split, the parameters and the noise")
    parser.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: cpu)")
    parser.add_argument("--dtype", metavar="float32|float64", help="of the parameters (default: float32)")
    parser.add_argument("--threads", type=int, metavar="N", help="processor threads to use")
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: runs/NAME)")
    parser.add_argument("--name", metavar="NAME", help="the folder's name in runs/ (default: MODEL-DATA)")
    parser.add_argument("--resume", action="store_true", help="continue a run that was stopped")
    parser.add_argument("--checkpoint-every", type=int, metavar="STEPS", help="steps between two checkpoints")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args):
    """Train, then print held-out figures and where the run folder is."""
    from .. import models, training
    from ..arrays import check_device

    if args.model is None and not args.resume:
        raise ValueError("expected a MODEL; `minigen list` names them")
    if args.resume:
        path = _old_run(args)
        old = training.Run.open(path)
        stored = old.config
        key, source = stored["model"], old.source
        if args.model not in (None, key):
            raise training.RunError(f"cannot resume {path} as {args.model}: it is a run of {key}")
    else:
        stored, source = {"model_config": {}, "train": {}}, None
        key = args.model
    model_class = models.model_class(key)
    model_fields, train_fields = _given(args, model_class)
    config = training.train_config(model_class, **{**stored["train"], **train_fields})
    check_device(config.device)
    source = data_source(args, source)
    dataset = training.load_source(source, config.seed, model_class)
    if not args.resume:
        path = _new_run(args, key, dataset.name)
        stored["model_config"] = model_class.data_settings(dataset)
    model = models.create(key, dataset.spec, rng=config.seed, **{**stored["model_config"], **model_fields})
    try:
        training.fit(model, dataset, path, resume=args.resume, quiet=args.quiet, source=source, **config.to_json())
    except training.Interrupted as stop:
        message = f"{stop}; resume with: minigen train {key} --out {shlex.quote(str(path))} --resume"
        raise training.Interrupted(message, stop.run, stop.step) from None
    try:
        figures = held_out(training.load(path), dataset, source, config.seed, config.bound_samples, args.quiet)
    except (ValueError, NotImplementedError) as error:  # the training stands all the same
        print(f"no held-out figures: {error}")
    else:
        print_figures(*figures, f"{dataset.name}, test split")
    print(f"run folder: {path}")


def _given(args, model_class):
    """The settings that the command line gives: of the model, and of its training."""
    from ..training.config import parse_settings

    model_fields, train_fields = parse_settings(args.set, model_class.Config)
    for name in FLAGS:
        if getattr(args, name) is not None:
            if name in train_fields:
                raise ValueError(f"{name} is given twice, by --set and by --{name.replace('_', '-')}")
            train_fields[name] = getattr(args, name)
    return model_fields, train_fields


def _new_run(args, key, data_name):
    """Where a new run goes; RunError if that is taken."""
    from ..training.run import check_free, free_path

    if args.out is None and args.name is None:
        return free_path("runs", _default_name(key, data_name))
    path = _named(args)
    check_free(path)
    return path


def _old_run(args):
    """The run to resume: the one that is named, else the newest with the default name."""
    if args.out is not None or args.name is not None:
        return _named(args)
    from ..training.run import Run, RunError

    runs = [path.parent for path in Path("runs").glob("*/metrics.jsonl")]
    if args.model is not None:
        runs = [path for path in runs if Run.open(path).config["model"] == args.model]
    if not runs:
        raise RunError("no run to resume in the folder runs; name one with --out or --name")
    return max(runs, key=lambda path: (path / "metrics.jsonl").stat().st_mtime)


def _named(args):
    if args.out is not None and args.name is not None:
        raise ValueError("--out and --name: expected one of them, got both")
    if args.out is not None:
        return Path(args.out)
    if Path(args.name).name != args.name or args.name.startswith("."):
        raise ValueError(f"--name: expected a folder's name, got {args.name!r}; --out takes a path")
    return Path("runs") / args.name


def _default_name(key, data_name):
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{key}-{data_name}")
