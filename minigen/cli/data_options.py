"""The options of a command that say which data are read, and how."""


def add_data_options(parser):
    """Declare how `--data` is to be read."""
    parser.add_argument("--kind", metavar="KIND", help="binary, discrete or continuous; or one for each column: a,b,c")
    parser.add_argument("--labels", metavar="COLUMN", help="the column of a table that holds labels, not data")
    parser.add_argument("--shape", metavar="A,B,C", help="read examples in this shape, such as 28,28,1")
    parser.add_argument("--levels", type=int, metavar="N", help="put discrete data into so many bins of equal width")
    parser.add_argument("--standardize", action="store_true", help="give continuous columns mean 0 and variance 1")
    parser.add_argument("--conditional", action="store_true", help="model p(x | label)")


def data_source(args, stored=None):
    """The DataSource that the command line names; what it does not say is as in `stored`, the run's (or None)."""
    from ..training import DataSource

    if args.data == "":
        raise ValueError("--data: expected a name or a path, got ''")
    stored = DataSource("digits") if stored is None else stored
    known = args.data is not None and args.data.startswith("known:")  # has kind and labels of its own
    kind = stored.kind if args.kind is None and not known else args.kind
    labels = stored.labels if args.labels is None and not known else args.labels
    prepared = {} if known else stored.prepared
    given = {"shape": _shape(args.shape), "levels": args.levels, "standardize": args.standardize,
             "conditional": args.conditional}
    prepared.update((name, value) for name, value in given.items() if value is not None and value is not False)
    return DataSource(stored.name if args.data is None else args.data, kind, labels, **prepared).resolved()


def _shape(text):
    """"28,28,1" as a tuple of integers."""
    try:
        return None if text is None else tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"--shape: expected integers such as 28,28,1, got {text!r}") from None
