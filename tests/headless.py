"""Headless Chromium for tests marked `browser`."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil

import numpy as np
import pytest


def found(variable, *names):
    path = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail(f"no {names[0]}: install Debian's chromium and chromium-driver, or set {variable}")
    return path


class Browser:
    """Headless Chromium with a fresh profile, and what it asked for and complained of."""

    def __init__(self, profile):
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service

        options = Options()
        options.binary_location = found("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
        for flag in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(found("CHROMEDRIVER", "chromedriver")))

    def run(self, command, **options):
        return self.driver.execute_cdp_cmd(command, options)

    def open(self, path, *, width=1280, dark=False, scripts=True, media=""):
        self.run("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.run(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self.run(
            "Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=width < 600
        )
        self.logs("browser"), self.logs("performance")
        self.driver.get(path.as_uri())

    def logs(self, kind):
        return self.driver.get_log(kind)

    def requests(self):
        messages = [json.loads(entry["message"])["message"] for entry in self.logs("performance")]
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    def ask(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def picture(self, height=1000):
        from PIL import Image

        shot = self.run("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": self.ask("return innerWidth"), "height": height, "scale": 1})  # fmt: skip
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")).astype(float)
