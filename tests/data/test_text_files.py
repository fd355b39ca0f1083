"""Tables of numbers in text, and texts as characters."""

import csv

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minigen.data import CharacterCodec, DataError, load, read_csv, read_text

NUMBERS = st.one_of(st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False))


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(NUMBERS, min_size=n, max_size=n), min_size=1, max_size=6)),
    st.sampled_from([",", ";", "\t", " "]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_tables_come_back(tmp_path_factory, rows, delimiter, named, quoted, newline):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    assume(not (quoted and delimiter == " "))
    with open(path, "w", newline="") as file:
        writer = csv.writer(
            file, delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        )
        if named:
            writer.writerow([f"column{i}" for i in range(len(rows[0]))])
        writer.writerows(rows)
    values, names = read_csv(path)
    assert names == ([f"column{i}" for i in range(len(rows[0]))] if named else None)
    assert np.array_equal(values, np.array(rows, np.float64))
    assert values.dtype == (np.int64 if all(isinstance(x, int) for row in rows for x in row) else np.float64)


def test_blank_lines_signature_and_last_newline(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf\n\n a , b\n\n1,2\n\n3,4.5")
    values, names = read_csv(path)
    assert names == ["a", "b"] and values.tolist() == [[1, 2], [3, 4.5]]
    path.write_bytes(b"7")
    assert read_csv(path)[0].tolist() == [[7]]
    path.write_bytes(b"1,2\n" * 3)
    assert read_csv(path)[0].shape == (3, 2)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"\n  \n", "no rows"),
        (b"a,b\n", "names, but no rows"),
        (b"a,b\n1,2\n3\n", "line 3: expected 2 columns as in the rows before, got 1"),
        (b"1,2\n3,4,5\n", "line 2: expected 2 columns as in the rows before, got 3"),
        (b"1,2\n\n3,x\n", "line 3, column 2: expected a number, got 'x'"),
        (b"a,b\n1,2\n,4\n", "line 3, column 1: expected a number, got an empty cell"),
        (b"1,b\n2,3\n", "line 1, column 2: expected a number, got 'b'"),
        (b"a,b,c\n1,2\n", "3 names in the first line, but 2 columns"),
        (b"1 2\n3 4 5\n", "line 2: expected 2 columns"),
        (b"1,2\n3,\xff\n", "UTF-8 text.*byte 6"),
        (b"1,2\n3,\x00\n", "line 2"),
        (b"\x93NUMPY\x01\x00\n", "UTF-8"),
        (b"1,1e999x\n", "column 2"),
    ],
)
def test_bad_tables(tmp_path, content, expected):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "-Infinity", "1e999"])
def test_cells_that_are_not_finite_are_placed(tmp_path, cell):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 20 + f"3,{cell}\n")
    with pytest.raises(DataError, match="x: expected a finite number, got .* in row 20, column 1"):
        load(path)


@given(st.text(min_size=1))
def test_codec_and_back(text):
    codec = CharacterCodec.of(text)
    numbers = codec.encode(text)
    assert numbers.min() >= 0 and numbers.max() < codec.levels and numbers.shape == (len(text),)
    assert codec.decode(numbers) == text
    assert CharacterCodec.from_json(codec.to_json()) == codec
    assert list(codec.characters) == sorted(codec.characters)


def test_codec_refuses():
    codec = CharacterCodec("abc")
    with pytest.raises(ValueError, match="'x' at 2"):
        codec.encode("abxa")
    for bad in ([3], [-1], [0.0]):
        with pytest.raises(ValueError, match="numbers"):
            codec.decode(bad)
    for bad in ("", "aa", None):
        with pytest.raises(ValueError, match="characters"):
            CharacterCodec(bad)
    with pytest.raises(ValueError, match="codec"):
        CharacterCodec.from_json({"letters": "abc"})
    assert codec.encode("").shape == (0,) and codec.decode([]) == ""


def test_text_is_cut_in_order(tmp_path):
    path = tmp_path / "poem.txt"
    text = "".join(chr(97 + i % 26) for i in range(1000))
    path.write_text(text)
    data = load(path, length=8)
    assert data.name == "poem" and data.spec.shape == (8, 1)
    assert data.spec.kind == "discrete" and data.spec.levels == 26
    # 1,000 characters: 810 for training, 90 for validation, 100 for testing; remainders are dropped.
    assert (len(data.train), len(data.validation), len(data.test)) == (101, 11, 12)
    assert data.codec.decode(data.train) == text[:808]
    assert data.codec.decode(data.validation) == text[810:898]
    assert data.codec.decode(data.test) == text[900:996]


def test_bad_texts(tmp_path):
    path = tmp_path / "a.txt"
    for content, expected in (
        (b"", "empty"),
        (b"ab\xffcd", "byte 2"),
        (b"abc", "too few"),
        (b"\xef\xbb\xbf", "too few"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=expected):
            load(path)
    path.write_text("hello world " * 100)
    with pytest.raises(ValueError, match="discrete"):
        load(path, kind="continuous")
    assert load(path, kind="discrete").spec.levels == 8
    assert read_text(path).startswith("hello")
    path.write_text("a" * 1000)
    assert load(path).spec.levels == 2


def test_shakespeare(data_folder):
    path = data_folder / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip(f"no {path}")
    data = load(path)
    assert data.spec.levels == 65 and data.train.dtype == np.uint8
    assert len(data.test) == 111_540 // 64
