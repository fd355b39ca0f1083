#include "common.cuh"

// out[index[j], :] += values[j, :] for a table of `count` rows of n values; negative indices count from the end.

// One block a row of the table, which looks through all m indices: the order of the sums is fixed.
KERNEL scatter_rows(const Real *values, const Index *index, Real *out, Index m, Index n, Index count) {
    Index row = blockIdx.x;
    FOR_EACH_IN_BLOCK(k, n) {
        Real total = 0;
        for (Index j = 0; j < m; ++j) {
            Index to = index[j];
            if (to == row || to + count == row) total += values[j * n + k];
        }
        out[row * n + k] = total;
    }
}

// For large tables, into zeros: sums of equal indices in the order in which they happen to come.
KERNEL scatter_rows_atomic(const Real *values, const Index *index, Real *out, Index m, Index n, Index count) {
    FOR_EACH(i, m * n) {
        Index to = index[i / n];
        if (to < 0) to += count;
        if (to >= 0 && to < count) atomicAdd(&out[to * n + i % n], values[i]);
    }
}
