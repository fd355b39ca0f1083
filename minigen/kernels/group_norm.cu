#include "common.cuh"

// x is (batch, positions, channels). In the sums a block has one chunk of `rows` positions of one example, of which there
// are `chunks`, and each thread some of its channels: neighbouring threads read neighbouring numbers.

KERNEL moments(const Real *x, Real *means, Real *squares, Index positions, Index rows, Index chunks, Index channels) {
    Index example = blockIdx.x / chunks, first = blockIdx.x % chunks * rows;
    Index count = first + rows < positions ? rows : positions - first;
    const Real *start = x + (example * positions + first) * channels;
    FOR_EACH_IN_BLOCK(j, channels) {
        Real shift = start[j], sum = 0, square = 0;  // differences are small: other sums would lose digits
        for (Index r = 1; r < count; r++) sum += start[r * channels + j] - shift;
        Real mean = shift + sum / count;
        for (Index r = 0; r < count; r++) {
            Real deviation = start[r * channels + j] - mean;
            square += deviation * deviation;
        }
        means[blockIdx.x * channels + j] = mean;
        squares[blockIdx.x * channels + j] = square;
    }
}

KERNEL normalise(const Real *x, const Real *mean, const Real *factor, const Real *bias, Real *out, Index positions,
                 Index channels, Index n) {
    FOR_EACH(i, n) {
        Index j = i % channels, c = i / (positions * channels) * channels + j;
        out[i] = (x[i] - mean[c]) * factor[c] + bias[j];
    }
}

KERNEL sums(const Real *g, const Real *x, const Real *mean, Real *totals, Real *alongs, Index positions, Index rows,
            Index chunks, Index channels) {
    Index example = blockIdx.x / chunks, first = blockIdx.x % chunks * rows;
    Index count = first + rows < positions ? rows : positions - first;
    Index start = (example * positions + first) * channels;
    FOR_EACH_IN_BLOCK(j, channels) {
        Real m = mean[example * channels + j], total = 0, along = 0;
        for (Index r = 0; r < count; r++) {
            Index i = start + r * channels + j;
            total += g[i];
            along += g[i] * (x[i] - m);
        }
        totals[blockIdx.x * channels + j] = total;
        alongs[blockIdx.x * channels + j] = along;
    }
}

KERNEL input_cotangent(const Real *g, const Real *x, const Real *mean, const Real *factor, const Real *shift,
                       const Real *slope, Real *out, Index positions, Index channels, Index n) {
    FOR_EACH(i, n) {
        Index c = i / (positions * channels) * channels + i % channels;
        out[i] = g[i] * factor[c] - shift[c] - (x[i] - mean[c]) * slope[c];
    }
}
