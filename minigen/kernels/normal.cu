#include "common.cuh"

// Rows of n elements; row r of an argument that leading axes share is r modulo its rows, element i is i modulo its size.

KERNEL normal_log_prob(const Real *x, const Real *loc, const Real *log_scale, Real *out, Index n, Index rows_loc,
                       Index rows_scale) {
    const Real *m = loc + blockIdx.x % rows_loc * n, *s = log_scale + blockIdx.x % rows_scale * n;
    x += blockIdx.x * n;
    Real total = 0;
    FOR_EACH_IN_BLOCK(j, n) {
        Real z = (x[j] - m[j]) * exp(-s[j]);
        total += (Real)0.5 * (z * z) + (s[j] + (Real)0.91893853320467274178);
    }
    total = block_sum(total);
    if (threadIdx.x == 0) out[blockIdx.x] = -total;
}

KERNEL normal_log_prob_vjp(const Real *g, const Real *x, const Real *loc, const Real *log_scale, Real *out_x,
                           Real *out_loc, Real *out_scale, Index n, Index size_loc, Index size_scale, Index size) {
    FOR_EACH(i, size) {
        Real inverse = exp(-log_scale[i % size_scale]), z = (x[i] - loc[i % size_loc]) * inverse, weight = g[i / n];
        Real slope = weight * (z * inverse);
        out_x[i] = -slope;
        out_loc[i] = slope;
        out_scale[i] = weight * (z * z - 1);
    }
}

KERNEL normal_kl(const Real *loc, const Real *log_scale, Real *out, Index n) {
    loc += blockIdx.x * n;
    log_scale += blockIdx.x * n;
    Real total = 0;
    FOR_EACH_IN_BLOCK(j, n) total += (Real)0.5 * (expm1(2 * log_scale[j]) + loc[j] * loc[j]) - log_scale[j];
    total = block_sum(total);
    if (threadIdx.x == 0) out[blockIdx.x] = total;
}

KERNEL normal_kl_vjp(const Real *g, const Real *loc, const Real *log_scale, Real *out_loc, Real *out_scale, Index n,
                     Index size) {
    FOR_EACH(i, size) {
        out_loc[i] = g[i / n] * loc[i];
        out_scale[i] = g[i / n] * expm1(2 * log_scale[i]);
    }
}

KERNEL reparameterize(const Real *loc, const Real *log_scale, const Real *noise, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = loc[i] + exp(log_scale[i]) * noise[i];
}

KERNEL reparameterize_vjp(const Real *g, const Real *log_scale, const Real *noise, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] * (exp(log_scale[i]) * noise[i]);
}
