#include "common.cuh"

// x·l - log(1 + exp(l)), which for x = 0 and 1 is -log(1 + exp(±l)), and so defined for infinite l too.
__device__ inline Real term(Real x, Real l) {
    Real tail = log1p(exp(-fabs(l)));
    if (x == 0) return -larger(l, 0) - tail;
    if (x == 1) return -larger(-l, 0) - tail;
    return x * l - (larger(l, 0) + tail);
}

// One block a row of n logits; row r of x is r mod rows_x, so that x may be shared by leading axes.
KERNEL bernoulli_log_prob(const Real *x, const Real *logits, Real *out, Index n, Index rows_x) {
    const Real *l = logits + blockIdx.x * n;
    const Real *v = x + blockIdx.x % rows_x * n;
    Real total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += term(v[j], l[j]);
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
