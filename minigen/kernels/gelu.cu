#include "common.cuh"

__device__ inline Real logistic(Real x) { return 1 / (1 + exp(-x)); }

__device__ inline Real normal_below(Real x) { return (Real)0.5 + (Real)0.5 * erf(x * (Real)0.70710678118654752440); }

KERNEL gelu(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] * normal_below(x[i]);
}

KERNEL gelu_vjp(const Real *g, const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) {
        Real density = exp((Real)-0.5 * (x[i] * x[i])) * (Real)0.39894228040143267794;
        out[i] = g[i] * (normal_below(x[i]) + x[i] * density);
    }
}

KERNEL silu(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] * logistic(x[i]);
}

KERNEL silu_vjp(const Real *g, const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) {
        Real s = logistic(x[i]);
        out[i] = g[i] * (s + x[i] * (s * (1 - s)));
    }
}
