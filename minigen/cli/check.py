"""Check the installation: random numbers, gradients, probabilities and bounds."""


def add_arguments(parser):
    """Declare the arguments of `minigen check`."""
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the points that are checked (default: 0)")


def run(args):
    """Print a line for each check; exit code 1 if one failed."""
    from ..evaluation.selfcheck import run_checks

    if args.seed < 0:
        raise ValueError(f"--seed: expected an integer of at least 0, got {args.seed}")
    failed = 0
    for name, passed, detail in run_checks(args.seed):
        failed += not passed
        print(f"{'ok    ' if passed else 'FAILED'}  {name}: {detail}", flush=True)
    return 1 if failed else 0
