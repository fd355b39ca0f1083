// Runs CUDA kernels on the CPU, slowly: threads are fibers of one thread, which change at barriers alone.
//
// __syncthreads waits for all threads of a block that still run, a shuffle for those of its warp. Between two barriers
// the threads run one after another, in ascending or (`reverse`) descending order, so that a missing barrier shows.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>

using std::abs; using std::cos; using std::erf; using std::exp; using std::expm1; using std::fabs; using std::floor;
using std::isfinite; using std::isinf; using std::isnan; using std::log; using std::log1p; using std::pow;
using std::sin; using std::sqrt; using std::tanh;

#define __global__
#define __device__
#define __shared__ static

struct Place { unsigned x, y, z; };
static Place threadIdx, blockIdx, blockDim, gridDim;

enum State { READY, AT_BLOCK, AT_WARP, DONE };
struct Fiber { ucontext_t context; State state; unsigned long long slot; };
static Fiber fibers[1024];
static ucontext_t scheduler;
static const size_t STACK = 32768;
static char *stacks;
static void (*entry)(void *);
static void *argument;

static void wait(State state) {
    Fiber &fiber = fibers[threadIdx.x];
    fiber.state = state;
    swapcontext(&fiber.context, &scheduler);
}
static void __syncthreads() { wait(AT_BLOCK); }
static void __syncwarp() { wait(AT_WARP); }

template <class T> T __shfl_xor_sync(unsigned, T value, int mask) {
    memcpy(&fibers[threadIdx.x].slot, &value, sizeof value);
    __syncwarp();
    T other;
    memcpy(&other, &fibers[threadIdx.x ^ mask].slot, sizeof other);
    __syncwarp();
    return other;
}

template <class T> T atomicAdd(T *place, T value) { T old = *place; *place += value; return old; }
static unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
static float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
static unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
static long long __double_as_longlong(double x) { long long bits; memcpy(&bits, &x, 8); return bits; }
static double __longlong_as_double(long long bits) { double x; memcpy(&x, &bits, 8); return x; }

static void start() {
    entry(argument);
    wait(DONE);
}

// Let those go on whose whole group (all of the block, or of a warp) waits at the same kind of barrier or is done.
static bool release(unsigned first, unsigned last, State barrier) {
    bool any = false;
    for (unsigned i = first; i < last; ++i) {
        if (fibers[i].state != barrier && fibers[i].state != DONE) return false;
        any = any || fibers[i].state == barrier;
    }
    for (unsigned i = first; any && i < last; ++i)
        if (fibers[i].state == barrier) fibers[i].state = READY;
    return any;
}

static void run_block(unsigned n, bool reverse) {
    for (unsigned i = 0; i < n; ++i) {
        getcontext(&fibers[i].context);
        fibers[i].context.uc_stack.ss_sp = stacks + i * STACK;
        fibers[i].context.uc_stack.ss_size = STACK;
        makecontext(&fibers[i].context, start, 0);
        fibers[i].state = READY;
    }
    for (unsigned done = 0; done < n;) {
        bool moved = false;
        done = 0;
        for (unsigned k = 0; k < n; ++k) {
            unsigned i = reverse ? n - 1 - k : k;
            if (fibers[i].state == READY) {
                threadIdx.x = i;
                swapcontext(&scheduler, &fibers[i].context);
                moved = true;
            }
            done += fibers[i].state == DONE;
        }
        for (unsigned warp = 0; warp < n; warp += 32) moved |= release(warp, warp + 32 < n ? warp + 32 : n, AT_WARP);
        moved |= release(0, n, AT_BLOCK);
        if (!moved && done < n) {
            fprintf(stderr, "threads of one block wait at different barriers\n");
            abort();
        }
    }
}

static void run(unsigned blocks, unsigned threads, bool reverse, void (*function)(void *), void *args) {
    if (!stacks) stacks = (char *)malloc(1024 * STACK);
    entry = function;
    argument = args;
    blockDim = {threads, 1, 1};
    gridDim = {blocks, 1, 1};
    for (unsigned b = 0; b < blocks; ++b) {
        blockIdx = {reverse ? blocks - 1 - b : b, 0, 0};
        run_block(threads, reverse);
    }
}

// Calls a kernel with the values that an array of pointers leads to, as cuLaunchKernel does.
template <class... A, size_t... I> void call(void (*kernel)(A...), void **args, std::index_sequence<I...>) {
    kernel(*(A *)args[I]...);
}
template <class... A> void call(void (*kernel)(A...), void **args) {
    call(kernel, args, std::index_sequence_for<A...>());
}

#define LAUNCHER(kernel)                                                                       \
    extern "C" void launch_##kernel(unsigned blocks, unsigned threads, int reverse, void **args) { \
        run(blocks, threads, reverse, [](void *args) { call(kernel, (void **)args); }, args);   \
    }
