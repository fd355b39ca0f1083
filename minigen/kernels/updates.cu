#include "common.cuh"

// Updates of n elements in place. The gradient is multiplied by `scale` first, as clipping asks; a scale that is not
// finite leaves everything as it is. `rate`, `step` and `scale` may be read from the device: see SCALAR.

KERNEL sgd_update(Real *p, const Real *gradient, Real *velocity, Index n, SCALAR(rate), SCALAR(scale), Real momentum,
                  int nesterov, Real weight_decay) {
    Real by = VALUE(scale), lr = VALUE(rate);
    if (!isfinite(by)) return;
    FOR_EACH(i, n) {
        Real g = gradient[i] * by + weight_decay * p[i];
        if (velocity) {
            Real v = velocity[i] * momentum + g;
            velocity[i] = v;
            g = nesterov ? v * momentum + g : v;
        }
        p[i] -= g * lr;
    }
}

KERNEL adam_update(Real *p, const Real *gradient, Real *mean, Real *square, Index n, SCALAR(step), SCALAR(rate),
                   SCALAR(scale), double beta1, double beta2, double eps, double weight_decay, int decoupled) {
    __shared__ Real shared[2];
    Real by = VALUE(scale);
    if (!isfinite(by)) return;
    double lr = VALUE(rate);
    if (threadIdx.x == 0) {  // the bias corrections, as in the reference, once a block: powers in double are slow
        double correction = sqrt(1 - pow(beta2, VALUE(step)));
        shared[0] = lr * correction / (1 - pow(beta1, VALUE(step)));
        shared[1] = eps * correction;
    }
    __syncthreads();
    Real size = shared[0], small = shared[1], keep = 1 - lr * weight_decay;
    Real rest1 = 1 - beta1, rest2 = 1 - beta2, decay = weight_decay, b2 = beta2;
    FOR_EACH(i, n) {
        Real g = gradient[i] * by, value = p[i];
        if (decoupled) value *= keep;
        else g += decay * value;
        Real m = mean[i] + (g - mean[i]) * rest1, v = b2 * square[i] + rest2 * g * g;
        mean[i] = m;
        square[i] = v;
        p[i] = value - size * (m / (sqrt(v) + small));
    }
}

KERNEL rmsprop_update(Real *p, const Real *gradient, Real *square, Index n, SCALAR(rate), SCALAR(scale), Real decay,
                      Real eps, Real weight_decay) {
    Real by = VALUE(scale), lr = VALUE(rate);
    if (!isfinite(by)) return;
    FOR_EACH(i, n) {
        Real g = gradient[i] * by + weight_decay * p[i];
        Real v = decay * square[i] + (1 - decay) * g * g;
        square[i] = v;
        p[i] -= lr * (g / (sqrt(v) + eps));
    }
}

KERNEL average_update(Real *average, const Real *values, Index n, SCALAR(weight)) {
    Real w = VALUE(weight);
    FOR_EACH(i, n) average[i] += w * (values[i] - average[i]);
}
