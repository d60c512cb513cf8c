"""What the two directions of the Kullback-Leibler divergence do to a normal law that is fitted to two modes; writes the pictures and the table of `directions.md`.

python docs/divergence/directions.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lossmith.divergence import GaussianMixture, closest_normals, measure
from lossmith.report import pictures

FOLDER = Path(__file__).parent
MARK = ("<!-- table: begin -->", "<!-- table: end -->")
# modes at -gap and gap with deviation 1, the left one with weight 0.65
GAPS = (1.0, 2.0, 3.0)


def mixture(gap: float) -> GaussianMixture:
    """Return two modes, each at `gap` from 0."""
    return GaussianMixture([0.65, 0.35], [-gap, gap], [1.0, 1.0])


def table() -> str:
    """Return the fitted laws and what each direction says of each."""
    from scipy import stats

    lines = [
        "| modes at | fitted by | mean | deviation | D(p, q) | D(q, p) | picture |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for gap in GAPS:
        p, found = mixture(gap), closest_normals(mixture(gap))
        for name, (mean, deviation) in (("D(p, q), forward", found.forward), ("D(q, p), reverse", found.reverse)):
            q = stats.norm(mean, deviation)
            there, back = measure(p, q).value, measure(q, p).value
            lines.append(
                f"| ±{gap:g} | {name} | {mean:.2f} | {deviation:.2f} | {there:.3f} | {back:.3f} | [drawn](directions-{gap:g}.svg) |"
            )
    return "\n".join(lines)


def picture(gap: float) -> str:
    """Return the law and both fits as SVG text."""
    return pictures.drawn(
        closest_normals(mixture(gap)).plot(), f"normal laws fitted to modes at -{gap:g} and {gap:g} by either direction"
    )


def page(text: str) -> str:
    """Return the page with the table in its place."""
    before, rest = text.split(MARK[0])
    return f"{before}{MARK[0]}\n\n{table()}\n\n{MARK[1]}{rest.split(MARK[1])[1]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the table is not up to date")
    place = FOLDER / "directions.md"
    text = place.read_text(encoding="utf-8")
    if parser.parse_args().check:
        return int(page(text) != text)
    place.write_text(page(text), encoding="utf-8")
    for gap in GAPS:
        (FOLDER / f"directions-{gap:g}.svg").write_text(picture(gap), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
