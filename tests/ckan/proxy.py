"""A proxy before a portal that breaks what goes through it, by rules that a test gives.

It reads whole requests and whole answers (Content-Length and chunked), keeps the caller's connection open as HTTP/1.1
does, and counts requests by action.
"""

import http.client
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urlsplit

HTML = "<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
ACTION = re.compile(r"/api/(?:3/)?action/(\w+)")
WRITE = re.compile(r"_(create|update|patch|revise|delete|purge)$|^bulk_")
# the parts of a message that concern one connection alone
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
LONGEST_HEAD = 65536


@dataclass
class Fault:
    """What is to go wrong, for which requests.

    ``kind``: ``status`` (answered with ``status``, ``text`` and perhaps Retry-After), ``cut`` (half of the answer,
    then the end), ``lost`` (no answer), ``stall`` (the answer comes after ``seconds``), ``silent`` (never an answer,
    the connection stays open). ``carried_out``: the portal gets the request all the same. ``share`` is the part of
    fitting requests that is hit, ``action`` the only one concerned (``file``: downloads; ``write``: any that writes),
    ``after`` so many fitting requests pass first, ``times`` so many are hit at most.
    """

    kind: str
    share: float = 1.0
    action: str = ""
    after: int = 0
    times: int | None = None
    seconds: float = 0.0
    status: int = 503
    text: str = HTML.format(title="503 Service Unavailable")
    retry_after: str = ""
    carried_out: bool = True
    fitting: int = 0
    hit: int = 0

    def fits(self, action: str) -> bool:
        return self.action in {"", action} or (self.action == "write" and bool(WRITE.search(action)))


def unavailable(share: float = 1.0, **which: Any) -> Fault:
    """Answers replaced with 503."""
    return Fault("status", share, **which)


def too_many(retry_after: str = "7", **which: Any) -> Fault:
    """429 with Retry-After; the portal never sees the request."""
    return Fault("status", status=429, retry_after=retry_after, carried_out=False, **which)


def html(status: int = 200, **which: Any) -> Fault:
    """A page instead of an answer."""
    return Fault("status", status=status, text=HTML.format(title="维护中"), **which)


def redirect(to: str, **which: Any) -> Fault:
    """302 to another address; the portal never sees the request."""
    return Fault("status", status=302, text=to, carried_out=False, **which)


def cut(share: float = 1.0, **which: Any) -> Fault:
    """Half of the answer, then the end."""
    return Fault("cut", share, **which)


def lost(share: float = 1.0, **which: Any) -> Fault:
    """Carried out, and the connection ends without an answer."""
    return Fault("lost", share, **which)


def unsent(share: float = 1.0, **which: Any) -> Fault:
    """The connection ends; the portal never sees the request."""
    return Fault("lost", share, carried_out=False, **which)


def stall(seconds: float, share: float = 1.0, **which: Any) -> Fault:
    """Carried out at once, answered after so many seconds."""
    return Fault("stall", share, seconds=seconds, **which)


def silent(**which: Any) -> Fault:
    """A half-open connection: accepted, and nothing ever comes."""
    return Fault("silent", carried_out=False, **which)


