"""The page in a browser, by keyboard."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from longtailor.detector import Detector
from longtailor.serving import ServeSettings, create_app
from longtailor.serving.review.routes import build_router

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium, and none is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield running
        running.close()


@pytest.fixture
def address(desk: Any) -> Iterator[str]:
    app = create_app(Detector.load(desk.run), ServeSettings(), review=build_router(desk.review()))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/review"
    server.should_exit = True
    thread.join()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else 0)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda one: (
            None if one.url.startswith(("http://127.0.0.1", "data:")) else wrong.append(one.url)
        ),
    )
    page.goto(address)
    page.wait_for_selector(".card:focus")
    yield page
    context.close()
    assert wrong == []


def until(page: Any, expression: str) -> None:
    """Wait for something; Playwright's own way needs `eval`, which the page forbids."""
    limit = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < limit, expression
        time.sleep(0.05)


def until_focused(page: Any, at: int) -> None:
    cards = "[...document.querySelectorAll('.card')]"
    until(page, f"{cards}.indexOf(document.activeElement) === {at}")


def wait_for_rows(desk: Any, count: int) -> list[dict[str, str]]:
    limit = time.monotonic() + 30
    while desk.annotations.read_bytes().count(b"\n") < count:
        assert time.monotonic() < limit
        time.sleep(0.02)
    rows: list[dict[str, str]] = desk.rows()
    return rows


def test_a_reviewer_needs_no_mouse(page: Any, desk: Any) -> None:
    page.keyboard.press("l")
    assert page.evaluate("document.activeElement.id") == "label"
    page.locator("#label").select_option("sleeve:cap")
    until(page, "document.title.startsWith('sleeve:cap')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".card:focus")
    ids = page.evaluate("state.products.map((one) => one.id)")

    page.keyboard.press("y")
    wait_for_rows(desk, 1)
    page.wait_for_selector('.card[data-decision="yes"]')
    until_focused(page, 1)
    page.keyboard.press("n")
    wait_for_rows(desk, 2)
    page.keyboard.press("s")
    rows = wait_for_rows(desk, 3)
    assert [row["id"] for row in rows] == ids[:3]
    assert [row["sleeve"] for row in rows] == ["cap|?", "!cap", "?cap"]
    page.wait_for_selector('.card[data-decision="skip"]')
    until(
        page,
        "document.querySelector('#progress').innerText"
        ".startsWith('3 decided: 1 yes, 1 no, 1 skipped')",
    )

    page.keyboard.press("u")
    rows = wait_for_rows(desk, 4)
    assert (rows[3]["id"], rows[3]["review:decision"]) == (ids[2], "undo")
    until(page, "document.querySelectorAll('.card[data-decision]').length === 2")
    until_focused(page, 2)

    # Two cards stand side by side at this width.
    for key, at in (("ArrowLeft", 1), ("ArrowDown", 3), ("ArrowUp", 1), ("Home", 0)):
        page.keyboard.press(key)
        until_focused(page, at)
    page.keyboard.press("Enter")
    page.wait_for_selector("#large[open]")
    assert ids[0] in page.inner_text("#large-title")
    page.keyboard.press("n")
    assert wait_for_rows(desk, 5)[4]["sleeve"] == "!cap"
    until(page, f"document.querySelector('#large-title').textContent.includes('{ids[1]}')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".card:focus")
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector(".card:focus")

    page.keyboard.press("t")
    before = page.inner_text("#cut")
    page.keyboard.press("Home")
    until(page, f"document.querySelector('#cut').innerText !== '{before}'")
    assert "120 products above" in page.inner_text("#figures")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_decision_falls_between_two_lists(page: Any, desk: Any) -> None:
    page.evaluate(
        """() => {
            const ask = window.fetch;
            window.fetch = async (...given) => {
                if (given[0].includes("/products?")) await new Promise((go) => { window.go = go; });
                return ask(...given);
            };
        }"""
    )
    page.locator("#label").select_option("sleeve:cap")
    until(page, "Boolean(window.go)")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    page.evaluate("window.go()")
    until(page, "document.title.startsWith('sleeve:cap')")
    page.wait_for_selector(".card:focus")
    assert page.locator(".card[data-decision]").count() == 0
    assert desk.annotations.read_bytes() == b""


@pytest.mark.parametrize("names", [{"cap": "<img src=x onerror=\"document.title='hacked'\">"}])
def test_markup_in_names_is_text(page: Any, desk: Any, names: dict[str, str]) -> None:
    label = f"sleeve:{names['cap']}"
    page.locator("#label").select_option(label)
    until(page, "document.title.startsWith('sleeve:<img')")
    page.wait_for_selector(".card")
    assert page.inner_text(".card .id").startswith("<i>p")
    assert page.locator(".card .id i").count() == 0
    assert page.locator("main img:not(.photo img), header img").count() == 0
    page.locator(".card button").first.click()
    assert names["cap"] in wait_for_rows(desk, 1)[0]["sleeve"]
    assert page.title() != "hacked"


def test_a_server_that_is_gone_is_told_and_nothing_is_taken_for_kept(
    browser: Any, desk: Any, address: str
) -> None:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.wait_for_selector(".card:focus")
    page.evaluate("() => { window.fetch = async () => { throw new TypeError(); }; }")
    page.keyboard.press("y")
    page.wait_for_selector(".said.wrong")
    assert "was not kept as yes" in page.inner_text("#said")
    assert page.locator(".card[data-decision]").count() == 0
    assert desk.annotations.read_bytes() == b""
    page.close()
