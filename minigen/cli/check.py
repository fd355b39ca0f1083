"""Check the identities of a trained model; without a run, the installation: gradients and bounds, or the kernels."""

MARKS = {True: "ok     ", False: "FAILED ", None: "skipped"}


def add_arguments(parser):
    """Declare the arguments of `minigen check`."""
    parser.add_argument("run_folder", nargs="?", metavar="RUN",
                        help="a run folder: check that its model is normalised, that its samples have its density, …")
    parser.add_argument("--samples", type=int, metavar="N",
                        help="of a run's model that are compared with its density (default: 10000)")
    parser.add_argument("--receptive-field", nargs="?", const="centre", metavar="ROW,COLUMN",
                        help="draw what that pixel (default: the centre) of a run's image model depends on")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of what is random (default: 0)")
    parser.add_argument("--kernels", action="store_true", help="compare each kernel with its reference, and time both")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="of the kernels (default: cpu)")


def run(args):
    """Print a line for each check; exit code 1 if one failed."""
    if args.seed < 0:
        raise ValueError(f"--seed: expected an integer of at least 0, got {args.seed}")
    if args.kernels and args.run_folder is not None:
        raise ValueError("--kernels: it checks the installation; leave out either it or the run folder")
    if args.samples is not None and args.run_folder is None:
        raise ValueError("--samples: only a run's model is sampled; name a run folder")
    if args.receptive_field is not None:
        if args.run_folder is None:
            raise ValueError("--receptive-field: only a run's model has one; name a run folder, before this option")
        if args.samples is not None:
            raise ValueError("--samples: none are drawn for a receptive field; leave out either it or "
                             "--receptive-field")
        return _draw_receptive_field(args)
    if args.kernels:
        return _run_kernels(args)
    return _run_checks(args) if args.run_folder is None else _run_identities(args)


def _run_identities(args):
    from .. import training
    from ..evaluation import identities

    if args.samples is not None and args.samples < 100:
        raise ValueError(f"--samples: expected an integer of at least 100, got {args.samples}")
    model = training.load(args.run_folder)
    options = {} if args.samples is None else {"samples": args.samples}
    counts = _print(identities(model, args.seed, **options))
    print(f"{counts[True]} passed, {counts[False]} failed, {counts[None]} skipped")
    return 1 if counts[False] else 0


def _draw_receptive_field(args):
    from pathlib import Path

    from .. import plotting, training
    from ..evaluation import receptive_field

    model = training.load(args.run_folder)
    if args.receptive_field == "centre":
        row, column = (extent // 2 for extent in (*model.spec.shape, 1, 1)[:2])
    else:
        try:
            row, column = (int(word) for word in args.receptive_field.split(","))
        except ValueError:
            raise ValueError(f"--receptive-field: expected ROW,COLUMN, got {args.receptive_field!r}") from None
    strength = receptive_field(model, row, column, args.seed).sum(axis=-1)
    path = Path(args.run_folder) / "receptive_field.png"
    plotting.receptive_field_picture(strength, row, column, path, f"What the pixel ({row}, {column}) depends on")
    earlier = row * model.spec.shape[1] + column
    visible = int((strength.reshape(-1)[:earlier] > 0).sum())
    print(f"pixel ({row}, {column}) depends on {visible} of the {earlier} before it")
    print(f"picture: {path}")
    return 0


def _run_checks(args):
    from ..evaluation.selfcheck import run_checks

    return 1 if _print(run_checks(args.seed))[False] else 0


def _print(checks):
    """Print checks as they come; how many passed, failed and did not apply."""
    counts = dict.fromkeys(MARKS, 0)
    for name, passed, detail in checks:
        passed = None if passed is None else bool(passed)
        counts[passed] += 1
        print(f"{MARKS[passed]} {name}: {detail}", flush=True)
    return counts


def _run_kernels(args):
    from ..evaluation.kernel_check import check_kernels

    print(f"{'kernel':24} {'version':10} {'difference':>10} {'speed-up':>9} {'rate':>14}")
    failed = 0
    for result in check_kernels(args.seed, device=args.device):
        failed += not result.passed
        print(f"{result.name:24} {result.version:10} {result.difference:10.1e} {result.speed_up:9.1f} "
              f"{result.rate / 1e9:6.1f} {result.unit:7}{'' if result.passed else '  FAILED'}", flush=True)
    print("difference: the largest from the reference in float32, over the largest value; float64 is compared too")
    return 1 if failed else 0
