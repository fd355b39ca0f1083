"""Models so small that one sees that they are right, with ways to make them wrong."""

import math

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from minigen import DataSpec, ops
from minigen.arrays import as_generator
from minigen.models import Model, Takes
from minigen.models.takes import CONDITIONS


class Toy(Model):
    """`log_prob` is `density` plus `excess` nats; `sample` draws rows of numbers by a NumPy generator."""

    takes = Takes(mixed=True, condition=CONDITIONS)

    def __init__(self, spec, excess=0.0):
        super().__init__(spec)
        self.excess = excess

    def log_prob(self, x, condition=None):
        return self.density(np.asarray(x).reshape(len(x), -1)) + self.excess

    def sample(self, n, rng, condition=None, given=None):
        random = np.random.default_rng(as_generator(rng).words(4))
        return self.draw(n, random).reshape(n, *self.spec.shape)


class Gaussian(Toy):
    """N(0, I) of any number of columns; samples are `scale` times as wide and moved by `shift`."""

    def __init__(self, columns, scale=1.0, shift=0.0, excess=0.0, dtype=np.float64):
        super().__init__(DataSpec((columns,), "continuous"), excess)
        self.scale, self.shift, self.drawn_as = scale, shift, dtype

    def density(self, x):
        return stats.norm.logpdf(x).sum(axis=1)

    def draw(self, n, random):
        return (self.shift + self.scale * random.normal(size=(n, *self.spec.shape))).astype(self.drawn_as)


class Rectangle(Toy):
    """Uniform between 0 and 1 in each column: a density with jumps; samples reach to `top`."""

    def __init__(self, columns, top=1.0, excess=0.0):
        super().__init__(DataSpec((columns,), "continuous"), excess)
        self.top = top

    def density(self, x):
        return np.where(((x >= 0) & (x <= 1)).all(axis=1), 0.0, -np.inf)

    def draw(self, n, random):
        return self.top * random.random((n, *self.spec.shape))


class TwoModes(Toy):
    """A mixture of N(-6, I) and N(6, I), weights 0.7 and 0.3; samples are from the first with chance `first`."""

    def __init__(self, columns, first=0.7, excess=0.0):
        super().__init__(DataSpec((columns,), "continuous"), excess)
        self.first = first

    def density(self, x):
        of_modes = [stats.norm.logpdf(x, centre).sum(axis=1) for centre in (-6, 6)]
        return logsumexp(np.stack(of_modes, axis=1) + np.log([0.7, 0.3]), axis=1)

    def draw(self, n, random):
        centres = np.where(random.random(n) < self.first, -6, 6)
        return centres[:, None] + random.normal(size=(n, *self.spec.shape))


