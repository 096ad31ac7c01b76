"""Both digests of a file, read once."""

import hashlib
import io

import pytest

from registry.digests import CHUNK, digests
from validators import merkle

# GB/T 32905-2016, appendix A.1 and A.2
SM3 = {
    b"abc": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
}


@pytest.mark.parametrize("data", SM3)
def test_the_examples_of_the_standard_come_out(data: bytes) -> None:
    found = digests(io.BytesIO(data))
    assert found == (hashlib.sha256(data).hexdigest(), SM3[data], len(data))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_pieces_give_the_digests_of_the_whole(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    found = digests(io.BytesIO(data[:size]))
    assert found == (
        hashlib.sha256(data[:size]).hexdigest(),
        hashlib.new("sm3", data[:size]).hexdigest(),
        size,
    )


def test_it_begins_where_the_stream_stands() -> None:
    source = io.BytesIO(b"xyzabc")
    source.seek(3)
    assert digests(source).sm3 == SM3[b"abc"]


@pytest.mark.parametrize("data", SM3)
def test_a_python_without_sm3_gives_the_same(data: bytes) -> None:
    running = merkle._Sm3(data[:1])
    running.update(data[1:])
    assert running.digest().hex() == SM3[data]
