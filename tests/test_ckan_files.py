"""Bytes on their way to a portal: what is sent is what was said, and nothing is read from another host."""

import io
from email import message_from_bytes
from email.policy import HTTP

import pytest

from sync.ckan_files import Form, Upload, download_address
from sync.portal import Refused
from tests.ckan import proxy as faults
from tests.ckan.proxy import Proxy

CONTENT = bytes(range(256)) * 1024


def form(content: bytes, size: int) -> Form:
    return Form(
        {b"match": b'{"id": "1"}'},
        {"update__resources__0__upload": Upload("表.csv", io.BytesIO(content), size)},
    )


def test_a_form_is_as_long_as_it_says_and_is_read_in_pieces() -> None:
    body = form(CONTENT, len(CONTENT))
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    pieces = list(iter(lambda: body.read(1000), b""))
    assert max(map(len, pieces)) <= 1000 and sum(map(len, pieces)) == len(body)
    parts = message_from_bytes(head + b"".join(pieces), policy=HTTP).get_payload()
    assert [part.get_payload(decode=True) for part in parts] == [b'{"id": "1"}', CONTENT]
    assert parts[1].get_filename() == "%E8%A1%A8.csv"


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_file_of_another_size_is_not_sent(size: int) -> None:
    with pytest.raises(Refused, match="没有上传"):
        form(CONTENT, size).read()


def test_a_download_is_read_from_the_portal_alone() -> None:
    resource = {"id": "r/1", "url": "https://elsewhere.example/x/%E8%A1%A8 1.csv?token=1"}
    address = download_address("https://portal.example/root/", "p", resource)
    assert address == "https://portal.example/root/dataset/p/resource/r%2F1/download/%E8%A1%A8%201.csv"


def test_faults_are_told_by_action() -> None:
    assert faults.unavailable(action="write").fits("package_revise")
    assert not faults.unavailable(action="write").fits("package_show")
    assert faults.action_of("/api/3/action/package_show?id=1") == faults.action_of("/api/action/package_show")
    assert faults.action_of("/dataset/1/resource/2/download/a.csv") == "file"


def test_a_refusing_proxy_listens_again_at_the_same_address() -> None:
    proxy = Proxy("http://127.0.0.1:9")
    before = proxy.url
    proxy.refuse()
    proxy.clear()
    assert proxy.url == before
    proxy.close()
