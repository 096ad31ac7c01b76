"""The pages in a real browser, served by the real command; nothing may be loaded from another host."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import lacking
from tests.examples import good
from tests.web_people import PASSWORD

pytestmark = pytest.mark.browser
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]


@pytest.fixture
def served(tmp_path: Path, entries_file: Callable[..., Path]) -> Iterator[str]:
    mulu = Path(sys.executable).with_name("mulu")
    environment = os.environ | {"MULU_DATABASE_URL": f"sqlite:///{tmp_path / 'served.sqlite3'}"}
    path = entries_file([good("OK01"), good("OK04", update_cycle="偶尔")])
    subprocess.run([mulu, "import", path], check=True, env=environment, capture_output=True)
    _people(mulu, environment)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [mulu, "serve", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield _wait(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)


def _people(mulu: Path, environment: dict[str, str]) -> None:
    """An auditor with a password, made at the console."""

    def run(*words: str, text: str = "") -> None:
        subprocess.run(
            [mulu, *words], check=True, env=environment, capture_output=True, input=text, encoding="utf-8"
        )

    add = ("user", "add", "--name")
    run(*add, "徐安", "--role", "security_admin", "keeper")
    run(*add, "赵明理", "--role", "auditor", "--as", "keeper", "--password-stdin", "auditor", text=PASSWORD)


def _wait(address: str) -> str:
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return address
    raise AssertionError("the server did not come up")


@pytest.fixture
def page(served: str) -> Iterator[tuple[object, str, list[str]]]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        lacking(" Chromium", "apt-get install chromium fonts-noto-cjk")
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page()
        opened.on("request", lambda request: asked.append(request.url))
        _sign_in(opened, served)
        yield opened, served, asked
        browser.close()


def _sign_in(opened: Any, address: str) -> None:
    """Through the form, as people do; the first password is changed at once."""
    opened.goto(address)
    opened.get_by_label("账号").fill("auditor")
    opened.get_by_label("口令").fill(PASSWORD)
    opened.get_by_role("button", name="登录").click()
    opened.get_by_label("原口令").fill(PASSWORD)
    opened.get_by_label("新口令").fill(f"{PASSWORD}-neu")
    opened.get_by_label("再填一次").fill(f"{PASSWORD}-neu")
    opened.get_by_role("button", name="更换").click()
    opened.get_by_text("口令已更换").wait_for()


def test_a_person_signs_in_makes_a_token_and_leaves(page: tuple) -> None:
    opened, address, asked = page
    opened.get_by_label("名称").fill("报表")
    opened.get_by_label("查看全市内容").check()
    opened.get_by_role("button", name="发令牌").click()
    assert opened.locator(".secret").inner_text().startswith("mulu_")
    assert "赵明理 目录审核员" in opened.locator("header").inner_text()
    opened.get_by_role("button", name="退出").click()
    opened.goto(address)
    assert opened.url == f"{address}/login?next=%2F"
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)


def test_a_steward_sees_what_is_wrong_and_drops_a_file(
    page: tuple, entries_file: Callable[..., Path]
) -> None:
    opened, address, asked = page
    opened.goto(address)
    opened.get_by_text("错误 1").click()
    assert opened.get_by_text("更新周期“偶尔”不在更新周期表中").is_visible()
    opened.get_by_role("link", name="校验文件").click()
    opened.set_input_files(
        "input[type=file]", str(entries_file([good("OK05", share_type="9")], name="新目录.xlsx"))
    )
    opened.get_by_role("button", name="校验", exact=True).click()
    opened.wait_for_selector(".findings")
    assert opened.get_by_text("目录!AC2").is_visible() or opened.locator(
        ".place"
    ).first.inner_text().startswith("目录!")
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)


def test_the_annotated_copy_comes_as_a_download(page: tuple, entries_file: Callable[..., Path]) -> None:
    opened, address, _asked = page
    opened.goto(f"{address}/check")
    opened.set_input_files(
        "input[type=file]", str(entries_file([good("OK05", share_type="9")], name="新目录.xlsx"))
    )
    with opened.expect_download() as waiting:
        opened.get_by_role("button", name="取回批注副本").click()
    assert waiting.value.suggested_filename == "新目录-校验.xlsx"
    assert Path(waiting.value.path()).read_bytes().startswith(b"PK")
