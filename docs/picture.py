"""Take the picture of the front page: `python docs/picture.py REPORT.html` needs Chromium, writes docs/images/report.png."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent / "images" / "report.png"


def main() -> int:
    report = Path(sys.argv[1]).resolve()
    TARGET.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={profile}", "--window-size=1200,1500", f"--screenshot={TARGET}", report.as_uri(),
            ],
            check=True,
            capture_output=True,
        )  # fmt: skip
    print(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
