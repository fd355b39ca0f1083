"""Draw samples from a trained model, or from a source whose density is known, into a file."""

from pathlib import Path

SUFFIXES = (".npz", ".npy", ".png")
DRAWS = 6  # completions of each example in a picture
EACH = 8  # samples of each class


def add_arguments(parser):
    """Declare the arguments of `minigen sample`."""
    parser.add_argument("run_folder", metavar="RUN", help="a run folder that `minigen train` left, or known:NAME")
    parser.add_argument("-n", type=int, metavar="N",
                        help="how many samples (default: 64, or 8 of each class), or examples to complete (8)")
    parser.add_argument("--out", required=True, metavar="FILE", help=f"one of {', '.join(SUFFIXES)}")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise (default: 0)")
    parser.add_argument("--condition", metavar="CLASS|all|FILE",
                        help="of a model p(x | class): the class, or all in turn; of other conditional models an .npy "
                             "file with a condition for each sample, or one for all")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[],
                        help="an option of the model's sampler, such as temperature=0.8")
    parser.add_argument("--complete", type=float, metavar="FRACTION",
                        help="keep this part of examples of the test split, the first that the model draws, and draw "
                             "the rest")


def run(args):
    """Draw the samples and write them; an existing file is replaced once the new one is complete."""
    from .. import training
    from ..arrays import Generator
    from ..evaluation import draw_samples

    path = Path(args.out)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"--out: expected a file ending in {', '.join(SUFFIXES)}, got {args.out!r}")
    if args.n is not None and args.n < 1:
        raise ValueError(f"-n: expected an integer of at least 1, got {args.n}")
    if args.complete is not None:
        return _complete(args, path)
    model = training.load_truth(args.run_folder) or training.load(args.run_folder)
    options = _options(args.set, model)
    condition, columns = _condition(args.condition, model.spec.condition, args.n)
    n = len(condition) if condition is not None else 64 if args.n is None else args.n
    samples = draw_samples(model, n, Generator(args.seed), condition, **options)
    training.write_samples(path, samples, model.spec, columns)
    print(f"{n} samples: {path}")


def _complete(args, path):
    """Complete examples of the run's test split."""
    from .. import training
    from ..arrays import Generator
    from ..training.completion import complete, picture_completions

    if not 0 < args.complete < 1:
        raise ValueError(f"--complete: expected a fraction above 0 and below 1, got {args.complete}")
    if args.condition is not None:
        raise ValueError("--condition: a completed example has a class of its own; leave out either it or --complete")
    if training.load_truth(args.run_folder) is not None:
        raise ValueError(f"--complete: expected a run folder, whose model draws the rest, got {args.run_folder}")
    run = training.Run.open(args.run_folder)
    model, rng, n = training.load(run), Generator(args.seed), 8 if args.n is None else args.n
    dataset = training.load_source(run.source, run.train.seed, model)
    batch, options = dataset.batch("test")[:n], _options(args.set, model)
    picture = path.suffix == ".png"
    kept, completed = complete(model, batch, args.complete, rng, DRAWS if picture else 1, **options)
    if picture:
        picture_completions(path, batch.x, kept, completed, model.spec)
    else:
        training.write_samples(path, completed[0], model.spec)
    print(f"{len(batch)} examples of which {kept.sum()} of {kept.size} numbers are kept: {path}")


def _options(assignments, model):
    """The sampler's options that the command line sets."""
    from ..models import Model
    from ..protocols import nearest
    from ..training.assignments import assigned, field_types, parse_value

    types, options = field_types(model.Options) if isinstance(model, Model) else {}, {}
    for key, value in assigned(assignments).items():
        if key not in types:
            hint = nearest(key, types) if types else "; it has none"
            raise ValueError(f"--set: unknown option {key!r} of the sampler{hint}")
        options[key] = parse_value(key, value, types[key])
    return options


def _condition(text, spec, n):
    """The conditions of `n` samples (by default so many of each class), and the columns of their picture."""
    import numpy as np

    from ..data import read_npy

    if spec is None:
        if text is not None:
            raise ValueError("--condition: the model is p(x), not p(x | condition)")
        return None, None
    if spec.dimensions > 1 or spec.kind != "discrete":
        if text is None:
            raise ValueError(f"--condition: expected an .npy file with conditions of shape {spec.shape}, got nothing")
        condition = read_npy(text)
        if condition.shape == spec.shape:
            condition = np.repeat(condition[None], 64 if n is None else n, axis=0)
        if condition.shape[1:] != spec.shape or (n is not None and len(condition) != n):
            raise ValueError(f"--condition: expected an array of shape {spec.shape} or {(n or 'n', *spec.shape)}, "
                             f"got {condition.shape}")
        return condition, None
    if text in (None, "all"):
        n = EACH * spec.levels if n is None else n
        condition = np.arange(n) * spec.levels // n if n >= spec.levels else np.arange(n)
        # a row of the picture for each class
        return condition.reshape(n, *spec.shape), n // spec.levels if n % spec.levels == 0 else None
    if not text.isdecimal() or int(text) >= spec.levels:
        raise ValueError(f"--condition: expected a class from 0 to {spec.levels - 1}, or all, got {text!r}")
    return np.full((64 if n is None else n, *spec.shape), int(text)), None
