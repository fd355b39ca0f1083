"""RNADE against its formula, written out one variable at a time."""

import numpy as np
import pytest
from scipy import special, stats

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import CLASS, VECTOR, build, loss_of

RANDOM = np.random.default_rng(5)
FAMILIES = {"normal": stats.norm, "laplace": stats.laplace, "logistic": stats.logistic}


@pytest.mark.parametrize("condition", [None, CLASS, VECTOR])
@pytest.mark.parametrize("family", FAMILIES)
def test_density(family, condition):
    settings = {"hidden": 4, "components": 3, "family": family, "floor": 0.1, "order": "random"}
    model = build("rnade", DataSpec((5,), "continuous", condition=condition), settings)
    x, given, start = RANDOM.standard_normal((3, 5)), None, np.zeros((3, 4))
    if condition is not None:
        given = RANDOM.integers(0, 3, (3, 1)) if condition is CLASS else RANDOM.standard_normal((3, 4))
        start = (np.eye(3)[given[:, 0]] if condition is CLASS else given) @ raw(model.from_condition.weight)
    w, c, scale, v, b = (raw(p) for p in (model.w, model.c, model.scale, model.v, model.b))
    expected = []
    for row, a in zip(x, c + start, strict=True):
        total = 0.0
        for d, variable in enumerate(model.order):
            logits, loc, log_scale = (np.maximum(scale[d] * a, 0) @ v[d] + b[d]).reshape(3, 3)
            density = FAMILIES[family].logpdf(row[variable], loc, np.exp(log_scale) + 0.1)
            total += special.logsumexp(special.log_softmax(logits) + density)
            a = a + row[variable] * w[d]
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x, given), expected, rtol=1e-10)


def test_penalty_is_of_the_weights_alone():
    """½·l2·|w|² is what the loss has over minus the mean log-likelihood."""
    model, x = build("rnade", DataSpec((6,), "continuous"), {"l2": 0.3}), RANDOM.standard_normal((4, 6))
    expected = 0.15 * (raw(model.w) ** 2).sum() - model.score_samples(x).mean()
    assert float(raw(loss_of(model, x))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_narrows_components_and_sharpens_their_weights(temperature):
    """One variable: a mixture with logits / T and scales · T, against Kolmogorov and Smirnov's bound."""
    model = build("rnade", DataSpec((1,), "continuous"), {"hidden": 3, "components": 2, "floor": 0.3}, spread=0.7)
    logits, loc, log_scale = (np.maximum(raw(model.scale)[0] * raw(model.c), 0) @ raw(model.v)[0]
                              + raw(model.b)[0]).reshape(3, 2)
    w, scale = special.softmax(logits / temperature), temperature * (np.exp(log_scale) + 0.3)
    x = model.sample(20_000, 3, temperature=temperature)[:, 0]
    assert stats.kstest(x, lambda v: (w * stats.norm.cdf(v[:, None], loc, scale)).sum(axis=1)).pvalue > 1e-3