class Message(NamedTuple):
    """A request as it came: its first line's method and path, its headers, its whole body."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes


class Answer(NamedTuple):
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def as_bytes(self) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return (
            "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode("latin-1") + self.body
        )


class Proxy:
    """Listens on 127.0.0.1 before ``upstream``; ``counts`` are the requests that came, by action."""

    def __init__(self, upstream: str, *, seed: int = 1) -> None:
        self.upstream = urlsplit(upstream)
        self.counts: Counter[str] = Counter()
        self.connections = 0
        self.seen: list[Message] = []
        self._faults: list[Fault] = []
        self._lots = random.Random(seed)  # which answers break is drawn, and the same each time
        self._guard = threading.Lock()
        self._ending = threading.Event()
        self._open: set[socket.socket] = set()
        self._port = 0
        self._listener: socket.socket | None = None
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def writes(self) -> int:
        """How many requests came that write."""
        return sum(count for action, count in self.counts.items() if WRITE.search(action))

    # ---- rules -------------------------------------------------------------------------------------

    def add(self, *faults: Fault) -> None:
        """Break what fits from now on; the first fault that hits a request is the one."""
        with self._guard:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Break nothing any more, listen again, let go of silent connections and forget the counts."""
        with self._guard:
            self._faults.clear()
            self.counts.clear()
            self.seen.clear()
        self._drop()
        self._listen()

    def refuse(self) -> None:
        """Refuse connections until ``clear``."""
        if self._listener is not None:
            _close(self._listener)
            self._listener = None
        self._drop()

    @contextmanager
    def broken(self, *faults: Fault) -> Iterator[None]:
        """A while with faults."""
        self.add(*faults)
        try:
            yield
        finally:
            with self._guard:
                self._faults = [fault for fault in self._faults if not any(fault is one for one in faults)]
            self._drop()

    def close(self) -> None:
        self._ending.set()
        self.refuse()

    def _hit(self, action: str) -> Fault | None:
        with self._guard:
            self.counts[action] += 1
            for fault in self._faults:
                if fault.fits(action) and self._drawn(fault):
                    fault.hit += 1
                    return fault
        return None

    def _drawn(self, fault: Fault) -> bool:
        fault.fitting += 1
        if fault.fitting <= fault.after or (fault.times is not None and fault.hit >= fault.times):
            return False
        return self._lots.random() < fault.share

    # ---- connections -------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(128)
        self._port = int(listener.getsockname()[1])
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._guard:
                self._open.add(connection)
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _drop(self) -> None:
        with self._guard:
            connections, self._open = self._open, set()
        for connection in connections:
            _close(connection)

    def _serve(self, connection: socket.socket) -> None:
        # what breaks off here is what the test asked for, or a caller that went away
        with suppress(OSError, http.client.HTTPException, ValueError):
            reader = connection.makefile("rb")
            while (message := read_message(reader)) is not None:
                if not self._answer(connection, message):
                    break
        with self._guard:
            self._open.discard(connection)
        _close(connection)

    def _answer(self, connection: socket.socket, message: Message) -> bool:
        """Whether the connection stays open for another request."""
        fault = self._hit(action_of(message.path))
        self.seen.append(message)
        answer = self._forward(message) if fault is None or fault.carried_out else None
        if fault is not None:
            return self._broken_answer(connection, fault, answer)
        assert answer is not None
        connection.sendall(answer.as_bytes())
        return not any(
            name.lower() == "connection" and value.lower() == "close" for name, value in message.headers
        )

    def _broken_answer(self, connection: socket.socket, fault: Fault, answer: Answer | None) -> bool:
        if fault.kind == "silent":
            self._ending.wait(600)
        if fault.kind == "stall" and answer is not None:
            time.sleep(fault.seconds)
            connection.sendall(answer.as_bytes())
        if fault.kind == "cut" and answer is not None:
            whole = answer.as_bytes()
            connection.sendall(whole[: len(whole) - len(answer.body) // 2 - 1])
        if fault.kind == "status":
            connection.sendall(_replaced(fault).as_bytes())
        return fault.kind in {"stall", "status"}

    def _forward(self, message: Message) -> Answer:
        upstream = http.client.HTTPConnection(self.upstream.hostname or "", self.upstream.port, timeout=300)
        try:
            headers = {name: value for name, value in message.headers if name.lower() not in HOP}
            headers["Connection"] = "close"
            upstream.request(message.method, message.path, body=message.body or None, headers=headers)
            got = upstream.getresponse()
            body = got.read()
            kept = [(name, value) for name, value in got.getheaders() if name.lower() not in HOP]
            return Answer(got.status, got.reason, kept, body)
        finally:
            upstream.close()


def _replaced(fault: Fault) -> Answer:
    headers = [("Content-Type", "text/html; charset=utf-8")]
    if fault.retry_after:
        headers += [("Retry-After", fault.retry_after), ("Date", "Sun, 22 Nov 2026 02:00:00 GMT")]
    if fault.status == 302:
        headers.append(("Location", fault.text))
    return Answer(fault.status, http.client.responses[fault.status], headers, fault.text.encode())


def action_of(path: str) -> str:
    """The action that a path calls; ``file`` for a download, empty for anything else."""
    found = ACTION.search(path)
    if found:
        return found[1]
    return "file" if "/download/" in path else ""


def read_message(reader: BinaryIO) -> Message | None:
    """The next request of a connection; None at its end."""
    first = reader.readline(LONGEST_HEAD)
    if not first.strip():
        return None
    method, path, _ = first.decode("latin-1").split(" ", 2)
    headers = []
    while (line := reader.readline(LONGEST_HEAD)) not in {b"\r\n", b"\n", b""}:
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.strip(), value.strip()))
    known = {name.lower(): value for name, value in headers}
    if known.get("transfer-encoding", "").lower() == "chunked":
        return Message(method, path, headers, _chunked(reader))
    return Message(method, path, headers, reader.read(int(known.get("content-length", 0))))


def _chunked(reader: BinaryIO) -> bytes:
    parts = []
    while size := int(reader.readline(LONGEST_HEAD).split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline(LONGEST_HEAD)
    while reader.readline(LONGEST_HEAD).strip():
        pass
    return b"".join(parts)


def _close(connection: socket.socket) -> None:
    # shutdown first: close alone does not wake a thread that waits in accept or recv
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()
