"""Products of a few rows with a matrix inside compiled loops, added up in the processor's vector registers.

Written as a loop, out[i] += Σ_c x[i, c] · w[c] makes numba load and store the row out[i] again for every few inputs c.
Here a tile of some rows and some columns of `out` is loaded once, stays in registers while all inputs are gone through,
and is stored once. Each vector of w that is loaded serves all rows of the tile.

How to read this
----------------
numba has no way to say "keep this in a register", so the functions here do not compute: they write instructions. When
numba compiles a loop that calls `add_products`, it calls `generate` with a `builder`, and each builder.load, fmul, fadd
or store appends one instruction (in LLVM's language) to the loop. Read the builder's lines as the loop that they write.
`_Tiles.tile` is the heart. In ordinary Python it is

    for each row i and vector v: sums[i][v] = out[i][v]
    for c in range(first, last):
        numbers = the vectors of line(c)
        for each row i and vector v: sums[i][v] += value(i, c) * numbers[v]
    for each row i and vector v: out[i][v] = sums[i][v]

The inner "for each" loops run while the instructions are written, so their bodies stand one after the other in the
result; only the loop over c is a loop there. `_Tiles.run` covers the columns of a row with tiles of falling width.
`builder.gep(pointer, [n])` is pointer + n, in elements.
"""

from .compiling import Builtin

BYTES = 64  # of a vector; a processor with narrower ones takes several instructions


@Builtin
def add_products():
    """`add_products(n, x, x_at, out, out_at, start, w, at, step, first, last, width)`, n a literal number of rows.

    For i from start to start + n: out[out_at[i] + j] += Σ_c x[x_at[i] + c] · w[at + c·step + j], c from `first` to
    `last` and j below `width`. `x_at` and `out_at` are int64.
    """
    from numba import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def add_products(context, n, x, x_at, out, out_at, start, w, at, step, first, last, width):
        if not isinstance(n, types.IntegerLiteral):
            return None
        signature = types.void(n, x, x_at, out, out_at, types.intp, w, *[types.intp] * 5)

        def generate(context, builder, signature, args):
            x, x_at, out, out_at, w = _pointers(context, builder, signature, args)
            start, at, step, first, last, width = (args[i] for i in (5, 7, 8, 9, 10, 11))
            tiles = _Tiles(builder, signature.args[1].dtype.bitwidth // 8)
            rows = [tiles.shifted(start, i) for i in range(n.literal_value)]
            xs, outs = ([builder.gep(array, [builder.load(builder.gep(table, [row]))]) for row in rows]
                        for array, table in ((x, x_at), (out, out_at)))
            w = builder.gep(w, [at])
            tiles.run(outs, lambda i, c: builder.gep(xs[i], [c]),
                      lambda c: builder.gep(w, [builder.mul(c, step)]), first, last, width)
            return context.get_dummy_value()

        return signature, generate

    return add_products


@Builtin
def add_outer_products():
    """`add_outer_products(n, x, x_at, g, g_at, count, first, out, at, width)`, n a literal number of rows.

    For c from first to first + n: out[at + c·width + j] += Σ_i x[x_at[i] + c] · g[g_at[i] + j], i below `count` and j
    below `width`. `x_at` and `g_at` are int64.
    """
    from numba import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def add_outer_products(context, n, x, x_at, g, g_at, count, first, out, at, width):
        if not isinstance(n, types.IntegerLiteral):
            return None
        signature = types.void(n, x, x_at, g, g_at, types.intp, types.intp, out, types.intp, types.intp)

        def generate(context, builder, signature, args):
            x, x_at, g, g_at, out = _pointers(context, builder, signature, args)
            count, first, at, width = (args[i] for i in (5, 6, 8, 9))
            tiles = _Tiles(builder, signature.args[1].dtype.bitwidth // 8)
            rows = [tiles.shifted(first, i) for i in range(n.literal_value)]
            outs = [builder.gep(out, [builder.add(at, builder.mul(row, width))]) for row in rows]
            xs = [builder.gep(x, [row]) for row in rows]
            tiles.run(outs, lambda r, i: builder.gep(xs[r], [builder.load(builder.gep(x_at, [i]))]),
                      lambda i: builder.gep(g, [builder.load(builder.gep(g_at, [i]))]), tiles.index(0), count, width)
            return context.get_dummy_value()

        return signature, generate

    return add_outer_products


def _pointers(context, builder, signature, args):
    """The addresses at which the arrays among the arguments begin."""
    from numba import types

    return [context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args, args, strict=True) if isinstance(kind, types.Array)]


class _Tiles:
    """Writes the instructions for rows of sums: out[i][j] += Σ_c value(i, c) · line(c)[j]."""

    def __init__(self, builder, size):
        from llvmlite import ir

        self.ir, self.builder, self.size = ir, builder, size
        self.index = ir.IntType(64)
        self.element = ir.FloatType() if size == 4 else ir.DoubleType()

    def shifted(self, number, by):
        """number + by."""
        return self.builder.add(number, self.index(by))

    def run(self, outs, value, line, first, last, width):
        """Write tiles for all columns: wide ones as long as there is room, then narrower ones, then single columns.

        `value(i, c)` gives a pointer to the number of row i and input c, `line(c)` one to the start of w's row c.
        """
        from numba.core import cgutils

        builder, most, column = self.builder, BYTES // self.size, self.index(0)
        # as many sums as hide the latency of an addition, and leave registers for a line and a value
        for vectors, lanes in ((2 if len(outs) == 4 else 4, most), (1, most), (1, 4), (1, 1)):
            room, tile = builder.sub(width, column), self.index(vectors * lanes)
            stop = builder.add(column, builder.sub(room, builder.srem(room, tile)))
            with cgutils.for_range_slice(builder, column, stop, tile, self.index) as (j, _):
                self.tile(vectors, lanes, [builder.gep(out, [j]) for out in outs], value,
                          lambda c, j=j: builder.gep(line(c), [j]), first, last)
            column = stop

    def tile(self, vectors, lanes, outs, value, line, first, last):
        """Write one tile: load the sums, go through the inputs, and store the sums."""
        from numba.core import cgutils

        builder, vector = self.builder, self.ir.VectorType(self.element, lanes)
        # variables of the loop, which the compiler keeps in registers
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in outs]
        for out, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                builder.store(builder.load(self.vector_at(out, v, vector), align=self.size), total)
        with cgutils.for_range_slice(builder, first, last, self.index(1), self.index) as (c, _):
            begin = line(c)
            numbers = [builder.load(self.vector_at(begin, v, vector), align=self.size) for v in range(vectors)]
            for i, row in enumerate(sums):
                factor = self.spread(builder.load(value(i, c)), vector)
                for total, number in zip(row, numbers, strict=True):
                    product = builder.fmul(factor, number, flags=("contract",))  # with the sum one instruction
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        for out, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                builder.store(builder.load(total), self.vector_at(out, v, vector), align=self.size)

    def vector_at(self, pointer, v, vector):
        """A pointer to the v-th vector from a pointer on."""
        moved = self.builder.gep(pointer, [self.index(v * vector.count)])
        return self.builder.bitcast(moved, vector.as_pointer())

    def spread(self, number, vector):
        """A vector that has the number in all its lanes."""
        ir, nothing = self.ir, self.ir.Constant(vector, self.ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(first, nothing, zeros)
