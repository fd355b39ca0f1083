#include "common.cuh"

// One block a row of n values.

KERNEL logsumexp(const Real *x, Real *out, Index n) {
    x += blockIdx.x * n;
    Real shift = shift_of(x, n), total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += exp(x[j] - shift);
    total = block_sum(total);
    if (threadIdx.x == 0) out[blockIdx.x] = log(total) + shift;
}

KERNEL softmax(const Real *x, Real *out, Index n) {
    x += blockIdx.x * n;
    out += blockIdx.x * n;
    Real shift = shift_of(x, n), total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += exp(x[j] - shift);
    total = block_sum(total);
    FOR_EACH_IN_BLOCK(j, n) out[j] = exp(x[j] - shift) / total;
}

KERNEL log_softmax(const Real *x, Real *out, Index n) {
    x += blockIdx.x * n;
    out += blockIdx.x * n;
    Real shift = shift_of(x, n), total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += exp(x[j] - shift);
    total = log(block_sum(total));
    FOR_EACH_IN_BLOCK(j, n) out[j] = (x[j] - shift) - total;
}

KERNEL softmax_vjp(const Real *g, const Real *y, Real *out, Index n) {
    Index row = blockIdx.x * n;
    Real along = 0;
    FOR_EACH_IN_BLOCK(j, n) along += g[row + j] * y[row + j];
    along = block_sum(along);
    FOR_EACH_IN_BLOCK(j, n) out[row + j] = g[row + j] * y[row + j] - y[row + j] * along;
}

KERNEL log_softmax_vjp(const Real *g, const Real *y, Real *out, Index n) {
    Index row = blockIdx.x * n;
    Real total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += g[row + j];
    total = block_sum(total);
    FOR_EACH_IN_BLOCK(j, n) out[row + j] = g[row + j] - exp(y[row + j]) * total;
}
