"""Make the picture of the report that the README shows, from a comparison in a store.

    python docs/make_screenshot.py --store lossmith.db [--run 7] [--dark]

It needs Chromium with its driver (Debian: chromium, chromium-driver) and selenium, and writes docs/images/report.png: the page from its top to
the end of the forest plot, with few enough colours to stay below 200 kB.
"""

from __future__ import annotations

import argparse
import base64
import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from lossmith.compare import load
from lossmith.report import write_report

PICTURE = Path(__file__).parent / "images" / "report.png"
MOST_BYTES = 200_000
WIDTH = 1280


def main() -> int:
    parser = argparse.ArgumentParser(description="Picture of a report.")
    parser.add_argument("--store", type=Path, default=Path("lossmith.db"), help="where the comparison is stored")
    parser.add_argument("--run", type=int, default=None, help="its number; the latest where nothing is said")
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--dark", action="store_true", help="as people see it who prefer dark pages")
    options = parser.parse_args()
    comparison = load(options.run, store=options.store)
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(comparison, Path(folder) / "report.html")
        shot = photographed(page, dark=options.dark, profile=Path(folder) / "profile")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(compressed(shot))
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")
    return 0


def photographed(page: Path, *, dark: bool, profile: Path) -> bytes:
    """Return the top of a page as PNG: down to the end of the forest plot, or the leaderboard where there is none."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        sys.exit("no Chromium or chromedriver on the path")
    options = Options()
    options.binary_location = chromium
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        screen = {"width": WIDTH, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        browser.get(page.as_uri())
        end = "document.querySelector('#differences figure') || document.querySelector('#leaderboard')"
        height = browser.execute_script(f"return Math.ceil(({end}).getBoundingClientRect().bottom) + 10")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": 1}
        shot = browser.execute_cdp_cmd(
            "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip}
        )
    finally:
        browser.quit()
    return base64.b64decode(shot["data"])


def compressed(shot: bytes) -> bytes:
    """Return the picture with as many colours as fit into 200 kB."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    for colors in (256, 128, 64, 32):
        stream = io.BytesIO()
        picture.quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            stream, "PNG", optimize=True
        )
        if stream.tell() < MOST_BYTES:
            return stream.getvalue()
    sys.exit(f"the picture has {stream.tell():,} bytes with 32 colours, more than {MOST_BYTES:,}")


if __name__ == "__main__":
    sys.exit(main())
