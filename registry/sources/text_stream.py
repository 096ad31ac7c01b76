"""Bytes of a text file as UTF-8. Its encoding holds for all of it: the first byte that breaks it ends the stream."""

import codecs
import re
import zlib
from dataclasses import dataclass
from typing import Protocol

from catalog_specs.law_scanning import Inputs
from registry.sources.problems import Teller
from registry.sources.source import Source

_CHUNK = 1 << 20
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_SHOWN = {"utf-8": "UTF-8", "gb18030": "GB18030", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
_DAMAGED = (OSError, EOFError, zlib.error)


class Bytes(Protocol):
    """Anything that gives bytes: a file, or what was unpacked."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding, and how many bytes of a BOM stand before the text."""

    name: str
    bom: int = 0


def encoding_of(file: Bytes, inputs: Inputs, tell: Teller) -> Encoding:
    """The encoding of a text, from as many bytes as it takes to be sure: of plain ASCII, from all of them.

    Raises:
        SourceUnreadable: it is in no encoding that is read here.
    """
    head = _tried(file)
    if head.startswith(codecs.BOM_UTF8):
        return Encoding("utf-8", 3)
    if head.startswith(_UTF32):
        raise tell.refuse("encoding_unknown", line=1, offset=0)
    for bom, name in _UTF16.items():
        if head.startswith(bom):
            return Encoding(name, 2)
    if head.count(0) > len(head) // 4:
        raise tell.refuse("utf16_plain")
    return _told_apart(head, file, inputs)


def _told_apart(head: bytes, file: Bytes, inputs: Inputs) -> Encoding:
    """UTF-8 or GB18030: enough good UTF-8 before any fault is no chance; else whichever holds longer."""
    utf8, other = _Trial("utf-8"), _Trial("gb18030")
    chunk = head
    while utf8.evidence < inputs.surely_utf8:
        utf8.take(chunk)
        other.take(chunk)
        if utf8.fault is not None or not chunk:
            break
        chunk = _tried(file)
    if utf8.evidence >= inputs.surely_utf8 or utf8.fault is None:
        return Encoding("utf-8")
    longer = other.fault is None or other.fault > utf8.fault
    return Encoding("gb18030" if longer else "utf-8")


def _tried(file: Bytes) -> bytes:
    """The next bytes; none where the file is damaged, which whoever reads it will be told."""
    try:
        return file.read(_CHUNK)
    except (*_DAMAGED, OverflowError):
        return b""


class _Trial:
    """One encoding tried: where it breaks first, and how much beyond ASCII was good before that."""

    def __init__(self, name: str) -> None:
        self.name, self.decoder = name, codecs.getincrementaldecoder(name)()
        self.seen, self.evidence = 0, 0
        self.fault: int | None = None

    def take(self, chunk: bytes) -> None:
        if self.fault is not None:
            return
        try:
            text = self.decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(self.name)
            self.fault = self.seen - (len(error.object) - len(chunk)) + error.start
        self.seen += len(chunk)
        if not text.isascii():
            # three bytes of one Chinese character are harder to hit by chance than two of another letter
            self.evidence += sum(4 if char > "\u07ff" else char > "\x7f" for char in text)


class Utf8Stream:
    """The text of a file as UTF-8 without BOM. Whatever ends it early becomes a problem of ``source``.

    ``line`` is the 1-based line that the next byte stands in.
    """

    def __init__(self, file: Bytes, encoding: Encoding, source: Source, inputs: Inputs) -> None:
        self.file, self.encoding, self.source, self.inputs = file, encoding, source, inputs
        self.decoder = codecs.getincrementaldecoder(encoding.name)()
        self.offset, self.line = encoding.bom, 1
        self.nuls, self.first_nul = 0, 0
        self.ended = False
        self.rest = b""
        self.tail = b""
        run = b"{%d}" % inputs.mixed_run
        self.foreign = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf][\x80-\xbf])" + run)
        self.begun = False

    def read(self, size: int = -1, /) -> bytes:
        """The next ``size`` bytes; fewer only at the end or where the text can no longer be read."""
        wanted = _CHUNK if size < 0 else size
        pieces, held = [self.rest], len(self.rest)
        while held < wanted and not self.ended:
            pieces.append(self._next(wanted - held))
            held += len(pieces[-1])
        whole = b"".join(pieces)
        self.rest = whole[wanted:]
        return whole[:wanted]

    def _next(self, size: int) -> bytes:
        chunk = self._chunk(size)
        if chunk is None:
            return b""
        self.ended = not chunk
        pending = len(self.decoder.getstate()[0])
        fault = self._foreign_text(chunk)
        try:
            text = self._decode(chunk if fault is None else chunk[:fault])
        except UnicodeDecodeError as error:
            at = error.start - pending
            return self._broken(error.object[: error.start].decode(self.encoding.name), at)
        if fault is not None:
            return self._broken(text.decode(), fault)
        self.offset += len(chunk)
        self._watch(text)
        self.line += text.count(b"\n")
        return text

    def _chunk(self, size: int) -> bytes | None:
        try:
            if not self.begun:
                self.begun = True
                self.file.read(self.encoding.bom)
            return self.file.read(size)
        except OverflowError:
            self.source.report("unpacked", max=self.inputs.gzip_ratio)
        except _DAMAGED as error:
            self.source.report("broken", row=self.line, detail=_first_line(error))
        self.ended = True
        return None

    def _decode(self, chunk: bytes) -> bytes:
        if self.encoding.name == "utf-8":
            if chunk.isascii() and not self.decoder.getstate()[0]:
                return chunk
            before = self.decoder.getstate()[0]
            self.decoder.decode(chunk, final=not chunk)
            after = self.decoder.getstate()[0]
            whole = before + chunk
            return whole[: len(whole) - len(after)]
        return self.decoder.decode(chunk, final=not chunk).encode("utf-8")

    def _foreign_text(self, chunk: bytes) -> int | None:
        """Where UTF-8 begins in a piece of GB18030, whose bytes it may happen to be; None for nowhere."""
        if self.encoding.name != "gb18030":
            return None
        found = self.foreign.search(self.tail + chunk)
        before = len(self.tail)
        self.tail = chunk[-3 * self.inputs.mixed_run :]
        return None if found is None else max(found.start() - before, 0)

    def _broken(self, good: str, at: int) -> bytes:
        """What stands before the line with the fault."""
        self.ended = True
        line = self.line + good.count("\n")
        shown = _SHOWN[self.encoding.name]
        self.source.report("mixed_encoding", line=line, offset=self.offset + at, encoding=shown)
        text = good[: good.rfind("\n") + 1].encode()
        self._watch(text)
        return text

    def _watch(self, text: bytes) -> None:
        at = text.find(b"\0")
        if at < 0:
            return
        if not self.nuls:
            self.first_nul = self.line + text.count(b"\n", 0, at)
        self.nuls += text.count(b"\0")

    def finish(self) -> None:
        """Tell of what was seen on the way."""
        if self.nuls:
            self.source.report("nul", count=self.nuls, line=self.first_nul)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
