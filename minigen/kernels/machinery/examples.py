"""Examples of how a kernel or an op is called: what its tests, `minigen check` and the GPU tests run it on.

An example stands beside the definition, as a function that makes arguments with an `ExampleMaker`:

    @log.example
    def _(make):
        return [make.values(make.shape(), 0.3, 3.0)]

It runs only when someone asks for an example. One function gives many examples: each call of `make` is a choice.
"""

from collections.abc import Callable, Sequence

import numpy as np


class Example:
    """One call: positional arguments, keywords, and what a check has to know of them.

    The floating arrays among the positional arguments, also those in lists, are what an op is differentiated by;
    `constants` are positions of arguments that are not. `call` takes the same arguments; without it the example is a
    call of the op itself. `operations` is the number of floating-point operations of a kernel for which these say more
    than bytes do.
    """

    def __init__(self, *arguments, call: Callable | None = None, constants=(), operations: int = 0, **keywords):
        # NumPy makes scalars of 0-d arrays in arithmetic
        self.arguments = [np.asarray(a) if isinstance(a, np.floating) else a for a in arguments]
        self.keywords, self.call, self.operations = keywords, call, operations
        self._positions = []  # of the arrays: pairs of an argument and, in a list, an item
        for i, argument in enumerate(self.arguments):
            items = argument if isinstance(argument, list) else [argument]
            for j, item in enumerate(items):
                if isinstance(item, np.ndarray) and item.dtype.kind == "f" and i not in constants:
                    self._positions.append((i, j))

    @property
    def arrays(self) -> list[np.ndarray]:
        """The arrays that the call is differentiated by, in order."""
        return [self.arguments[i][j] if isinstance(self.arguments[i], list) else self.arguments[i]
                for i, j in self._positions]

    def run(self, function, arrays, convert=lambda argument: argument):
        """`function` of the arguments, `arrays` in place of its own; `convert` is applied to the other arguments."""
        arguments = [list(argument) if isinstance(argument, list) else argument for argument in self.arguments]
        for (i, j), array in zip(self._positions, arrays, strict=True):
            if isinstance(arguments[i], list):
                arguments[i][j] = array
            else:
                arguments[i] = array
        replaced = {i for i, _ in self._positions}
        arguments = [a if i in replaced else convert(a) for i, a in enumerate(arguments)]
        return function(*arguments, **{name: convert(value) for name, value in self.keywords.items()})


class Examples:
    """The functions that make examples of one kernel or op.

    `scalars`, `single` and `empty` say whether there are such with 0-d arrays, with axes of extent 1, and with empty
    arrays; tests hold the functions to what is said.
    """

    def __init__(self, call):
        self.makers, self.call = [], call
        self.scalars = self.single = self.empty = True

    def __bool__(self):
        return bool(self.makers)

    def add(self, function=None, *, call=None, scalars=True, single=True, empty=True):
        """Decorator: one more function that makes an Example, or a list of positional arguments, of a `call`."""
        if function is None:
            return lambda function: self.add(function, call=call, scalars=scalars, single=single, empty=empty)
        self.makers.append((function, call or self.call))
        self.scalars, self.single, self.empty = self.scalars and scalars, self.single and single, self.empty and empty
        return function

    def make(self, make: "ExampleMaker") -> Example:
        """One example, of one of the functions. Raises ValueError if there is none."""
        if not self.makers:
            raise ValueError(f"{getattr(self.call, '__name__', self.call)}: there is no example of it")
        function, call = make.choice(self.makers)
        example = function(make)
        if not isinstance(example, Example):
            example = Example(*example)
        example.call = example.call or call
        return example


