"""A run that is told to stop: the first signal ends it once what is on its way is done, the second at once."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_gently(stop: threading.Event, tell: Callable[[str], None]) -> Iterator[None]:
    """Set ``stop`` at the first SIGINT or SIGTERM, and say so; the second has its usual effect."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def first(_number: int, _frame: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    def watch() -> None:
        # an event that the main thread waits for cannot safely be set by its own signal handler
        if reader.recv(1):
            stop.set()
            tell("正在停止：等已发出的办完（再来一次则立即停止，下次运行会先核对）")

    watcher = threading.Thread(target=watch, name="mulu-sync-signals", daemon=True)
    watcher.start()
    kept = {number: signal.signal(number, first) for number in _SIGNALS}
    waker = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(waker)
        for number, handler in kept.items():
            signal.signal(number, handler)
        with suppress(OSError):
            writer.close()
        watcher.join()
        reader.close()
