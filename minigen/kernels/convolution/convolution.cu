#include "common.cuh"

// What each tap reads, as rows for one matrix product: out[p, t, c] = x[stride·p + tap_t, c], and 0 outside x.
// Rows `first` … `first + rows - 1` of all positions p of the batch; there are three axes of space, of extent 1 where x
// has fewer. With `adjoint` it is what each position of the *result* of the transposed convolution reads:
// x[(p - tap_t) / stride, c] where stride divides p - tap_t.
KERNEL gather_taps(const Real *x, const int *taps, Real *out, Index first, Index rows, int n_taps, int channels,
                   int stride, int adjoint, int in0, int in1, int in2, int out0, int out1, int out2) {
    FOR_EACH(i, rows * n_taps * channels) {
        int c = i % channels, t = i / channels % n_taps;
        Index p = first + i / channels / n_taps;
        int place[3] = {(int)(p / out2 / out1 % out0), (int)(p / out2 % out1), (int)(p % out2)};
        Index image = p / out2 / out1 / out0, from = image;
        int extents[3] = {in0, in1, in2};
        bool inside = true;
        for (int a = 0; a < 3; ++a) {
            int q = adjoint ? place[a] - taps[3 * t + a] : place[a] * stride + taps[3 * t + a];
            if (adjoint) {
                inside = inside && q >= 0 && q % stride == 0;
                q /= stride;
            }
            inside = inside && q >= 0 && q < extents[a];
            from = from * extents[a] + q;
        }
        out[i] = inside ? x[from * channels + c] : (Real)0;
    }
}