class ExampleMaker:
    """Makes the arguments of examples: shapes, axes and values, out of choices by `integer(low, high)`, ends included.

    With `elements` the arrays are large, of about so many elements in all, as one would time a kernel on; without, they
    are small and of awkward shapes. `values` and its relatives have the given dtype. Without `empty` no axis is empty.
    """

    def __init__(self, integer: Callable[[int, int], int], elements: int = 0, dtype="float64", empty: bool = True):
        self.integer, self.elements, self.dtype, self.empty = integer, elements, np.dtype(dtype), empty

    @classmethod
    def seeded(cls, seed: int, **options) -> "ExampleMaker":
        """One whose choices are those of NumPy's generator with this seed."""
        random = np.random.default_rng(seed)
        return cls(lambda low, high: int(random.integers(low, high, endpoint=True)), **options)

    def choice(self, options: Sequence):
        """One of the options."""
        return options[self.integer(0, len(options) - 1)]

    def boolean(self) -> bool:
        """True or False."""
        return bool(self.integer(0, 1))

    def random(self) -> "np.random.Generator":  # in quotes: NumPy loads numpy.random when it is first named
        """A generator for values."""
        return np.random.default_rng(self.integer(0, 2**20))

    # Shapes

    def extent(self, smallest: int = 0) -> int:
        """The extent of one axis, from `smallest` to 4."""
        n = self.integer(-1, 9)
        return max(smallest if self.empty else max(smallest, 1), {-1: 0, 0: 1, 1: 1}.get(n, 2 + n % 3))

    def shape(self, least: int = 0, most: int = 3, smallest: int = 0) -> tuple[int, ...]:
        """The shape of `least` to `most` axes of `smallest` to 4 elements; empty axes are rarer than others."""
        return tuple(self.extent(smallest) for _ in range(self.integer(least, most)))

    def broadcastable(self, count: int = 2) -> list[tuple[int, ...]]:
        """Shapes that broadcast with each other: some lack leading axes, others have axes of extent 1."""
        full = self.shape()
        shapes = []
        for _ in range(count):
            start = self.integer(0, len(full)) if self.boolean() else 0
            shapes.append(tuple(1 if self.integer(0, 3) == 0 else n for n in full[start:]))
        return shapes

    def broadcastable_rows(self, count: int = 2) -> list[tuple[int, ...]]:
        """Shapes of one axis or more that broadcast with each other."""
        n = self.integer(1, 4)
        return [(*shape, self.choice([n, n, 1])) for shape in self.broadcastable(count)]

    def rows(self, width: int = 512) -> tuple[int, ...]:
        """The shape of rows for a kernel: many of `width`; in a small example any shape of one to three axes."""
        if self.elements:
            return max(1, self.elements // width), width
        return (*self.shape(0, 2, smallest=1), self.choice([1, 2, 3, 31, 70]))

    def without_leading(self, shape) -> tuple[int, ...]:
        """The shape; in a small example perhaps without some of its leading axes."""
        return tuple(shape) if self.elements else tuple(shape[self.integer(0, len(shape) - 1) :])

    def count(self, numbers: int) -> int:
        """How many things of so many numbers each; a few in a small example."""
        return max(1, self.elements // numbers) if self.elements else self.integer(1, 5)

    def size(self, large: int, low: int = 1, high: int = 5) -> int:
        """`large`, or in a small example a number from `low` to `high`."""
        return large if self.elements else self.integer(low, high)

    def axis(self, ndim: int) -> int:
        """An axis, counted from either end."""
        return self.integer(-ndim, ndim - 1)

    def axes(self, ndim: int):
        """None, one axis or a tuple of different ones."""
        if ndim == 0 or self.integer(0, 2) == 0:
            return None
        if self.boolean():
            return self.axis(ndim)
        order = self.random().permutation(ndim)[: self.integer(1, ndim)]
        return tuple(int(a) - ndim * self.integer(0, 1) for a in order)

    # Values

    def values(self, shape, low: float = -2.0, high: float = 2.0) -> np.ndarray:
        """Uniform values."""
        return np.asarray(self.random().uniform(low, high, shape), self.dtype)

    def arrays(self, count: int, low: float = -2.0, high: float = 2.0) -> list[np.ndarray]:
        """Uniform values in arrays that broadcast with each other."""
        return [self.values(shape, low, high) for shape in self.broadcastable(count)]

    def normal(self, shape) -> np.ndarray:
        """Normal values; in a small example, wide ones with a 0 and two tails among them."""
        x = np.asarray(self.random().standard_normal(shape))
        if not self.elements:
            x = 3 * x
            if x.size > 3:
                x.reshape(-1)[:3] = 0.0, 30.0, -30.0
        return x.astype(self.dtype)

    def standard(self, shape) -> np.ndarray:
        """Normal values, without tails also in a small example."""
        return np.asarray(self.random().standard_normal(shape), self.dtype)

    def alike(self, count: int) -> list[np.ndarray]:
        """Normal values in `count` arrays of one shape of `rows`."""
        shape = self.rows()
        return [self.normal(shape) for _ in range(count)]

    def flat(self, count: int) -> list[np.ndarray]:
        """Normal values without tails in `count` rows of one length."""
        return [self.standard(n) for n in [self.elements or self.integer(1, 300)] * count]

    def integers(self, low: int, high: int, shape) -> np.ndarray:
        """Integers from `low` to `high` - 1."""
        return np.asarray(self.random().integers(low, high, shape))

    def booleans(self, shape) -> np.ndarray:
        """True and false, as often."""
        return np.asarray(self.random().random(shape) < 0.5)

    def apart(self, shape, gap: float = 0.2, high: float = 2.0) -> np.ndarray:
        """Values of either sign that stay `gap` away from 0."""
        random = self.random()
        return np.asarray(random.uniform(gap, high, shape) * random.choice([-1.0, 1.0], shape), self.dtype)

    def distinct(self, shape, spacing: float = 0.3) -> np.ndarray:
        """Values no two of which are closer than half of `spacing`, none of them near 0."""
        random = self.random()
        size = int(np.prod(shape))
        ranks = random.permutation(size) - size // 2
        values = spacing * (ranks + 0.5) + random.uniform(-0.1, 0.1, size) * spacing
        return values.reshape(shape).astype(self.dtype)

    def matrices(self, batch, n: int) -> np.ndarray:
        """Well-conditioned square matrices."""
        values = self.random().uniform(-0.5, 0.5, (*batch, n, n)) + (1.5 + 0.5 * n**0.5) * np.eye(n)
        return np.asarray(values, self.dtype)
