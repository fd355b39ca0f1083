"""CIFAR-10's binary format, the carried colour images, and data put into another form."""

import numpy as np
import pytest

from minigen import Generator, data
from minigen.data.coloured_shapes import draw_shapes


def write_records(path, images, labels):
    """Records by their definition: a label, then all red, green and blue values."""
    with open(path, "wb") as file:
        for image, label in zip(images, labels, strict=True):
            file.write(bytes([label]))
            for colour in range(3):
                file.write(bytes(image[:, :, colour].reshape(-1).tolist()))


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for name, n in (("data_batch_1.bin", 20), ("data_batch_2.bin", 10), ("test_batch.bin", 7)):
        write_records(tmp_path / name, random.integers(0, 256, (n, 32, 32, 3)), random.integers(0, 10, n))
    return tmp_path


def test_cifar_files(tmp_path):
    random = np.random.default_rng(1)
    images, labels = random.integers(0, 256, (5, 32, 32, 3), np.uint8), np.array([3, 0, 9, 1, 1])
    write_records(tmp_path / "some.bin", images, labels)
    found, found_labels = data.read_cifar(tmp_path / "some.bin")
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(found_labels, labels)


def test_cifar_folder(folder):
    for dataset in (data.load(folder), data.cifar(folder)):
        assert dataset.spec == data.load("shapes").spec
        assert [len(x) for x in (dataset.train, dataset.validation, dataset.test)] == [27, 3, 7]
        assert {split: len(y) for split, y in dataset.labels.items()} == {"train": 27, "validation": 3, "test": 7}


def test_malformed_cifar_files(folder):
    path = folder / "data_batch_1.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(data.DataError, match="records of 3073 bytes"):
        data.read_cifar(path)
    path.write_bytes(b"\x0a" + content[1:])
    with pytest.raises(data.DataError, match="labels 0 to 9, got 10 in record 0"):
        data.read_cifar(path)
    path.write_bytes(b"")
    with pytest.raises(data.DataError, match="empty"):
        data.read_cifar(path)
    (folder / "test_batch.bin").unlink()
    path.write_bytes(content)
    with pytest.raises(data.DataError, match="cannot be read"):
        data.load(folder)


def test_shapes_are_colour_images_with_their_labels():
    dataset = data.load("shapes", seed=3)
    assert dataset.spec.shape == (32, 32, 3) and dataset.spec.levels == 256
    assert {len(np.unique(labels)) for labels in dataset.labels.values()} == {4}
    images, labels = draw_shapes(400, Generator(1))
    # the corner is ground and the centre of all but rings is ink: colours that differ
    centre, corner = images[:, 15:17, 15:17].mean(axis=(1, 2)), images[:, 0, 0].astype(float)
    contrast = np.abs(centre - corner).sum(axis=-1)
    assert np.median(contrast[labels == 1]) > 100
    assert len(np.unique(images.reshape(400, -1), axis=0)) == 400


def gray(seed=0):
    return data.load("digits:gray", seed)


def test_levels_are_bins_of_equal_width():
    dataset = data.prepare(gray(), levels=8)
    assert dataset.spec.levels == 8 and dataset.train.max() == 7
    np.testing.assert_array_equal(dataset.train, np.floor(gray().train / 17 * 8 + 1e-9).astype(int))
    assert data.prepare(gray(), levels=2).spec.kind == "binary"


def test_shape():
    dataset = data.prepare(gray(), shape=(64,))
    assert dataset.spec.shape == (64,)
    np.testing.assert_array_equal(dataset.test, gray().test.reshape(-1, 64))


def test_standardised_columns():
    random = np.random.default_rng(2)
    x = random.normal(3, [1.0, 10.0, 0.1], (200, 3))
    dataset = data.prepare(data.from_arrays("table", {"x": x}), standardize=True)
    np.testing.assert_allclose(dataset.train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(dataset.train.std(axis=0), 1, rtol=1e-6)
    assert abs(dataset.test.mean()) > 1e-4  # the test rows are measured with the training rows' moments


def test_labels_as_condition():
    dataset = data.prepare(gray(), conditional=True)
    assert dataset.spec.condition.levels == 10 and dataset.spec.condition.shape == ()


@pytest.mark.parametrize(("settings", "message"), [
    ({"shape": (8, 9)}, "expected 64 numbers in all"),
    ({"levels": 18}, "from 2 to the number of levels"),
    ({"levels": 1}, "from 2"),
    ({"standardize": True}, "expected continuous data, got discrete"),
])
def test_what_does_not_fit_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        data.prepare(gray(), **settings)


def test_condition_needs_labels():
    with pytest.raises(ValueError, match="needs labels"):
        data.prepare(data.from_arrays("table", {"x": np.arange(40).reshape(-1, 2)}), conditional=True)
