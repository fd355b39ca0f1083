"""Corrupted files for the tests of every reader: seeded mutations of a valid file, and hostile files."""

import functools
import gzip
import io
import pickle
import re
import struct
import zipfile
import zlib

import numpy as np

HUGE = (2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30)
DESCRIPTIONS = (
    "|O",
    "<c16",
    "<U4",
    "|S3",
    "<M8[s]",
    "|V8",
    "<f16",
    "<f2",
    ">f8",
    "<i8",
    "|u1",
    "|b1",
    "<q9",
    "",
    "[('a', '<f4')]",
    "('<f4', (2,))",
)

EDITS = ("truncate", "flip", "overwrite", "append", "insert", "delete", "repeat", "zero", "integer", "digits")


class Canary:
    """An object whose pickle, when loaded, creates the file `path`: proof that something was executed."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def canary_pickle(path):
    """A pickle that creates the file `path` if anything loads it."""
    return pickle.dumps(Canary(path))


def npy(description, shape, payload=b"", version=1, fortran=False):
    """The bytes of an .npy file with any claimed dtype string and shape, consistent or not."""
    quoted = description if description.startswith(("[", "(")) else repr(description)
    shape = shape if isinstance(shape, str) else repr(tuple(shape))
    header = f"{{'descr': {quoted}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    length = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + payload


def zipped(entries, compression=zipfile.ZIP_DEFLATED):
    """The bytes of a zip file with the given (name, content) entries and correct checksums."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def unzipped(content):
    """The (name, content) entries of a valid zip file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


@functools.cache
def zip_bomb(name="train.npy", size=1 << 28, honest=True):
    """A small zip whose single entry inflates to an .npy file with `size` bytes of zeros.

    With `honest=False` the directory claims a small size that the deflated stream overruns.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = npy("|u1", (size // 1024, 1024))
    check, total = zlib.crc32(head), len(head)
    parts, zeros = [packer.compress(head)], bytes(1 << 20)
    for _ in range(size >> 20):
        parts.append(packer.compress(zeros))
        check, total = zlib.crc32(zeros, check), total + len(zeros)
    body = b"".join(parts) + packer.flush()
    claimed = total if honest else 4096
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, check, len(body), claimed, len(name), 0)
    local = b"PK\x03\x04" + fields + name.encode()
    directory = b"PK\x01\x02\x14\x00" + fields + bytes(14) + name.encode()
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(local) + len(body), 0)
    return local + body + directory + end


def hostile_npz(canary, names=("train", "valid", "test")):
    """Yield (label, bytes) of .npz files made to do harm: pickles, bombs, huge claims, wrong contents."""
    rows = bytes(12)
    good = npy("|u1", (4, 3), rows)
    evil = canary_pickle(canary)

    def every(content):
        return zipped([(f"{name}.npy", content) for name in names])

    yield "empty file", b""
    yield "empty zip", zipped([])
    yield "pickle instead of a zip", evil
    yield "pickled object array", every(npy("|O", (1,), evil))
    yield "pickle as an entry", every(evil)
    yield "entries without .npy", zipped([(name, rows) for name in names])
    yield "two archives in a row", every(good) + zipped([])
    yield "path as a name", zipped([("../../escape.npy", good)])
    yield "bzip2 entries", zipped([(f"{name}.npy", good) for name in names], zipfile.ZIP_BZIP2)
    yield "lzma entries", zipped([(f"{name}.npy", good) for name in names], zipfile.ZIP_LZMA)
    yield "bomb", zip_bomb(f"{names[0]}.npy", 1 << 28)
    yield "bomb that claims little", zip_bomb(f"{names[0]}.npy", 1 << 27, honest=False)
    for size in HUGE:
        yield f"claims {size} rows", every(npy("|u1", (size, 3), rows))
        yield f"claims {size} columns of nothing", every(npy("|u1", (0, size)))
    for description in DESCRIPTIONS:
        yield f"dtype {description!r}", every(npy(description, (1, 3), bytes(96)))
    for shape in (
        "(-1, 3)",
        "(-4, -3)",
        "(4.0, 3)",
        "(True, 3)",
        "4",
        "None",
        "()",
        "(12,)",
        "'a'",
        "(4, 3" + ", 1" * 70 + ")",
        "[4, 3]",
        "(" * 900,
        "9" * 9000,
    ):
        yield f"shape {shape[:20]}", every(npy("|u1", shape, rows))
    for version in (2, 3, 9):
        yield f"header version {version}", every(npy("|u1", (4, 3), rows, version))
    huge_header = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + bytes(64)
    yield "header of 4 GiB", every(huge_header)


