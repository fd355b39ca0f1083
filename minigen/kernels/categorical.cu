#include "common.cuh"

// One block an index: row r of the logits, n of them, is r modulo their rows. An index outside 0 … n - 1 gives NaN.

KERNEL categorical_log_prob(const Real *logits, const Index *index, Real *out, Index n, Index rows_logits) {
    const Real *v = logits + blockIdx.x % rows_logits * n;
    Real shift = shift_of(v, n), total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += exp(v[j] - shift);
    total = block_sum(total);
    Index at = index[blockIdx.x];
    if (threadIdx.x == 0)
        out[blockIdx.x] = at >= 0 && at < n ? (v[at] - shift) - log(total) : INFINITE - INFINITE;
}

KERNEL categorical_log_prob_vjp(const Real *g, const Real *logits, const Index *index, Real *out, Index n,
                                Index rows_logits) {
    const Real *v = logits + blockIdx.x % rows_logits * n;
    Real shift = shift_of(v, n), total = 0, weight = g[blockIdx.x];
    FOR_EACH_IN_BLOCK(j, n) total += exp(v[j] - shift);
    total = block_sum(total);
    FOR_EACH_IN_BLOCK(j, n)
        out[blockIdx.x * n + j] = weight * ((j == index[blockIdx.x] ? (Real)1 : (Real)0) - exp(v[j] - shift) / total);
}
