"""Print held-out figures of a trained model."""

import dataclasses
import json

from .data_options import add_data_options, data_source
from .figures import held_out, print_figures, to_json


def add_arguments(parser):
    """Declare the arguments of `minigen evaluate`."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder that `minigen train` left")
    parser.add_argument("--data", metavar="NAME|PATH", help="other data than the run was trained on")
    add_data_options(parser)
    parser.add_argument("--samples", type=int, metavar="K", help="importance samples of the bound")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args):
    """Evaluate the run's best parameters on the whole test split."""
    from .. import training

    if args.samples is not None and args.samples < 1:
        raise ValueError(f"--samples: expected an integer of at least 1, got {args.samples}")
    run = training.Run.open(args.run_folder)
    model, settings = training.load(run), run.train
    source = data_source(args, run.source)
    # a model of standardised columns has learned the units of its own data
    like = run.source if run.source.standardize and source.name != run.source.name else None
    dataset = training.load_source(source, settings.seed, model, like)
    samples = settings.bound_samples if args.samples is None else args.samples
    figures, gap = held_out(model, dataset, source, args.seed, samples, args.json)
    if args.json:
        settings = {"run": str(args.run_folder), "data": source.name, "split": "test", "seed": args.seed}
        gap = {} if gap is None else {"gap": dataclasses.asdict(gap)}
        print(json.dumps(to_json({**settings, "figures": figures, **gap}), allow_nan=False))
    else:
        print_figures(figures, gap, f"{dataset.name}, test split")
