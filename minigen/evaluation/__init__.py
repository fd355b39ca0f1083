"""What a trained model is worth on data that it has not seen, what its samples are worth, and whether it is correct.

Figures of a model: read `likelihood.py` first.

    likelihood                              evaluate: means over a split, with standard errors
    dequantisation                          bits of discrete data under a continuous density
    gap                                     the distance from a source whose density is known
    samples, sample_figures                 samples in batches; figures of models without a likelihood
    two_sample, classifier_test             tests of whether two sets of samples have one distribution
    wasserstein, coverage, sample_rows      distances between samples; what they show of the data; rows of numbers
    calibration                             whether densities are as sure as they should be
    receptive_field                         the pixels that a conditional depends on

Is a model correct? Read `identities.py`, then `identity_checks.py`.

    identities, identity_checks             all checks of a model, and what they share
    normalisation, adaptive_quadrature      whether a density adds up to 1: sums and integrals
    importance, proposal                    the same in many dimensions, by importance sampling
    sampler_check                           whether samples have the density
    bounds, marginals, classes, bijections  checks of latent, missing-value, class and flow models
    kernel_check, selfcheck                 checks of an installed minigen
"""

from .calibration import Calibration, Uniformity, calibration, integral_transform, region_coverage, uniformity
from .classifier_test import ClassifierTest, classifier_test
from .coverage import Coverage, ModeCoverage, mode_coverage, sample_coverage
from .dequantisation import dequantise, dequantised_figures
from .gap import Gap, gap_to_truth
from .identities import Check, all_passed, check_bijection, identities
from .likelihood import evaluate, per_example, summarise, validation_score
from .receptive_field import receptive_field
from .sample_figures import sample_figures, sample_score
from .samples import draw_samples
from .two_sample import TwoSampleTest, energy_distance, energy_test, mmd_squared, mmd_test
from .wasserstein import SlicedWasserstein, sliced_wasserstein, wasserstein_1d

__all__ = [
    "Calibration", "Check", "ClassifierTest", "Coverage", "Gap", "ModeCoverage", "SlicedWasserstein",
    "TwoSampleTest", "Uniformity", "all_passed", "calibration", "check_bijection", "classifier_test",
    "dequantise", "dequantised_figures", "draw_samples", "energy_distance", "energy_test", "evaluate", "gap_to_truth",
    "identities", "integral_transform", "mmd_squared", "mmd_test", "mode_coverage", "per_example",
    "receptive_field", "region_coverage", "sample_coverage", "sample_figures", "sample_score", "sliced_wasserstein",
    "summarise", "uniformity", "validation_score", "wasserstein_1d",
]
