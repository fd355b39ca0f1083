"""What the identity checks share: a result, the limits beyond which one has failed, and the model as they see it."""

import math
from enum import IntEnum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from ..arrays import as_generator, to_numpy
from ..autograd import no_grad, raw
from ..data import Batch
from .likelihood import density_of, per_example
from .samples import BATCH, draw_samples

# A correct model fails a statistical check once in this many: a report of some checks then raises no false alarm.
ODDS = 100_000
STATES = 2**16  # of a space that is enumerated


class Stream(IntEnum):
    """The streams of random numbers that the checks of one model have, one for each purpose."""

    CONDITION = 0
    PILOT = 1
    SAMPLES = 2
    EXAMPLES = 3
    PROPOSAL = 4
    FIRST_WEIGHTS = 5
    MORE_WEIGHTS = 6
    BRIDGE = 7
    MOVES = 8
    COLUMNS = 9
    ELBO = 10
    IWAE_BOUND = 11
    MASKS = 12
    IMPUTED_COLUMNS = 13
    IMPUTED_VALUES = 14
    LABELS = 15


class Check(NamedTuple):
    """The result of one check: its name, whether it passed (None: it does not apply), and the figures or the reason."""

    name: str
    passed: bool | None
    detail: str


def limit(count=1):
    """The size that `count` standard normal values exceed, any of them, once in ODDS times."""
    return NormalDist().inv_cdf(1 - 0.5 / (ODDS * count))


class Subject:
    """A model as the checks see it: plain arrays in and out, one fixed condition, streams of one seed.

    A conditional model is checked at `condition` (one example of `spec.condition`), by default one drawn at random.
    """

    def __init__(self, model, rng, condition=None):
        self.model, self.spec, self.rng, self.xp = model, model.spec, as_generator(rng), model.xp
        wanted = self.spec.condition
        if wanted is None and condition is not None:
            raise ValueError(f"condition: {model.name} is p(x), it takes none")
        if wanted is not None and condition is None:
            condition = random_example(wanted, self.rng.fold_in(Stream.CONDITION))
        if wanted is not None and np.shape(condition) != wanted.shape:
            raise ValueError(f"condition: expected one example of shape {wanted.shape}, got {np.shape(condition)}")
        self.condition = None if condition is None else np.asarray(condition)
        self.columns = column_levels(self.spec)
        self.epsilon = float(np.finfo(np.float64).eps)  # of the model's results, once they have been seen
        self.cells = self.proposal = None  # of a quadrature and of importance sampling, which two checks share
        self.table, self.table_error = None, 0.0  # log p of each example, where another computation gives it
        self.why_no_density = "the model has no log_prob"

    def stream(self, purpose: Stream):
        """The random numbers of one purpose."""
        return self.rng.fold_in(purpose)

    def batch(self, x):
        """Examples with the fixed condition."""
        return Batch(x, None if self.condition is None else self._conditions(len(x)))

    def sample(self, n, purpose):
        """`n` samples of the model `(n, *spec.shape)`, by the stream of a purpose."""
        condition = None if self.condition is None else self._conditions(n)
        return draw_samples(self.model, n, self.stream(purpose), condition)

    @property
    def has_density(self):
        """Whether log p(x) is known: from the model's log_prob or from a table of every example's."""
        return self.table is not None or self.model.offers("log_prob")

    def log_prob(self, x):
        """log p of examples or rows x, float64 `(n,)`; ValueError if the model gives another shape."""
        x = self.examples(x)
        if self.table is not None:
            return self.table[self.state_numbers(x)]

        def checked(batch, stream):
            values = raw(density_of(self.model)(batch, stream))
            if values.shape != (len(batch),):
                raise ValueError(f"{self.model.name}.log_prob: expected shape {(len(batch),)}, "
                                 f"got {values.shape}")
            self.note_precision(values)
            return values

        return per_example(checked, self.batch(x), 0, xp=self.xp)

    def log_marginal(self, rows, observed):
        """log p of the observed columns of rows alone, float64 `(n,)`, of a model that takes missing values."""
        batches = []
        with no_grad():
            for start in range(0, len(rows), BATCH):
                x, mask = (a[start : start + BATCH].reshape(-1, *self.spec.shape) for a in (rows, observed))
                batches.append(to_numpy(raw(self.model.log_prob(self.xp.asarray(self.examples(x)), observed=mask))))
        return np.concatenate(batches).astype(np.float64)

    def note_precision(self, values):
        """Note the dtype of results of the model: what rounding may explain depends on it."""
        if values.dtype.kind == "f":
            self.epsilon = max(self.epsilon, float(np.finfo(values.dtype).eps))

    def rounding(self, log_p):
        """The relative error of exp(log_p) that the dtype of the model's results explains."""
        finite = log_p[np.isfinite(log_p)]
        size = float(np.abs(finite).mean()) if len(finite) else 0.0
        return 100 * self.epsilon * (1 + size) + 3 * self.table_error

    def examples(self, rows):
        """Rows of numbers as the model takes examples: shaped, and integers where all columns are discrete."""
        x = np.asarray(rows).reshape(-1, *self.spec.shape)
        if all(level is not None for level in self.columns) and x.dtype.kind == "f":
            x = x.astype(np.uint8 if max(self.columns) <= 256 else np.int64)
        return x

    def random_examples(self, n):
        """`n` examples that fit the spec, drawn without regard to the model."""
        stream = self.stream(Stream.EXAMPLES)
        return np.stack([random_example(self.spec, stream.fold_in(number)) for number in range(n)])

    @property
    def discrete(self):
        """Whether no column is continuous."""
        return all(level is not None for level in self.columns)

    @property
    def states(self):
        """How many different examples there are: inf unless all columns are discrete."""
        return math.prod(self.columns) if self.discrete else math.inf

    def enumerated(self):
        """Every example there is as rows, in the order of `state_numbers`; uint8 where that holds them."""
        numbers = np.unravel_index(np.arange(self.states), self.columns)
        return self.examples(np.stack(numbers, axis=1).astype(np.float64))

    def state_numbers(self, x):
        """The number of each example in `enumerated`, from 0."""
        return np.ravel_multi_index(tuple(np.asarray(x).reshape(len(x), -1).astype(np.int64).T), self.columns)

    def _conditions(self, n):
        return np.broadcast_to(self.condition, (n, *self.condition.shape)).copy()