class Coins(Toy):
    """Binary columns with chances of 0.1 … 0.9, in pairs that agree with chance 0.8; samples agree with `agree`."""

    def __init__(self, columns, agree=0.8, excess=0.0):
        super().__init__(DataSpec((columns,), "binary"), excess)
        self.agree = agree
        self.chances = np.linspace(0.1, 0.9, columns // 2)

    def density(self, x):
        first, same = x[:, ::2], x[:, ::2] == x[:, 1::2]
        return (stats.bernoulli.logpmf(first, self.chances) + np.log(np.where(same, 0.8, 0.2))).sum(axis=1)

    def draw(self, n, random):
        first = random.random((n, len(self.chances))) < self.chances
        same = random.random(first.shape) < self.agree
        return np.stack([first, first == same], axis=2).reshape(n, -1).astype(np.uint8)


class Digits(Toy):
    """Columns that are 0, 1 or 2 with probabilities 0.5, 0.3, 0.2; samples with `drawn`."""

    def __init__(self, columns, drawn=(0.5, 0.3, 0.2), excess=0.0):
        super().__init__(DataSpec((columns, 1), "discrete", 3), excess)
        self.drawn = drawn

    def density(self, x):
        return np.log([0.5, 0.3, 0.2])[x.astype(int)].sum(axis=1)

    def draw(self, n, random):
        return random.choice(3, size=(n, self.spec.dimensions), p=self.drawn)


class Table(Toy):
    """A bit b, a level l of 4 and two numbers N(2b - l, 1): a table of mixed kinds; samples are moved by `shift`."""

    def __init__(self, shift=0.0, excess=0.0):
        kinds = ("binary", "continuous", "discrete", "continuous")
        super().__init__(DataSpec((4,), kinds, (None, None, 4, None)), excess)
        self.shift = shift

    def density(self, x):
        centre = (2 * x[:, 0] - x[:, 2])[:, None]
        heights = np.where(x[:, 0] == 1, 0.3, 0.7) * np.array([0.4, 0.3, 0.2, 0.1])[x[:, 2].astype(int)]
        return np.log(heights) + stats.norm.logpdf(x[:, 1::2], centre).sum(axis=1)

    def draw(self, n, random):
        bit, level = random.random(n) < 0.3, random.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
        numbers = (2 * bit - level)[:, None] + self.shift + random.normal(size=(n, 2))
        return np.stack([bit, numbers[:, 0], level, numbers[:, 1]], axis=1)


class Conditional(Gaussian):
    """x | c ~ N(c, I); samples are moved by `shift`."""

    def __init__(self, columns, **keywords):
        super().__init__(columns, **keywords)
        self.spec = DataSpec((columns,), "continuous", condition=DataSpec((columns,), "continuous"))

    def log_prob(self, x, condition=None):
        return super().log_prob(x - condition)

    def sample(self, n, rng, condition=None, given=None):
        return super().sample(n, rng) + condition


class Latent(Toy):
    """x = z + e, z ~ N(0, 1), e ~ N(0, 0.5²): log p(x) is known, and so is the posterior.

    The encoder's scale is wrong by a factor 1.5, so the bounds are not tight; `above` is added to both.
    """

    def __init__(self, above=0.0, bound_above=0.0, excess=0.0):
        super().__init__(DataSpec((1,), "continuous"), excess)
        self.above, self.bound_above = above, bound_above

    def density(self, x):
        return stats.norm.logpdf(x[:, 0], 0, math.sqrt(1.25))

    def draw(self, n, random):
        return math.sqrt(1.25) * random.normal(size=(n, 1))

    def encode(self, x, condition=None):
        return None

    def decode(self, z, condition=None):
        return None

    def elbo(self, x, rng, condition=None):
        return self._weights(x, 1, rng)[:, 0] + self.above

    def iwae_bound(self, x, k, rng, condition=None):
        return logsumexp(self._weights(x, k, rng), axis=1) - math.log(k) + self.bound_above

    def _weights(self, x, k, rng):
        mean, scale = x / 1.25, 1.5 * math.sqrt(0.2)
        z = mean + scale * as_generator(rng).standard_normal((len(x), k))
        return stats.norm.logpdf(x, z, 0.5) + stats.norm.logpdf(z) - stats.norm.logpdf(z, mean, scale)


class Affine:
    """x = A z + b, with A = Q·diag(stretch); `lie` is added to log-determinants, `slip` to the inverse."""

    def __init__(self, columns, stretch=1.0, lie=0.0, slip=0.0, seed=0):
        random = np.random.default_rng(seed)
        q = np.linalg.qr(random.normal(size=(columns, columns)))[0]
        self.matrix = q * np.geomspace(1 / stretch, stretch, columns)
        self.undo, self.offset = np.linalg.inv(self.matrix), random.normal(size=columns)
        self.log_det = np.linalg.slogdet(self.matrix)[1]
        self.lie, self.slip = lie, slip

    def forward(self, z, condition=None):
        return z @ self.matrix.T + self.offset, np.full(len(z), self.log_det + self.lie)

    def inverse(self, x, condition=None):
        return (x - self.offset) @ self.undo.T + self.slip, np.full(len(x), -self.log_det - self.lie)


class Sinh:
    """x = sinh(z), elementwise, on examples of any shape; differentiable by minigen's ops. `wrong` drops a term."""

    def __init__(self, wrong=False):
        self.wrong = wrong

    def forward(self, z):
        x = 0.5 * (ops.exp(z) - ops.exp(-z))
        return x, self._log_det(z)

    def inverse(self, x):
        z = ops.log(x + ops.sqrt(ops.square(x) + 1))
        return z, -self._log_det(z)

    def _log_det(self, z):
        log_slope = ops.log(0.5 * (ops.exp(z) + ops.exp(-z))) if not self.wrong else z * 0
        return log_slope.reshape((len(z), -1)).sum(axis=1)


class Flow(Affine, Gaussian):
    """A model whose density is that of an affine map of N(0, I)."""

    def __init__(self, columns, **keywords):
        Gaussian.__init__(self, columns)
        Affine.__init__(self, columns, **keywords)

    def density(self, x):
        z, log_det = self.inverse(x)
        return stats.norm.logpdf(z).sum(axis=1) + log_det

    def draw(self, n, random):
        return random.normal(size=(n, *self.spec.shape)) @ self.matrix.T + self.offset


class Pair(Gaussian):
    """Two numbers of variances 1 and correlation 0.9; any may be missing.

    `lie` is added to log-densities of one number alone, `nothing` to those of none; `deaf` imputes without looking at
    what was observed; `shy` refuses examples without any observed value.
    """

    takes = Takes(missing=True)

    def __init__(self, lie=0.0, deaf=False, shy=False, nothing=0.0):
        super().__init__(2)
        self.lie, self.deaf, self.shy, self.nothing = lie, deaf, shy, nothing

    def log_prob(self, x, condition=None, observed=None):
        joint = stats.multivariate_normal.logpdf(x, cov=[[1, 0.9], [0.9, 1]]).reshape(len(x))
        if observed is None:
            return joint
        if self.shy and not observed.any(axis=1).all():
            raise ValueError("x: expected at least one observed value in each row")
        alone = np.where(observed, stats.norm.logpdf(x), 0).sum(axis=1)
        alone += np.where(observed.any(axis=1), self.lie, self.nothing)
        return np.where(observed.all(axis=1), joint, alone)

    def draw(self, n, random):
        return random.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=n)

    def impute(self, x, observed, rng=None):
        random = np.random.default_rng(as_generator(rng).words(4))
        fresh = self.draw(len(x), random)
        other = 0.9 * x[:, ::-1] + np.sqrt(1 - 0.81) * random.normal(size=x.shape)
        conditional = fresh if self.deaf else np.where(observed.any(axis=1, keepdims=True), other, fresh)
        return np.where(observed, x, conditional)


