"""Write the figures of the gallery that need no long run, and the caption of every figure.

`python docs/draw_gallery.py` draws; the figures of the studies are written by `lossmith study run`.
"""

from __future__ import annotations

from pathlib import Path

from lossmith.studies.gallery import DRAWN, captions_text

GALLERY = Path(__file__).resolve().parent / "gallery"


def main() -> None:
    for name, draw in DRAWN.items():
        (GALLERY / name).write_text(draw(), encoding="utf-8")
    (GALLERY / "captions.toml").write_text(captions_text(), encoding="utf-8")
    print(f"gallery: {len(DRAWN)} figures drawn, captions written")


if __name__ == "__main__":
    main()
