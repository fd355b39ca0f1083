#include "common.cuh"

// One block a row of n values.

KERNEL layer_norm(const Real *x, const Real *gain, const Real *bias, Real eps, Real *out, Real *normalised,
                  Real *scale, Index n) {
    Index row = blockIdx.x * n;
    Real mean = 0, square = 0;
    FOR_EACH_IN_BLOCK(j, n) mean += x[row + j];
    mean = block_sum(mean) / n;
    FOR_EACH_IN_BLOCK(j, n) square += (x[row + j] - mean) * (x[row + j] - mean);
    Real factor = 1 / sqrt(block_sum(square) / n + eps);
    FOR_EACH_IN_BLOCK(j, n) {
        Real value = (x[row + j] - mean) * factor;
        normalised[row + j] = value;
        out[row + j] = value * gain[j] + bias[j];
    }
    if (threadIdx.x == 0) scale[blockIdx.x] = factor;
}

KERNEL layer_norm_vjp(const Real *g, const Real *gain, const Real *normalised, const Real *scale, Real *out, Index n) {
    Index row = blockIdx.x * n;
    Real mean = 0, along = 0;
    FOR_EACH_IN_BLOCK(j, n) {
        Real h = g[row + j] * gain[j];
        mean += h;
        along += h * normalised[row + j];
    }
    mean = block_sum(mean) / n;
    along = block_sum(along) / n;
    FOR_EACH_IN_BLOCK(j, n)
        out[row + j] = (g[row + j] * gain[j] - mean - normalised[row + j] * along) * scale[blockIdx.x];
}
