#include "common.cuh"

__device__ inline Real logistic(Real x) {
    Real small = exp(-fabs(x));
    return (x >= 0 ? (Real)1 : small) / (1 + small);
}

KERNEL tanh_forward(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = tanh(x[i]);
}

KERNEL tanh_vjp(const Real *g, const Real *y, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] - g[i] * y[i] * y[i];
}

KERNEL sigmoid(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = logistic(x[i]);
}

KERNEL sigmoid_vjp(const Real *g, const Real *y, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] * (y[i] * (1 - y[i]));
}

KERNEL softplus(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = larger(x[i], 0) + log1p(exp(-fabs(x[i])));
}

KERNEL softplus_vjp(const Real *g, const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] * logistic(x[i]);
}

KERNEL gate(const Real *a, const Real *b, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = tanh(a[i]) * logistic(b[i]);
}

KERNEL gate_vjp(const Real *g, const Real *a, const Real *b, Real *out_a, Real *out_b, Index n) {
    FOR_EACH(i, n) {
        Real t = tanh(a[i]), s = logistic(b[i]);
        out_a[i] = g[i] * (s * (1 - t * t));
        out_b[i] = g[i] * (t * (s * (1 - s)));
    }
}
