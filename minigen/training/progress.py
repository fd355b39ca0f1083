"""The progress bar on the standard error stream."""

import sys


def bar(words, quiet=False):
    """A function that wraps a sequence and shows on a terminal how far a loop over it has come; None if `quiet`."""
    if quiet or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    return lambda items: tqdm(items, desc=words, file=sys.stderr, dynamic_ncols=True, leave=False)


class _Bar:
    """A progress bar, none if `quiet`: on a terminal redrawn ten times a second, in a file a line every half minute."""

    def __init__(self, quiet, **settings):
        self.bar = None
        if not quiet:
            from tqdm import tqdm

            interval = 0.1 if sys.stderr.isatty() else 30.0
            self.bar = tqdm(file=sys.stderr, dynamic_ncols=True, mininterval=interval, maxinterval=interval,
                            miniters=1, **settings)

    def advance(self, figures):
        """One further, with the figures of that step."""
        if self.bar is not None:
            self.bar.set_postfix_str(figures, refresh=False)
            self.bar.update()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()


class Progress(_Bar):
    """A bar over all steps of a run with the current loss and learning rate."""

    def __init__(self, total, done=0, quiet=False):
        quiet = quiet or done >= total  # nothing is to come
        super().__init__(quiet, total=total, initial=done, unit="step")

    def update(self, epoch, figures, validation):
        """Show one step more, with its losses and learning rates (of each objective that took part)."""
        names = {"loss": "loss", "learning_rate": "rate"}
        words = [f"epoch {epoch}"]
        for name, value in figures.items():
            objective, dot, figure = name.rpartition(".")
            if figure in names:
                words.append(f"{objective}{dot and ' '}{names[figure]} {value:.4g}")
        if validation is not None:
            words.append(f"validation {validation:.4g}")
        self.advance(" ".join(words))


class Passes(_Bar):
    """A count of the passes over the data that a fit has made, with the likelihood after the latest."""

    def __init__(self, quiet=False, done=0):
        super().__init__(quiet, initial=done, unit="pass")

    def update(self, metrics):
        """One pass further."""
        names = [name for name in ("restart", "log_likelihood", "class_log_prob") if name in metrics]
        self.advance(" ".join(f"{name.replace('_', ' ')} {metrics[name]:.6g}" for name in names))
