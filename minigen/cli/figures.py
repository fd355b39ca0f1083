"""Held-out figures: computed, and printed as a table."""

import math


def held_out(model, dataset, source, seed, samples, quiet):
    """The figures of the test split, and the Gap to the truth where the source's density is known (else None)."""
    from .. import training
    from ..evaluation import evaluate, gap_to_truth
    from ..training.progress import bar

    figures, gap = evaluate(model, dataset, "test", seed, samples, bar("evaluating", quiet)), None
    truth = training.load_truth(source)
    if truth is not None and (model.offers("log_prob") or model.offers("iwae_bound")):
        gap = gap_to_truth(truth, model, rng=seed, x=dataset.test, k=samples)
    return figures, gap


def print_figures(figures, gap, title):
    """Print held-out figures: name, mean and standard error, in nats per example and in bits per dimension where it is
    a likelihood of the data; and the Gap to a known truth, if there is one."""
    if not figures:
        return
    likelihoods = any("bits_per_dimension" in figure for figure in figures.values())
    of_samples = any("by_chance" in figure for figure in figures.values())
    head = "value" if of_samples else "nats per example"
    rows = [("", head, *["bits per dimension"] * likelihoods, *["perfect samples"] * of_samples)]
    for name, figure in figures.items():
        label = f"{name} (k = {figure['samples']})" if "samples" in figure else name
        label += f" ({figure['unit']})" if of_samples else ""
        digits = 2 if figure["unit"] == "nats per example" else 4
        cells = [with_error(figure["value"], figure["standard_error"], digits)]
        if likelihoods:
            bits = "bits_per_dimension" in figure
            cells.append(with_error(figure["bits_per_dimension"], figure["bits_standard_error"], 4) if bits else "")
        if of_samples:
            cells.append(f"{figure['by_chance']:.4f}" if "by_chance" in figure else "")
        rows.append((label, *cells))
    count = next(iter(figures.values()))["n"]
    print(f"{title}, {count} examples, mean ± standard error")
    print_table(rows)
    for name, figure in figures.items():
        if "impossible" in figure:
            print(f"{name}: {figure['impossible']} of {figure['n']} examples have probability 0")
    if of_samples:
        print("perfect samples: what samples of the data's own distribution have on average")
    if gap is not None:
        print(gap)


def to_json(value):
    """Nested dicts with null in place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: to_json(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def with_error(value, error, digits):
    """A number and its standard error as text."""
    return f"{value:.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")


def print_table(rows):
    """Print rows of texts in columns, the first aligned to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(["", row[0].ljust(widths[0]), *cells]).rstrip())
