#include "common.cuh"

// One block a row of n logits; row r of x is r mod rows_x, so that x may be shared by leading axes.
KERNEL bernoulli_log_prob(const Real *x, const Real *logits, Real *out, Index n, Index rows_x) {
    const Real *l = logits + blockIdx.x * n;
    const Real *v = x + blockIdx.x % rows_x * n;
    Real total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += v[j] * l[j] - (larger(l[j], 0) + log1p(exp(-fabs(l[j]))));
    total = block_sum(total);
    if (threadIdx.x == 0) out[blockIdx.x] = total;
}

KERNEL bernoulli_log_prob_vjp(const Real *g, const Real *x, const Real *logits, Real *out, Index n, Index size_x,
                              Index size) {
    FOR_EACH(i, size) {
        Real small = exp(-fabs(logits[i]));
        out[i] = g[i / n] * (x[i % size_x] - (logits[i] >= 0 ? (Real)1 : small) / (1 + small));
    }
}
