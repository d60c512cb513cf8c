"""The documentation site: built without complaint, and opened in a real browser without request or error."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from headless import Browser

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[1]
SHOWN = [
    "index.html",
    "tour.html",
    "pages.html",
    "choosing.html",
    "comparison.html",
    "gallery.html",
    "speed.html",
    "references.html",
    "extend-loss.html",
    "divergence/directions.html",
    "drift/index.html",
    "generative.html",
    "losses/huber.html",
    "ledger.html",
    "api/losses.html",
    "divergence/index.html",
    "benchmarks.html",
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that writes no log."""

    def log_message(self, *_: object) -> None:
        pass


class Links(HTMLParser):
    """Targets of links and pictures, and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.targets.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_no_link_is_broken(site) -> None:
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 120
    lost = []
    for path, links in pages.items():
        if path.name == "404.html":  # its links begin at the top of a server
            continue
        for target in links.targets:
            if re.match(r"[a-z]+:", target):
                continue
            file, _, fragment = unquote(target).partition("#")
            place = (path.parent / file).resolve() if file else path
            if not place.exists() or (fragment and place.suffix == ".html" and fragment not in pages[place].anchors):
                lost.append(f"{path.relative_to(site)}: {target}")
    assert lost == []


@pytest.fixture
def address(site) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def test_pages_open_without_request_or_error(site, address, tmp_path) -> None:
    browser = Browser(tmp_path)
    try:
        for name in SHOWN:
            browser.logs("browser"), browser.logs("performance")
            browser.driver.get(address + name)
            asked = [url for url in browser.requests() if url.startswith(("http:", "https:"))]
            assert [url for url in asked if not url.startswith(address)] == [], name
            assert [entry for entry in browser.logs("browser") if entry["level"] == "SEVERE"] == [], name
            widths = browser.ask("return [...document.images].map(image => image.naturalWidth)")
            assert all(width > 0 for width in widths), name
        browser.open(site / "losses/huber.html")
        assert browser.ask("return document.querySelectorAll('math').length") > 0
        figures = {
            "index.html": 1,
            "gallery.html": len(list((ROOT / "docs" / "gallery").glob("*.svg"))),
            "divergence/directions.html": 3,
        }
        for name, count in figures.items():
            browser.open(site / name)
            widths = browser.ask("return [...document.images].map(image => image.naturalWidth)")
            assert len(widths) >= count and all(width > 0 for width in widths), name
    finally:
        browser.driver.quit()
