"""Write the figures of the gallery that need no long run, and the caption of every figure.

`python docs/draw_gallery.py` draws; the figures of the studies are written by `lossmith study run`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lossmith.studies.gallery import DRAWN, captions, captions_text

GALLERY = Path(__file__).resolve().parent / "gallery"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", action="store_true", help="write the captions alone")
    drawn = {} if parser.parse_args().captions else DRAWN
    for name, draw in drawn.items():
        (GALLERY / name).write_text(draw(), encoding="utf-8")
    (GALLERY / "captions.toml").write_text(captions_text(captions(GALLERY.parent)), encoding="utf-8")
    print(f"gallery: {len(drawn)} figures drawn, captions written")


if __name__ == "__main__":
    main()
