"""A stream of JSON cut into the texts of its objects: one a line, or the elements of one array."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from registry.sources.text_stream import Bytes

_CHUNK = 1 << 20
_BLANK = b" \t\r\n"
# what may end an element of an array, or change what an end means
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|"|[\[\]{},]', re.DOTALL)


class Piece(NamedTuple):
    """The text of what should be an object, and the 1-based line it begins in."""

    line: int
    text: bytes


class TooLongError(Exception):
    """One object is longer than is read."""


def pieces(stream: Bytes, most: int) -> Iterator[Piece]:
    """The objects of a stream in order.

    Raises:
        TooLongError: one has more than ``most`` bytes.
    """
    data = b""
    while more := stream.read(_CHUNK):
        data += more
        if data.strip(_BLANK):
            break
    if data.lstrip(_BLANK)[:1] == b"[":
        return _elements(data, stream, most)
    return _lines(data, stream, most)


def _lines(data: bytes, stream: Bytes, most: int) -> Iterator[Piece]:
    line = 1
    while True:
        *whole, rest = data.split(b"\n")
        for text in whole:
            if text.strip(_BLANK):
                yield Piece(line, text)
            line += 1
        if len(rest) > most:
            raise TooLongError
        more = stream.read(_CHUNK)
        if not more:
            break
        data = rest + more
    if rest.strip(_BLANK):
        yield Piece(line, rest)


def _elements(data: bytes, stream: Bytes, most: int) -> Iterator[Piece]:
    """The elements of an array; what stands behind it, and an end that is missing, are pieces that do not parse."""
    cutter = _Cutter(data)
    while True:
        yield from cutter.cut()
        if cutter.closed or len(cutter.data) > most:
            break
        more = stream.read(_CHUNK)
        if not more:
            break
        cutter.data += more
    if len(cutter.data) > most and not cutter.closed:
        raise TooLongError
    rest = cutter.data + (stream.read(_CHUNK) if cutter.closed else b"")
    if rest.strip(_BLANK) or not cutter.closed:
        yield Piece(cutter.line, rest.strip(_BLANK) + b" ]")


class _Cutter:
    """``data`` begins with the element that is being read; ``at`` is how far it was looked through."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.depth, self.line = data, 0, 0, 1
        self.closed = False

    def cut(self) -> Iterator[Piece]:
        """The elements that end in the data."""
        begin = 0
        for mark in _MARK.finditer(self.data, self.at):
            token = mark.group()
            if token == b'"':
                self.at = mark.start()  # a string that goes on in what was not read yet
                break
            self.at = mark.end()
            ends = self._step(token)
            if ends:
                yield from self._piece(self.data[begin : mark.start()])
                begin = mark.end()
            if self.closed:
                break
        else:
            self.at = len(self.data)
        self.data, self.at = self.data[begin:], self.at - begin

    def _step(self, token: bytes) -> bool:
        """Whether a mark ends an element (or begins the array, before which nothing stands)."""
        if token in (b"[", b"{"):
            self.depth += 1
            return self.depth == 1
        if token in (b"]", b"}"):
            self.depth -= 1
            self.closed = self.depth <= 0
            return self.closed
        return token == b"," and self.depth == 1

    def _piece(self, text: bytes) -> Iterator[Piece]:
        if text.strip(_BLANK):
            yield Piece(self.line + text[: len(text) - len(text.lstrip(_BLANK))].count(b"\n"), text)
        self.line += text.count(b"\n")