def column_levels(spec):
    """For each number of an example, how many values it can take, or None if it is continuous."""
    kinds = spec.kind if isinstance(spec.kind, tuple) else (spec.kind,) * spec.dimensions
    levels = spec.levels if isinstance(spec.levels, tuple) else (spec.levels,) * len(kinds)
    return tuple({"binary": 2, "discrete": level, "continuous": None}[kind]
                 for kind, level in zip(kinds, levels, strict=True))


def random_example(spec, rng):
    """An example that fits a spec: discrete columns uniform, continuous ones standard normal."""
    levels = column_levels(spec)
    values = [rng.standard_normal() if level is None else rng.integers(level) for level in levels]
    kind = np.float64 if None in levels else np.uint8 if max(levels) <= 256 else np.int64
    return np.array(values, kind).reshape(spec.shape)


def random_masks(count, n, rng, least=0):
    """Booleans `(count, n)`: in each row from `least` true to all but one, every number of them as likely."""
    ranks = rng.random((count, n)).argsort(axis=1).argsort(axis=1)
    return ranks < rng.integers(least, n, size=count)[:, None]


def check_samples(subject, x):
    """Whether samples `(n, *spec.shape)` are examples of the model's spec: shape, finite, discrete values in range."""
    if x.shape[1:] != subject.spec.shape or x.dtype.kind not in "biuf":
        return Check("samples", False, f"expected numbers of shape (n, {', '.join(map(str, subject.spec.shape))}), "
                                       f"got {x.dtype} of shape {x.shape}")
    rows = x.reshape(len(x), -1)
    if not np.isfinite(rows).all():
        return Check("samples", False, f"{(~np.isfinite(rows)).any(axis=1).sum()} of {len(x)} are not finite")
    for column, level in enumerate(subject.columns):
        values = rows[:, column]
        if level is not None and ((values < 0) | (values >= level) | (values != np.floor(values))).any():
            return Check("samples", False, f"expected integers 0 to {level - 1} in column {column} (from 0), "
                                           f"got {values.min()} to {values.max()}")
    return Check("samples", True, f"{len(x)} of them fit {subject.spec.kind} data of shape {subject.spec.shape}")


def chi_square(counts, probabilities, least=5.0):
    """`(statistic, degrees of freedom, p-value)` of counts against probabilities.

    Cells are merged, rarest first, until each expects at least `least` (Cochran, 1954). Pearson, 1900.
    """
    from scipy.special import chdtrc

    n = counts.sum()
    order = np.argsort(probabilities)
    expected, counts = n * probabilities[order], counts[order]
    # a group ends where the expectation since the last end reaches `least`; what is left over joins the last group
    ends, gathered = [], 0.0
    for number, value in enumerate(expected, start=1):
        gathered += value
        if gathered >= least:
            ends.append(number)
            gathered = 0.0
    starts = [0, *ends[:-1]]
    if len(starts) < 2:
        return 0.0, 0, 1.0
    expected, counts = np.add.reduceat(expected, starts), np.add.reduceat(counts, starts)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    return statistic, freedom, float(chdtrc(freedom, statistic))
