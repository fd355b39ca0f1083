"""Check the installation: random numbers, gradients, probabilities and bounds; or the kernels."""


def add_arguments(parser):
    """Declare the arguments of `minigen check`."""
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the points that are checked (default: 0)")
    parser.add_argument("--kernels", action="store_true", help="compare each kernel with its reference, and time both")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="of the kernels (default: cpu)")


def run(args):
    """Print a line for each check; exit code 1 if one failed."""
    if args.seed < 0:
        raise ValueError(f"--seed: expected an integer of at least 0, got {args.seed}")
    return _run_kernels(args) if args.kernels else _run_checks(args)


def _run_checks(args):
    from ..evaluation.selfcheck import run_checks

    failed = 0
    for name, passed, detail in run_checks(args.seed):
        failed += not passed
        print(f"{'ok    ' if passed else 'FAILED'}  {name}: {detail}", flush=True)
    return 1 if failed else 0


def _run_kernels(args):
    from ..evaluation.kernel_check import check_kernels

    print(f"{'kernel':24} {'version':10} {'difference':>10} {'speed-up':>9} {'rate':>14}")
    failed = 0
    for found in check_kernels(args.seed, device=args.device):
        failed += not found.passed
        print(f"{found.name:24} {found.version:10} {found.difference:10.1e} {found.speed_up:9.1f} "
              f"{found.rate / 1e9:6.1f} {found.unit:7}{'' if found.passed else '  FAILED'}", flush=True)
    print("difference: the largest from the reference in float32, over the largest value; float64 is compared too")
    return 1 if failed else 0
