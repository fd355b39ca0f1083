"""Print held-out figures of a trained model."""

import json

from .output import print_figures


def add_arguments(parser):
    """Declare the arguments of `minigen evaluate`."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder that `minigen train` left")
    parser.add_argument("--data", metavar="NAME|PATH", help="other data than the run was trained on")
    parser.add_argument("--samples", type=int, metavar="K", help="importance samples of the bound")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args):
    """Evaluate the run's best parameters on the whole test split."""
    from .. import data, training
    from ..evaluation import evaluate
    from ..training.progress import bar

    run = training.Run.open(args.run_folder)
    model, settings = training.load(run), run.train
    source = run.source if args.data is None else args.data
    dataset = data.load(source, seed=settings.seed)
    samples = settings.bound_samples if args.samples is None else args.samples
    figures = evaluate(model, dataset, "test", args.seed, samples, bar("evaluating", args.json))
    if args.json:
        settings = {"run": str(args.run_folder), "data": source, "split": "test", "seed": args.seed}
        print(json.dumps({**settings, "figures": figures}, allow_nan=False))
    else:
        print_figures(figures, f"{dataset.name}, test split")
