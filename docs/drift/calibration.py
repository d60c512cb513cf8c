"""How often lossmith alarms where nothing drifts, and what it finds: writes `calibration.json`, from which the pages are made.

`python docs/drift/calibration.py` goes on where the last run stopped (about a processor hour in all; `--seconds 300` for a
part of it, `--anew` to begin again).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import time
from pathlib import Path

import numpy as np
from power_peers import N_REFERENCE, changed, changes

from lossmith import __version__, drift

HERE = Path(__file__).resolve().parent
LEVEL = 0.05
SIZES = (100, 500, 2000, 100_000)
CELLS = [name for name, one in drift.DETECTORS.items() if one.reads in ("cells", "order")]
ROWS = [name for name, one in drift.DETECTORS.items() if one.reads == "rows"]
# repetitions that chose nothing and were chosen by nobody: counted after the first ones of a size had looked unlucky
AGAIN = 4000
JOINT = [name for name, one in drift.DETECTORS.items() if one.reads == "joint"]


def mixed(n: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Return 50 columns: 20 normal, 10 lognormal, 5 Cauchy, 5 counts, 5 yes or no, 4 categories and one Zipf law of 50 levels."""
    columns: dict[str, np.ndarray] = {}
    for place in range(20):
        columns[f"normal {place}"] = generator.normal(size=n)
    for place in range(10):
        columns[f"lognormal {place}"] = generator.lognormal(0, 1, n)
    for place in range(5):
        columns[f"cauchy {place}"] = generator.standard_cauchy(n)
    for place in range(5):
        columns[f"count {place}"] = generator.poisson(3, n)
    for place in range(5):
        columns[f"flag {place}"] = generator.random(n) < 0.1 * (place + 1)
    for place in range(4):
        columns[f"level {place}"] = np.array(["a", "b", "c", "d", "e"])[generator.integers(0, 5, n)]
    zipf = 1 / np.arange(1, 51)
    columns["zipf"] = np.array([f"z{level}" for level in range(50)])[generator.choice(50, n, p=zipf / zipf.sum())]
    return columns


def p_values(size: int, names: list[str], repetition: int) -> dict[str, dict[str, float]]:
    """Return the p-value of each detector on each column of one pair of samples of one law."""
    generator = np.random.default_rng([0, size, repetition])
    old, new = mixed(N_REFERENCE, generator), mixed(size, generator)
    joint = [name for name in names if name in JOINT]
    single = [name for name in names if name not in JOINT]
    result = drift.compare(
        old, new, detectors=single or None, joint=joint or None, level=LEVEL, minimum_effect=0.0, seed=repetition
    )
    return {column.name: {one.detector: one.p_value for one in column.judgements} for column in result.columns}