def _splice(content, rng):
    """One small random edit of bytes."""
    data = bytearray(content)
    n = len(data)
    where = int(rng.integers(0, n + 1))
    length = int(rng.integers(1, 65))
    noise = rng.integers(0, 256, size=length).astype("u1").tobytes()
    kind = EDITS[int(rng.integers(0, len(EDITS)))]
    if kind == "truncate":
        del data[where:]
    elif kind == "flip":
        for _ in range(int(rng.integers(1, 9)) if n else 0):
            data[int(rng.integers(0, n))] ^= 1 << int(rng.integers(0, 8))
    elif kind == "overwrite":
        data[where : where + length] = noise[: len(data[where : where + length])]
    elif kind == "append":
        data += (bytes(length), content, noise)[length % 3]
    elif kind == "insert":
        data[where:where] = noise
    elif kind == "delete":
        del data[where : where + length]
    elif kind == "repeat":
        data[where:where] = data[where : where + length] * 3
    elif kind == "zero":
        data[where : where + length] = bytes(len(data[where : where + length]))
    elif kind == "integer":
        value = HUGE[int(rng.integers(0, len(HUGE)))] % 2**64
        code = ("<I", ">I", "<Q", ">Q", "<H", ">H")[int(rng.integers(0, 6))]
        packed = struct.pack(code, value % 2 ** (8 * struct.calcsize(code)))
        data[where : where + len(packed)] = packed
    else:
        numbers = list(re.finditer(rb"\d+", bytes(data[:4096])))
        if numbers:
            number = numbers[int(rng.integers(0, len(numbers)))]
            data[number.start() : number.end()] = str(HUGE[int(rng.integers(0, len(HUGE)))]).encode()
    return kind, bytes(data)


def _header(content, rng):
    """Give an .npy file another claimed dtype, shape or order, its data unchanged."""
    array = np.load(io.BytesIO(content))
    description = array.dtype.str
    shape = list(array.shape) or [1]
    kind = ("dtype", "shape", "rank", "order")[int(rng.integers(0, 4))]
    if kind == "dtype":
        description = DESCRIPTIONS[int(rng.integers(0, len(DESCRIPTIONS)))]
    elif kind == "shape":
        axis = int(rng.integers(0, len(shape)))
        shape[axis] = (0, -1, shape[axis] + 1, *HUGE)[int(rng.integers(0, 3 + len(HUGE)))]
    elif kind == "rank":
        shape = [array.size] if rng.integers(0, 2) else [1] * int(rng.integers(1, 70)) + shape
    return kind, npy(description, shape, array.tobytes(), fortran=kind == "order")


def _values(content, rng):
    """Replace some values of an .npy file by the least welcome ones of its dtype."""
    array = np.load(io.BytesIO(content))
    flat = array.reshape(-1).copy()
    where = rng.integers(0, max(flat.size, 1), size=min(3, flat.size))
    if flat.dtype.kind == "f":
        flat[where] = (np.nan, np.inf, -np.inf)[: len(where)]
    elif flat.dtype.kind in "iu":
        flat[where] = (np.iinfo(flat.dtype).max, np.iinfo(flat.dtype).min, 2)[: len(where)]
    stream = io.BytesIO()
    np.save(stream, flat.reshape(array.shape))
    return "values", stream.getvalue()


def _inside(content, rng):
    """Mutate one entry of a zip of .npy files, or its list of entries; the checksums are right again."""
    entries = unzipped(content)
    pick = int(rng.integers(0, len(entries)))
    name, body = entries[pick]
    kind = int(rng.integers(0, 6))
    if kind == 0:
        del entries[pick]
        label = "entry dropped"
    elif kind == 1:
        entries[pick] = (f"x{rng.integers(0, 9)}{name}", body)
        label = "entry renamed"
    elif kind == 2:
        entries[pick] = (name, entries[int(rng.integers(0, len(entries)))][1])
        label = "entry replaced"
    else:
        edit = _splice if kind == 3 or not body.startswith(b"\x93NUMPY") else (_header, _values)[kind - 4]
        label, body = edit(body, rng)
        label = f"entry {label}"
        entries[pick] = (name, body)
    return label, zipped(entries, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[int(rng.integers(0, 2))])


def mutations(content, rng):
    """Yield without end (label, bytes): corrupted versions of `content`, a valid file.

    `rng` is a NumPy Generator; the same seed gives the same files. A zip of .npy files, an .npy file or a
    gzip file is often taken apart, changed inside and put together with right checksums, so that not every
    change is found by those. Some results may still be valid files. Stop with `itertools.islice`.
    """
    content = bytes(content)
    while True:
        structured = rng.integers(0, 2)
        if structured and content[:2] == b"PK":
            yield _inside(content, rng)
        elif structured and content[:6] == b"\x93NUMPY":
            yield (_header, _values)[int(rng.integers(0, 2))](content, rng)
        elif structured and content[:2] == b"\x1f\x8b":
            label, inner = _splice(gzip.decompress(content), rng)
            yield f"inside gzip {label}", gzip.compress(inner, 1)
        else:
            yield _splice(content, rng)
