// What every kernel source here shares. Each is compiled once for float and once for double, as the macro REAL says.
#ifndef REAL
#define REAL float
#endif

typedef REAL Real;
typedef long long Index;

#define KERNEL extern "C" __global__ void
#define INFINITE ((Real)__longlong_as_double(0x7ff0000000000000LL))  // NVRTC has no header that names it

// for i in [0, n), shared out among all threads of all blocks, however many there are.
#define FOR_EACH(i, n) \
    for (Index i = blockIdx.x * (Index)blockDim.x + threadIdx.x; i < (n); i += gridDim.x * (Index)blockDim.x)

// for j in [0, n), shared out among the threads of this block.
#define FOR_EACH_IN_BLOCK(j, n) for (Index j = threadIdx.x; j < (n); j += blockDim.x)

// A parameter that is either given with the launch or, where `_at` is not null, read from the device when the kernel
// runs: what changes from one replay of a captured graph to the next.
#define SCALAR(name) double name##_given, const double *name##_at
#define VALUE(name) (name##_at ? *name##_at : name##_given)

__device__ inline Real larger(Real a, Real b) { return a > b || a != a ? a : b; }  // NaN wins

// The sum over a block's threads, and the largest value of them: every thread gets it. The block has 32 k threads,
// k ≤ 32; all of them must call this.
#define BLOCK_REDUCTION(name, join, nothing)                                                        \
    __device__ inline Real name(Real value) {                                                       \
        __shared__ Real parts[32];                                                                  \
        int lane = threadIdx.x % 32, warp = threadIdx.x / 32;                                       \
        for (int step = 16; step > 0; step /= 2) {                                                  \
            Real other = __shfl_xor_sync(0xffffffffu, value, step);                                 \
            value = join;                                                                           \
        }                                                                                           \
        if (lane == 0) parts[warp] = value;                                                         \
        __syncthreads();                                                                            \
        value = lane < blockDim.x / 32 ? parts[lane] : (Real)(nothing);                             \
        for (int step = 16; step > 0; step /= 2) {                                                  \
            Real other = __shfl_xor_sync(0xffffffffu, value, step);                                 \
            value = join;                                                                           \
        }                                                                                           \
        __syncthreads(); /* before anyone writes to `parts` again */                                \
        return value;                                                                               \
    }

BLOCK_REDUCTION(block_sum, value + other, 0)
BLOCK_REDUCTION(block_max, larger(value, other), -INFINITE)

// The largest value of a row of n, and 0 where that is infinite: inf - inf would be NaN.
__device__ inline Real shift_of(const Real *x, Index n) {
    Real largest = -INFINITE;
    FOR_EACH_IN_BLOCK(j, n) largest = larger(x[j], largest);
    largest = block_max(largest);
    return isinf(largest) ? (Real)0 : largest;
}