def alarm(found: dict[str, dict[str, float]], names: tuple[str, ...], *, continuous: bool) -> bool:
    """Return whether any column alarms when only these detectors are used, corrected over columns."""
    taken = []
    for column, judged in found.items():
        mine = [judged[name] for name in names if name in judged]
        if mine and not (continuous and column.split()[0] not in ("normal", "lognormal", "cauchy")):
            taken.append(min(1.0, len(mine) * min(mine)))
    from scipy.stats import false_discovery_control

    return bool((false_discovery_control(taken) <= LEVEL).any())


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a share (Clopper and Pearson)."""
    from scipy.stats import beta

    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, of - hits + 1))
    high = 1.0 if hits == of else float(beta.ppf(0.975, hits + 1, of - hits))
    return low, high


def found(kind: str, amount: float, size: int, repetition: int) -> bool:
    """Return whether a comparison alarms, everything at its default."""
    generator = np.random.default_rng([7, size, repetition])
    old, new = changed(kind, math.nan, N_REFERENCE, generator), changed(kind, amount, size, generator)
    return drift.compare(old, new, joint="auto" if kind == "dependence" else None, seed=repetition).alarm


def tried(
    size: int,
    wanted: int,
    every: int,
    joint: int,
    seconds: float,
    known: dict[str, list[list[float]]],
    *,
    first: int = 0,
) -> None:
    """Add repetitions to those that are known, `{"detector|continuous": [[repetition, alarm], ...]}`, until there are enough.

    The default and its two detectors are tried in every repetition, the others in each `every`-th. Repetition r is the
    same pair of samples whenever it is tried, so that a run goes on where the last one stopped, for each detector.
    """
    started = time.perf_counter()
    rows = [] if first else ROWS
    default = ("jensen_shannon_divergence", "binned_anderson_darling")
    rules = {"default": default, **{name: (name,) for name in [*CELLS, *rows]}}
    done = {label: {int(number) for number, _ in known.get(f"{label}|True", [])} for label in rules}
    for repetition in range(first, first + wanted):
        often = ("default", *default) if repetition % every else tuple(rules)
        missing = [label for label in often if repetition not in done[label]]
        if not missing or time.perf_counter() - started > (0.8 if joint else 1.0) * seconds:
            continue
        found = p_values(size, list(dict.fromkeys(name for label in missing for name in rules[label])), repetition)
        for label in missing:
            for continuous in (False, True):
                if continuous or label not in rows:
                    alarms = known.setdefault(f"{label}|{continuous}", [])
                    alarms.append([repetition, int(alarm(found, rules[label], continuous=continuous))])
    for name in JOINT if joint else ():
        alarms = known.setdefault(f"{name}|False", [])
        while len(alarms) < joint and time.perf_counter() - started < seconds:
            judged = p_values(size, [name], len(alarms))
            alarms.append([len(alarms), int(judged[f"({name})"][name] <= LEVEL)])


def counted(tries: dict[str, dict[str, list[list[float]]]]) -> list[dict[str, object]]:
    """Return for each size and detector in how many repetitions anything alarmed."""
    found = []
    for size, known in tries.items():
        for key, alarms in known.items():
            name, continuous = key.split("|")
            hits = sum(int(hit) for _, hit in alarms)
            if alarms:
                found.append({"detector": name, "size": int(size), "continuous": continuous == "True", "hits": hits, "of": len(alarms)})  # fmt: skip
    return found


def powered(wanted: int, seconds: float, known: dict[str, list[int]]) -> None:
    """Add repetitions, `{"change|amount|size": [alarms, tries]}`; all cases are tried once before any is tried again."""
    started = time.perf_counter()
    cases = [
        (kind, amount, size) for kind, (_, amounts) in changes().items() for amount in amounts for size in (500, 10_000)
    ]
    fewest = min((known.get(f"{kind}|{amount}|{size}", [0, 0])[1] for kind, amount, size in cases), default=0)
    for repetition in range(fewest, wanted):
        for kind, amount, size in cases:
            alarms = known.setdefault(f"{kind}|{amount}|{size}", [0, 0])
            if alarms[1] > repetition or time.perf_counter() - started > seconds:
                continue
            alarms[0] += int(found(kind, amount, size, repetition))
            alarms[1] += 1


def shares(known: dict[str, list[int]]) -> list[dict[str, object]]:
    """Return the share of alarms for each size of each change."""
    rows = []
    for key, (alarms, tries) in known.items():
        kind, amount, size = key.split("|")
        rows.append({"change": kind, "amount": float(amount), "size": int(size), "power": alarms / tries, "of": tries})
    return rows


def share(row: dict[str, object]) -> str:
    """Return a share with its interval, marked where the level lies below all of it."""
    hits, of = int(row["hits"]), int(row["of"])  # type: ignore[call-overload]
    low, high = interval(hits, of)
    return f"{hits / of:.3f} [{low:.3f}, {high:.3f}]{' **too many**' if low > LEVEL else ''} of {of}"


def page(record: dict[str, object]) -> str:
    """Return the page: false alarms and power."""
    rows: list[dict[str, object]] = record["rows"]  # type: ignore[assignment]
    sizes = [size for size in SIZES if any(row["size"] == size for row in rows)]
    lines = [
        "# Calibration and power", "",
        f"Written by `docs/drift/calibration.py` with lossmith {record['version']}; reference {N_REFERENCE:,} rows, level {LEVEL:g}, Benjamini-Hochberg over columns, minimum effect 0.", "",
        "## False alarms", "",
        "Share of comparisons with any alarm where nothing drifts, with its exact 95 % interval and the number of comparisons. "
        "50 mixed columns: 20 normal, 10 lognormal, 5 Cauchy, 5 counts, 5 yes or no, 4 categories, one Zipf law of 50 levels.", "",
    ]  # fmt: skip
    for continuous, title in ((False, "All 50 columns"), (True, "The 35 continuous columns")):
        lines += [f"**{title}**", "", "| detector | " + " | ".join(f"{size:,} rows now" for size in sizes) + " |"]
        lines += ["| --- |" + " --- |" * len(sizes)]
        for name in dict.fromkeys(str(row["detector"]) for row in rows if row["continuous"] == continuous):
            cells = [
                next(
                    (
                        share(row)
                        for row in rows
                        if (row["detector"], row["size"], row["continuous"]) == (name, size, continuous)
                    ),
                    "",
                )
                for size in sizes
            ]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["Where repetitions are few, the intervals say so. Detectors are tried on the same samples, so that an unlucky set shows in several lines of a column.", ""]  # fmt: skip
    again: list[dict[str, object]] = record["again_rows"]  # type: ignore[assignment]
    if again:
        lines += [f"In the first repetitions at 100,000 rows now some lines are above the level. Other repetitions, from {AGAIN:,} on, were counted after that, as many as had been decided before "
                  "the first of them was looked at:", "",
                  "| detector, 100,000 rows now, other repetitions | all 50 columns | the 35 continuous columns |", "| --- | --- | --- |"]  # fmt: skip
        for name in dict.fromkeys(str(row["detector"]) for row in again):
            both = [next(share(row) for row in again if (row["detector"], row["continuous"]) == (name, flag)) for flag in (False, True)]  # fmt: skip
            lines.append(f"| {name} | {both[0]} | {both[1]} |")
        lines.append("")
    lines += ["The laws were tried apart from the repetitions: of 1,000,000 simulated columns with edges at order statistics of 10,000 rows and 100,000 rows now, the p-value is below 0.05, "
              "0.01 and 0.001 in 0.99, 0.99 and 0.95 times as many as stated under Jensen-Shannon, 1.00, 1.01 and 0.98 under reverse KL, and 1.03, 1.06 and 1.07 under Pearson's chi-squared, whose "
              "law is a little too short where the reference is the smaller sample; 1,500 repetitions from 2,000 on alarm under Jensen-Shannon in 0.053 [0.042, 0.065] (continuous columns alone: "
              "0.057 [0.046, 0.070]). All 1,050 counts of cells that were made by the product in 30 of these were those of a binary search.", ""]  # fmt: skip
    lines += ["Discrete columns have discrete p-values, which makes tests of them conservative. Divergences at their chi-squared law need 50 expected rows in "
              "each cell: with 33 cells and 20,000 pairs of samples, the share of p-values below 0.001 is 0 for KL and 0.0045 for reverse KL at 5 expected rows, "
              "0.0007 to 0.001 at 50. Below that, relabelled rows decide.", ""]  # fmt: skip
    powers: list[dict[str, object]] = record["power"]  # type: ignore[assignment]
    if powers:
        lines += [
            "## Power",
            "",
            "Share of comparisons with an alarm, everything at its default (one column, minimum effect 0.02), of "
            f"{min(row['of'] for row in powers)} or more.",  # type: ignore[type-var]
            "",
        ]
        lines += [f"{peer['what']}: of {peer['repetitions']}.\n" for peer in record["peers"].values()]  # type: ignore[attr-defined]
        lines += ["![Power curves: one panel for each kind of change](power.svg)", ""]
        for kind, (meaning, _) in changes().items():
            mine = [row for row in powers if row["change"] == kind]
            amounts = sorted({float(row["amount"]) for row in mine})  # type: ignore[arg-type]
            lines += [
                f"**{kind}**: {meaning}",
                "",
                "| rows now | " + " | ".join(f"{amount:g}" for amount in amounts) + " |",
                "| --- |" + " --- |" * len(amounts),
            ]
            for size in (500, 10_000):
                found = {float(row["amount"]): row["power"] for row in mine if row["size"] == size}  # type: ignore[arg-type]
                lines.append(f"| {size:,} | " + " | ".join(f"{found[amount]:.2f}" for amount in amounts) + " |")
            for name, peer in record["peers"].items():  # type: ignore[attr-defined]
                for size in (500, 10_000):
                    theirs = [peer["powers"].get(f"{kind}|{amount}|{size}") for amount in amounts]
                    cells = ["" if power is None else f"{power:.2f}" for power in theirs]
                    lines.append(f"| {size:,}, {name} | " + " | ".join(cells) + " |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def drawn(record: dict[str, object]) -> str:
    """Return the power curves as SVG."""
    from matplotlib.figure import Figure

    from lossmith.report import _palette as palette
    from lossmith.report.svg import svg

    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    powers: list[dict[str, object]] = record["power"]  # type: ignore[assignment]
    for ax, (kind, (meaning, _)) in zip(figure.subplots(2, 3, sharey=True).ravel(), changes().items(), strict=True):
        for place, size in enumerate((500, 10_000)):
            style = palette.style(place)
            mine = sorted(
                (float(row["amount"]), float(row["power"]))
                for row in powers
                if (row["change"], row["size"]) == (kind, size)
            )  # type: ignore[arg-type]
            ax.plot(
                *zip(*mine, strict=True),
                color=style.color,
                marker=style.marker,
                ms=4,
                ls=style.dash,
                label=f"{size:,} rows",
            )
        for place, (name, peer) in enumerate(record["peers"].items(), start=2):  # type: ignore[attr-defined]
            style = palette.style(place)
            known = [(amount, peer["powers"].get(f"{kind}|{amount}|500")) for amount in changes()[kind][1]]
            theirs = [(amount, power) for amount, power in known if power is not None]
            if theirs:
                ax.plot(
                    *zip(*theirs, strict=True), color=style.color, marker=style.marker, ms=3, lw=1, ls=style.dash,
                    label=f"{name}, 500 rows",
                )  # fmt: skip
        ax.set_title(kind, fontsize=9, loc="left")
        ax.set_xlabel(meaning if len(meaning) < 38 else meaning[:36] + "…", fontsize=7)
        ax.set_ylim(-0.03, 1.03)
    figure.axes[0].legend(fontsize=7, frameon=False)
    text = svg(
        figure,
        key="power",
        title="Power",
        description="Share of comparisons with an alarm against the size of the change",
    )
    colors = " ".join(f".f-{name}{{fill:{color}}}.s-{name}{{stroke:{color}}}" for name, color in palette.LIGHT.items())
    return text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg" style="background:white"', 1).replace(
        ">", f"><style>{colors} text{{font-family:sans-serif}} path{{fill:none}}</style>", 1
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument(
        "--every", type=int, default=1, help="of so many repetitions one tries the detectors that are not the default"
    )
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="of each part; what is not done by then is left out"
    )
    parser.add_argument(
        "--again", type=int, default=0, metavar="N", help=f"only N other repetitions at 100,000 rows, from {AGAIN:,} on"
    )
    parser.add_argument("--joint", type=int, default=50)
    parser.add_argument("--power", type=int, default=100)
    parser.add_argument("--only", choices=[*map(str, SIZES), "power"], help="measure this part alone")
    parser.add_argument(
        "--peer", action="append", default=[], metavar="NAME=PYTHON", help="power of a peer, by its own interpreter"
    )
    parser.add_argument("--anew", action="store_true", help="forget what was measured before")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page from what was measured")
    given = parser.parse_args()
    place = HERE / "calibration.json"
    record = {
        "version": __version__,
        "level": LEVEL,
        "n_reference": N_REFERENCE,
        "tries": {},
        "again": {},
        "powers": {},
        "peers": {},
    }
    if place.exists() and not given.anew:
        record |= json.loads(place.read_text(encoding="utf-8"))
    if given.again:
        tried(SIZES[-1], given.again, 1, 0, given.seconds, record["again"].setdefault(str(SIZES[-1]), {}), first=AGAIN)
        _written(record, place)
        return
    for size in SIZES if not given.page else ():
        if given.only in (None, str(size)):
            started = time.perf_counter()
            known = record["tries"].setdefault(str(size), {})
            tried(size, given.repetitions, given.every, given.joint, given.seconds, known)
            print(f"n_cur = {size:,}: {time.perf_counter() - started:.0f} s", flush=True)
            _written(record, place)
    if given.only in (None, "power") and not given.page:
        powered(given.power, given.seconds, record["powers"])
    for text in given.peer:
        name, python = text.split("=", 1)
        command = [python, str(HERE / "power_peers.py"), name, "--repetitions", str(given.power)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        record["peers"][name] = json.loads(told.strip().splitlines()[-1])
    _written(record, place)


def _written(record: dict[str, object], place: Path) -> None:
    place.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    whole = record | {
        "rows": counted(record["tries"]),
        "again_rows": counted(record["again"]),
        "power": shares(record["powers"]),
    }  # type: ignore[arg-type]
    (HERE / "calibration.md").write_text(page(whole), encoding="utf-8")
    if whole["power"]:
        (HERE / "power.svg").write_text(drawn(whole) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
