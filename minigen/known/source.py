"""The base class of sources: exact log-probabilities and entropy, and samples."""

import zlib

import numpy as np

from ..arrays import Generator, as_generator, to_numpy
from ..arrays.checks import integer, positive_integer
from ..arrays.logsumexp import logsumexp
from ..data import Dataset
from ..data.streams import SPLITS
from ..protocols import DataSpec


class Source:
    """A distribution over examples whose log-probability and entropy are known exactly.

    A subclass sets `spec` and writes three methods: `_log_prob(x)` of an array `(n, *spec.shape)` of values inside the
    support (float64, or int64 if data are binary or discrete), `_entropy()`, and `_sample(n, rng)`, which returns
    values and labels (None if there are no labels). `n_labels` is the number of classes, or None. `codec` turns text
    into integers and back.
    """

    name: str = ""
    spec: DataSpec
    codec = None
    n_labels: int | None = None
    _cached_entropy: float | None = None

    def log_prob(self, x) -> np.ndarray:
        """The exact log p(x) in nats, float64 `(n,)`, for x `(n, *spec.shape)`.

        It is -inf outside the support, also for a discrete value that is not a level, and NaN for an example with a
        NaN. Raises TypeError for values that are not real numbers, and ValueError for another shape.
        """
        return self._on_support(x, self._log_prob, ())

    def entropy(self) -> float:
        """-E[log p(x)] in nats per example: in closed form, by enumeration or by quadrature, never from samples."""
        if self._cached_entropy is None:
            self._cached_entropy = float(self._entropy())
        return self._cached_entropy

    def sample(self, n: int, rng) -> np.ndarray:
        """`n` independent examples `(n, *spec.shape)`: uint8 for binary data and text, float64 for continuous."""
        return self._sample(integer("n", n, 0), as_generator(rng))[0]

    def sample_labelled(self, n: int, rng):
        """The examples that `sample` gives and their labels, int64 `(n,)`. Raises ValueError if there are no labels."""
        self._check_labels()
        x, labels = self._sample(integer("n", n, 0), as_generator(rng))
        return x, labels.astype(np.int64, copy=False)

    def label_log_prob(self, x) -> np.ndarray:
        """log p(label | x) in nats, `(n, n_labels)`: no classifier is better. NaN where p(x) = 0.

        Raises ValueError if the source has no labels, and otherwise as `log_prob` does.
        """
        self._check_labels()
        joint = self._on_support(x, self._joint_log_prob, (self.n_labels,))
        with np.errstate(invalid="ignore"):
            return joint - logsumexp(joint)[:, None]

    def dataset(self, seed=0, n_train=10_000, n_validation=1_000, n_test=10_000) -> Dataset:
        """Fresh examples as a `data.Dataset` of the name "known:NAME", with labels and codec if the source has them.

        Every split has its own stream of random numbers, so that the size of one split changes nothing in another.
        Continuous values are rounded to float32, as models take them.
        """
        rng = Generator(integer("seed", seed, 0)).fold_in(zlib.crc32(f"known:{self.name}".encode()))
        splits, labels = {}, {}
        for split, n in {"train": n_train, "validation": n_validation, "test": n_test}.items():
            x, y = self._sample(positive_integer(f"n_{split}", n), rng.fold_in(SPLITS[split]))
            splits[split] = x.astype(np.float32) if self.spec.kind == "continuous" else x
            if y is not None:
                labels[split] = y.astype(np.int64)
        return Dataset(f"known:{self.name}", self.spec, **splits, labels=labels or None, codec=self.codec)

    def __repr__(self):
        return f"{type(self).__name__}(name={self.name!r}, spec={self.spec})"

    def _check_labels(self):
        if self.n_labels is None:
            raise ValueError(f"source {self.name!r} has no labels")

    def _on_support(self, x, function, shape):
        """`function` of the rows of `x` inside the support, -inf for other rows, NaN for rows with a NaN."""
        x = np.asarray(to_numpy(x))
        if x.dtype.kind not in "biuf":
            raise TypeError(f"log_prob x: expected real numbers, got dtype {x.dtype}")
        if x.ndim == 0 or x.shape[1:] != self.spec.shape:
            raise ValueError(f"log_prob x: expected shape (n, {', '.join(map(str, self.spec.shape))}), got {x.shape}")
        axes = tuple(range(1, x.ndim))
        if self.spec.kind == "continuous":
            x, possible = x.astype(np.float64, copy=False), np.isfinite(x).all(axis=axes)
        else:
            top = 1 if self.spec.kind == "binary" else self.spec.levels - 1
            with np.errstate(invalid="ignore"):
                possible = ((x >= 0) & (x <= top) & (x == np.floor(x))).all(axis=axes)
        values = np.full((len(x), *shape), -np.inf)
        dtype = np.float64 if self.spec.kind == "continuous" else np.int64
        if possible.any():
            values[possible] = function(x[possible].astype(dtype, copy=False))
        values[np.isnan(x).any(axis=axes)] = np.nan
        return values
