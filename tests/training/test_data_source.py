"""Where data come from, as a command line names it and as a run remembers it."""

import numpy as np
import pytest

from minigen import known, models
from minigen.data import MissingValues
from minigen.training import DataSource, load_source, load_truth


def test_known_sources_are_data():
    data = load_source("known:moons", seed=2)
    again = known.load("moons", seed=2)
    assert data.name == "known:moons" and np.array_equal(data.train, again.train)
    assert not np.array_equal(load_source("known:moons", seed=3).test, data.test)
    assert load_truth("known:moons").entropy() == known.create("moons").entropy()
    assert load_truth(DataSource("known:moons")).name == "moons" and load_truth("digits") is None
    with pytest.raises(ValueError, match="unknown source 'mons'; did you mean 'moons'"):
        load_source("known:mons")


@pytest.mark.parametrize("source", [
    DataSource("digits"), DataSource("a.csv", "continuous", 4), DataSource("a.csv", "binary,discrete", "y"),
    DataSource("known:moons"),
])
def test_a_source_comes_back_from_json(source):
    assert DataSource.from_json({**source.to_json(), "digest": "x"}) == source


@pytest.mark.parametrize("arguments, error", [
    ((None,), ValueError), (("",), ValueError), (("a", "bits"), ValueError), (("a", None, 1.5), TypeError),
    (("a", None, True), TypeError), (("known:moons", "binary"), ValueError), (("known:moons", None, 0), ValueError),
])
def test_what_is_no_source(arguments, error):
    with pytest.raises(error, match="data|kind|labels"):
        DataSource(*arguments)


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.eye(20))
    assert DataSource("a.npy", "binary", 0).resolved() == DataSource(str(tmp_path / "a.npy"), "binary", 0)
    for name in ("digits", "known:moons", "missing.npy"):
        assert DataSource(name).resolved() == DataSource(name)


def test_missing_values_are_read_for_models_that_take_them(tmp_path):
    x = np.random.default_rng(0).standard_normal((40, 3))
    x[7, 1] = np.nan
    np.save(tmp_path / "a.npy", x)
    data = load_source(tmp_path / "a.npy", model=models.model_class("gaussian"))
    assert sum((~mask).sum() for mask in data.observed.values()) == 1
    for model in (None, models.model_class("vae")):
        with pytest.raises(MissingValues, match=r"got nan in row 7, column 1.*; models that take missing values: "
                                                r".*gaussian"):
            load_source(tmp_path / "a.npy", model=model)


def test_kinds_and_labels_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("u,v,y\n" + "1,0.5,2\n0,1.5,1\n" * 20)
    data = load_source(DataSource(str(tmp_path / "a.csv"), "binary,continuous", "y"))
    assert data.spec.kind == ("binary", "continuous") and set(data.labels["train"]) == {1, 2}
