#include "common.cuh"

KERNEL relu(const Real *x, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] < 0 ? (Real)0 : x[i];  // NaN stays NaN
}

KERNEL relu_vjp(const Real *g, const Real *y, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] * (y[i] > 0 ? (Real)1 : (Real)0);
}

KERNEL leaky_relu(const Real *x, Real slope, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] > 0 ? x[i] : slope * x[i];
}

KERNEL leaky_relu_vjp(const Real *g, const Real *x, Real slope, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] > 0 ? g[i] : slope * g[i];
}

KERNEL elu(const Real *x, Real alpha, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = x[i] > 0 ? x[i] : alpha * expm1(x[i]);
}

KERNEL elu_vjp(const Real *g, const Real *x, Real alpha, Real *out, Index n) {
    FOR_EACH(i, n) out[i] = g[i] * (x[i] > 0 ? (Real)1 : alpha * exp(x[i]));
}