class HoledCoins(Coins):
    """The pairs of coins, of which any may be missing; `lie` is the factor by which single coins' chances are wrong."""

    takes = Takes(missing=True)

    def __init__(self, columns, lie=1.0, deaf=False):
        super().__init__(columns)
        self.lie, self.deaf = lie, deaf

    def log_prob(self, x, condition=None, observed=None):
        if observed is None:
            return self.density(x)
        total = np.zeros(len(x))
        for pair, p in enumerate(self.chances):
            table = np.log(np.array([[0.8 * (1 - p), 0.2 * (1 - p)], [0.2 * p, 0.8 * p]]))
            a, b = x[:, 2 * pair].astype(int), x[:, 2 * pair + 1].astype(int)
            first, second = observed[:, 2 * pair], observed[:, 2 * pair + 1]
            alone = np.where(first, logsumexp(table, axis=1)[a], np.where(second, logsumexp(table, axis=0)[b], 0.0))
            total += np.where(first & second, table[a, b], alone + math.log(self.lie) * (first ^ second))
        return total

    def impute(self, x, observed, rng=None):
        random = np.random.default_rng(as_generator(rng).words(4))
        filled = self.draw(len(x), random)
        if not self.deaf:
            for pair, p in enumerate(self.chances):
                a, b = 2 * pair, 2 * pair + 1
                same = random.random(len(x)) < 0.8
                head = np.where(x[:, b] == 1, 0.8 * p / (0.8 * p + 0.2 * (1 - p)), 0.2 * p / (0.2 * p + 0.8 * (1 - p)))
                filled[:, a] = np.where(observed[:, b], random.random(len(x)) < head, filled[:, a])
                filled[:, b] = np.where(observed[:, a], np.where(same, x[:, a], 1 - x[:, a]), filled[:, b])
        return np.where(observed, x, filled)
