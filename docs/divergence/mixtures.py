"""Errors of the approximations for Gaussian mixtures on 300 random pairs in one dimension; writes the table of `mixtures.md`.

python docs/divergence/mixtures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lossmith.divergence import MIXTURE_METHODS, GaussianMixture, measure, mixture_divergence

PAIRS = 300
MARK = ("<!-- table: begin -->", "<!-- table: end -->")


def draw(generator: np.random.Generator) -> GaussianMixture:
    """Return a mixture of 2 to 5 components."""
    n = int(generator.integers(2, 6))
    return GaussianMixture(
        generator.dirichlet(np.ones(n)), generator.uniform(-4, 4, n), generator.uniform(0.3, 1.8, n) ** 2
    )


def main() -> None:
    generator = np.random.default_rng(0)
    truths, found = np.empty(PAIRS), {name: np.empty(PAIRS) for name in MIXTURE_METHODS}
    drawn, bounds = {1_000: np.empty(PAIRS), 100_000: np.empty(PAIRS)}, np.empty(PAIRS)
    for number in range(PAIRS):
        p, q = draw(generator), draw(generator)
        exact = measure(p, q)
        truths[number], bounds[number] = exact.value, exact.error / exact.value
        for name in MIXTURE_METHODS:
            found[name][number] = mixture_divergence(p, q, name)
        for count, values in drawn.items():
            x = p.draw(generator, count)
            values[number] = np.mean(p.log_density(x) - q.log_density(x))
    rows = [
        ("Monte Carlo, 100,000 draws", "estimate", drawn[100_000]),
        ("Monte Carlo, 1,000 draws", "estimate", drawn[1_000]),
    ]
    rows += [(name.replace("_", " "), MIXTURE_METHODS[name].kind, values) for name, values in found.items()]
    rows.sort(key=lambda row: float(np.median(np.abs(row[2] / truths - 1))))
    text = [
        f"The integral, by quadrature: largest stated relative error {bounds.max():.0e}.",
        "",
        "| method | kind | median relative error | 90 % | negative | below the truth | above the truth |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, kind, values in rows:
        error = np.abs(values / truths - 1)
        below, above = (values < truths * (1 - 1e-9)).sum(), (values > truths * (1 + 1e-9)).sum()
        text.append(
            f"| {name} | {kind} | {np.median(error):.3f} | {np.quantile(error, 0.9):.3f} | {(values < 0).sum()} | {below} | {above} |"
        )
    page = Path(__file__).with_name("mixtures.md")
    before, _, rest = page.read_text(encoding="utf-8").partition(MARK[0])
    _, _, after = rest.partition(MARK[1])
    page.write_text("\n".join([before + MARK[0], "", *text, "", MARK[1] + after]), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
