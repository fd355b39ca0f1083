"""Tables on the standard output."""


def print_figures(figures, title):
    """Print held-out figures: name, mean and standard error in nats per example and in bits per dimension."""
    if not figures:
        return
    rows = [("", "nats per example", "bits per dimension")]
    for name, figure in figures.items():
        label = f"{name} (k = {figure['samples']})" if "samples" in figure else name
        rows.append((
            label,
            with_error(figure["value"], figure["standard_error"], 2),
            with_error(figure["bits_per_dimension"], figure["bits_standard_error"], 4),
        ))
    count = next(iter(figures.values()))["n"]
    print(f"{title}, {count} examples, mean ± standard error")
    print_table(rows)


def with_error(value, error, digits):
    """A number and its standard error as text."""
    return f"{value:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")


def print_table(rows):
    """Print rows of texts in columns, the first aligned to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(["", row[0].ljust(widths[0]), *cells]).rstrip())
