"""The pages of the sync in a real browser, served by the real command: wide and narrow, and the button is pressed."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry import sign_in
from registry.db import Database
from registry.people import find_person
from registry.web.given import COOKIE
from tests.conftest import lacking
from tests.sync_board import NAME, Board, board_of
from tests.test_browser import FLAGS

pytestmark = pytest.mark.browser
WIDTHS = (1280, 390)
PATHS = ("/sync", *(f"/sync/{NAME}?tab={tab}" for tab in ("amiss", "plan", "ledger", "runs", "parcels")))
SAID = '{"name": ["该 URL 已被使用。"], "__type": "Validation Error"}' + "x" * 200


@pytest.fixture
def board(sqlite_database: Database, tmp_path: Path) -> Iterator[Board]:
    with board_of(sqlite_database, tmp_path) as made:
        for entry in made.entries[:2]:
            made.row(entry, state="absent", trouble="refused", said=SAID)
        made.row(made.entries[2], drift="edited")
        made.asked(made.entries[3])
        made.ran(5, [{"code": "307/1", "name": "名录", "trouble": "refused", "said": SAID, "entry_id": "e"}])
        made.sent(1, dict.fromkeys(made.entries, "put"))
        yield made


@pytest.fixture
def served(board: Board, tmp_path: Path) -> Iterator[str]:
    mulu, url = Path(sys.executable).with_name("mulu"), f"sqlite:///{tmp_path / 'mulu.sqlite3'}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {"MULU_DATABASE_URL": url}
    server = subprocess.Popen([mulu, "serve", "--port", port], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield _up(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)


def _up(address: str) -> str:
    """The address once it answers; a busy machine takes its time to start a server."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise AssertionError("the server did not come up")


@pytest.fixture
def visit(board: Board, served: str) -> Iterator[Callable[[int], Any]]:
    """A page of so many pixels, where the system administrator is signed in; ``asked`` keeps every address."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        lacking(" Chromium", "apt-get install chromium fonts-noto-cjk")
    from playwright.sync_api import sync_playwright

    with board.database.write() as session:
        who = find_person(session, "system_admin")
        cookie = sign_in.open_session(session, who, now=datetime.now(UTC), how="password").cookie
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)

        def opened(width: int) -> Any:
            context = browser.new_context(viewport={"width": width, "height": 900}, base_url=served)
            context.add_cookies([{"name": COOKIE, "value": cookie, "url": served}])
            return context.new_page()

        yield opened
        browser.close()


def test_no_page_is_wider_than_the_window_or_asks_another_host(
    visit: Callable[[int], Any], served: str, tmp_path: Path
) -> None:
    for width in WIDTHS:
        page, asked = visit(width), []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        for number, path in enumerate(PATHS):
            page.goto(path)
            page.screenshot(path=str(tmp_path / f"sync-{number}-{width}.png"), full_page=True)
            over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert over <= 0, (path, width)
        assert all(url.startswith((served, "data:")) for url in asked)


def test_an_administrator_has_one_entry_and_then_all_tried_again(
    board: Board, visit: Callable[[int], Any]
) -> None:
    page = visit(1280)
    page.goto("/sync")
    page.get_by_role("link", name=NAME).click()
    page.get_by_role("button", name="重试", exact=True).first.click()
    page.get_by_text("1 条重新列为待办").wait_for()
    assert sorted(board.get(entry).trouble for entry in board.entries[:2]) == ["", "refused"]
    page.get_by_role("button", name="全部重试").click()
    page.get_by_text("1 条重新列为待办").wait_for()
    assert [board.get(entry).trouble for entry in board.entries[:2]] == ["", ""]
