"""Whether adversarial networks find narrow modes: a ring of 8 and a grid of 25 Gaussians, on seeds that chose nothing.

Settings are those of `lossmith.generative.MIXTURE_SETTINGS`, chosen on seeds below 2,000; seeds here count from 3,000. All seeds of an
objective are one program. Samples are judged as the generator makes them, and as the discriminator chooses them among ten candidates.

    python benchmarks/gan_modes.py                              # a table on the terminal
    python benchmarks/gan_modes.py --markdown FILE --json FILE  # and as a page; what the JSON file has is not measured again
    python benchmarks/gan_modes.py --quick                      # two seeds and few steps, to see that it works
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FIRST = 3_000
CANDIDATES = (1, 10)
# what is asked: modes at least, share of samples within three deviations at least, divergence of shares from uniform at most
BARS = {"ring": (8, 0.0, 0.05), "grid": (24, 0.9, float("inf"))}


def measured(name: str, objective: str, *, seeds: int, steps: int | None) -> dict[str, Any]:
    """Train all seeds of an objective on a mixture, and judge 10,000 samples of each."""
    import time

    import numpy as np

    from lossmith.generative import GenerativeAdversarialNetwork, grid_of_gaussians, mode_coverage, ring_of_gaussians
    from lossmith.generative._mixtures import mixture_settings

    mixture = ring_of_gaussians() if name == "ring" else grid_of_gaussians()
    rows = mixture.sample(50_000, rng=np.random.default_rng(0))
    settings = mixture_settings(objective=objective, **({} if steps is None else {"steps": steps}))
    began = time.perf_counter()
    fitted = GenerativeAdversarialNetwork(**settings).fit_seeds(
        rows,
        seeds=range(FIRST, FIRST + seeds),
        progress=lambda done, _: print(f"{name} {done}", end="\r", file=sys.stderr),
    )
    seconds = time.perf_counter() - began
    lines: dict[str, Any] = {"seconds": seconds, "steps": settings["steps"], "candidates": {}}
    for candidates in CANDIDATES:
        found = []
        for one in fitted:
            one.candidates = candidates
            found.append(mode_coverage(one.sample(10_000, random_state=1), mixture))
        lines["candidates"][str(candidates)] = {
            "modes": [one.modes for one in found],
            "quality": [one.quality for one in found],
            "kl": [one.kl_to_uniform for one in found],
        }
    return lines


def page(found: dict[str, dict[str, Any]]) -> str:
    """Return the result as a page."""
    import numpy as np
    from turns import closing

    lines = [
        "# Modes that adversarial networks find",
        "",
        "A ring of 8 Gaussians of deviation 0.02 and a grid of 25 of deviation 0.05, `MIXTURE_SETTINGS`, which were chosen on other "
        "seeds; 10,000 samples of every seed, as the generator makes them (one candidate) and as the discriminator chooses among ten. Quality is the share of samples within three deviations of a mode (0.989 for the mixture "
        "itself), KL the divergence of the modes' shares from equal ones. The bar: ring, 8 modes and KL of at most 0.05; grid, 24 modes "
        "and a quality of 0.9.",
        "",
        "| mixture | objective | candidates | seeds | steps | fewest modes | quality: mean, least | KL: mean, largest | seeds that pass the bar | seconds for all |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for key, one in found.items():
        name, objective = key.split(" ")
        least, good, far = BARS[name]
        for candidates, judged in one["candidates"].items():
            modes, quality, kl = (np.array(judged[column]) for column in ("modes", "quality", "kl"))
            passed = int(((modes >= least) & (quality >= good) & (kl <= far)).sum())
            lines.append(
                f"| {name} | {objective} | {candidates} | {len(modes)} | {one['steps']:,} | {modes.min()} | {quality.mean():.3f}, "
                f"{quality.min():.3f} | {kl.mean():.4f}, {kl.max():.4f} | {passed} of {len(modes)} | {one['seconds']:.0f} |"
            )
    lines += ["", *[f"- {line}" for line in verdicts(found)], *closing(__file__)]
    return "\n".join(lines) + "\n"


def verdicts(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return for each mixture what the quality of paired seeds says between objectives."""
    import numpy as np

    from lossmith.compare.verdicts import judge

    lines = []
    for mixture in BARS:
        scores = {
            key.split(" ")[1]: np.array(one["candidates"]["1"]["quality"])
            for key, one in found.items()
            if key.startswith(mixture)
        }
        if len(scores) > 1:
            judged = judge(scores, direction="higher", margin=0.02, failure=0.0, rng=np.random.default_rng(0))
            for name, gap in judged.differences.items():
                if gap is not None:
                    lines.append(
                        f"Quality on the {mixture}, paired by seed: {name} is {gap.verdict} against {judged.reference}, "
                        f"[{gap.low:+.3f}, {gap.high:+.3f}] (band 0.02, one candidate)."
                    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixtures", nargs="*", choices=list(BARS), default=list(BARS))
    parser.add_argument("--objectives", nargs="*", default=["relativistic", "non_saturating"])
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--steps", type=int, help="instead of those of the settings")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    found = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    for name in given.mixtures:
        for objective in given.objectives:
            key = f"{name} {objective}"
            if key in found:
                continue
            found[key] = measured(
                name, objective, seeds=2 if given.quick else given.seeds, steps=40 if given.quick else given.steps
            )
            if given.json:
                given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = page(found)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
