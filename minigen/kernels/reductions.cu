#include "common.cuh"

// One block a row of n values.

// The largest value of a row, and 0 where that is infinite: inf - inf would be NaN.
__device__ inline Real shift_of(const Real *x, Index n) {
    Real largest = -INFINITE;
    FOR_EACH_IN_BLOCK(j, n) largest = larger(x[j], largest);
    largest = block_max(largest);
    return isinf(largest) ? (Real)0 : largest;
}

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

// Sums over the rows of a (rows, columns) matrix: a block has 32 columns and 8 threads for each, in a fixed order.
KERNEL column_sum(const Real *x, Real *out, Index rows, Index columns) {
    __shared__ Real parts[8][33];
    int lane = threadIdx.x % 32, part = threadIdx.x / 32;
    Index column = blockIdx.x * (Index)32 + lane;
    Real total = 0;
    if (column < columns)
        for (Index row = part; row < rows; row += 8) total += x[row * columns + column];
    parts[part][lane] = total;
    __syncthreads();
    if (part == 0 && column < columns) {
        for (int k = 1; k < 8; ++k) total += parts[k][lane];
        out[column] = total;
    }
}
