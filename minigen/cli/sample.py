"""Draw samples from a trained model, or from a source whose density is known, into a file."""

from pathlib import Path

SUFFIXES = (".npz", ".npy", ".png")


def add_arguments(parser):
    """Declare the arguments of `minigen sample`."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder that `minigen train` left, or known:NAME")
    parser.add_argument("-n", type=int, default=64, metavar="N", help="how many samples (default: 64)")
    parser.add_argument("--out", required=True, metavar="FILE", help=f"one of {', '.join(SUFFIXES)}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")


def run(args):
    """Draw the samples and write them; an existing file is replaced once the new one is complete."""
    from .. import training
    from ..arrays import Generator

    path = Path(args.out)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--out: expected a file ending in {', '.join(SUFFIXES)}, got {args.out!r}")
    if args.n < 1:
        raise ValueError(f"-n: expected an integer of at least 1, got {args.n}")
    model = training.load_truth(args.run_folder) or training.load(args.run_folder)
    training.write_samples(path, training.draw_samples(model, args.n, Generator(args.seed)), model.spec)
    print(f"{args.n} samples: {path}")
