"""Products of a few rows with a matrix inside compiled loops, added up in the processor's vector registers.

numba makes of a loop over an output row code that loads and stores the row again for every few inputs. Here the code is
spelled out in LLVM's terms: a tile of some rows and columns stays in registers while all inputs are gone through, and
each vector of w that is loaded serves all rows.
"""

from .compiling import Builtin

BYTES = 64  # of a vector; processors with narrower ones take several


@Builtin
def add_products():
    """`add_products(n, arena, x_at, out_at, start, w, at, step, first, last, width)`, n a literal number of rows.

    For rows i from start to start + n, with x = arena[x_at[i]:] and out = arena[out_at[i]:],
    out[j] += Σ_c x[c] · w[at + c·step + j], c from `first` to `last` and j below `width`.
    """
    from numba import types
    from numba.extending import intrinsic

    @intrinsic(prefer_literal=True)
    def add_products(context, n, arena, x_at, out_at, start, w, at, step, first, last, width):
        if not isinstance(n, types.IntegerLiteral):
            return None
        signature = types.void(n, arena, x_at, out_at, types.intp, w, *[types.intp] * 5)

        def generate(context, builder, signature, args):
            given = list(zip(signature.args, args, strict=True))[1:]
            pointers = [context.make_array(kind)(context, builder, array).data
                        for kind, array in given if isinstance(kind, types.Array)]
            numbers = [number for kind, number in given if kind == types.intp]
            _Tiles(builder, arena.dtype.bitwidth // 8).run(n.literal_value, *pointers, *numbers)
            return context.get_dummy_value()

        return signature, generate

    return add_products


class _Tiles:
    """Writes the instructions of `add_products`."""

    def __init__(self, builder, size):
        from llvmlite import ir

        self.ir, self.builder, self.size = ir, builder, size
        self.index = ir.IntType(64)
        self.element = ir.FloatType() if size == 4 else ir.DoubleType()

    def run(self, n, arena, x_at, out_at, w, start, at, step, first, last, width):
        """Wide tiles as long as there is room for them, then narrower ones, then single columns."""
        from numba.core import cgutils

        builder, most = self.builder, BYTES // self.size
        rows = [builder.add(start, self.index(i)) for i in range(n)]
        xs, outs = ([builder.gep(arena, [builder.load(builder.gep(table, [row]))]) for row in rows]
                    for table in (x_at, out_at))
        w, column = builder.gep(w, [at]), self.index(0)
        # as many sums as hide the latency of an addition, and leave registers for a row of w and a number of x
        for vectors, lanes in ((2 if n == 4 else 4, most), (1, most), (1, 1)):
            room, tile = builder.sub(width, column), self.index(vectors * lanes)
            stop = builder.add(column, builder.sub(room, builder.srem(room, tile)))
            with cgutils.for_range_slice(builder, column, stop, tile, self.index) as (j, _):
                self.tile(vectors, lanes, xs, [builder.gep(out, [j]) for out in outs], builder.gep(w, [j]), step,
                          first, last)
            column = stop

    def tile(self, vectors, lanes, xs, outs, w, step, first, last):
        """Load the sums, go through the inputs, and store the sums."""
        from numba.core import cgutils

        builder, vector = self.builder, self.ir.VectorType(self.element, lanes)
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in outs]  # become registers
        for out, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                builder.store(builder.load(self.place(out, v, vector), align=self.size), total)
        with cgutils.for_range_slice(builder, first, last, self.index(1), self.index) as (c, _):
            line = builder.gep(w, [builder.mul(c, step)])
            numbers = [builder.load(self.place(line, v, vector), align=self.size) for v in range(vectors)]
            for x, row in zip(xs, sums, strict=True):
                value = self.spread(builder.load(builder.gep(x, [c])), vector)
                for total, number in zip(row, numbers, strict=True):
                    product = builder.fmul(value, number, flags=("contract",))  # with the sum one instruction
                    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        for out, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                builder.store(builder.load(total), self.place(out, v, vector), align=self.size)

    def place(self, pointer, v, vector):
        """Where the v-th vector from a pointer on lies."""
        moved = self.builder.gep(pointer, [self.index(v * vector.count)])
        return self.builder.bitcast(moved, vector.as_pointer())

    def spread(self, number, vector):
        """A vector of the same number."""
        ir, nothing = self.ir, self.ir.Constant(vector, self.ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
        return self.builder.shuffle_vector(first, nothing, zeros)
