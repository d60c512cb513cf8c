"""A convolutional network on a CPU: lossmith against PyTorch and Keras, in turns on one machine.

Every peer is a process of its own that stays warm; they train in turns, a few batches each, so that whatever else the
machine does hits all of them. Images a second are those of the median turn.

    python benchmarks/cnn.py                    # a table on the terminal
    python benchmarks/cnn.py --markdown FILE    # and as a page
    python benchmarks/cnn.py --json FILE        # and every number behind it
    python benchmarks/cnn.py --quick            # two turns of three batches, to see that it works
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from cnn_work import BATCH, RUNS, WORK
from turns import Line, closing, measure, serve

REFERENCE = "PyTorch, channels last"


def child(name: str, steps: int) -> None:
    """Train `steps` batches whenever it is asked to."""
    run = WORK[name](steps)

    def timed() -> float:
        began = time.perf_counter()
        run(steps)
        return time.perf_counter() - began

    serve(timed)


def page(lines: list[Line], *, turns: int, steps: int) -> str:
    """Return the result as a page."""
    reference = next((line for line in lines if line.name == REFERENCE), lines[0])
    text = [
        "# Speed of convolutions on a CPU",
        "",
        f"The network of a published experiment on CIFAR-10 (612,042 parameters), batches of {BATCH}, float32, Adam. "
        f"{turns} turns of {steps} batches for each peer, one after the other; medians.",
        "",
        f"|  | images a second | against {reference.name} | least and most | peak memory |",
        "|---|---:|---:|---:|---:|",
    ]
    text += [line.row(reference) for line in lines]
    text += [
        "",
        "- lossmith trains through its engine: batches are gathered from bytes, every step can be frozen, states are kept.",
        "- The ratio is the median of the ratios within each turn.",
        *closing(__file__),
    ]
    return "\n".join(text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--only", nargs="*", choices=list(WORK), help="these peers alone")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.child:
        child(given.child, given.steps)
        return
    turns, steps = (2, 3) if given.quick else (given.turns, given.steps)
    amounts = {name: steps * BATCH * RUNS.get(name, 1) for name in given.only or WORK}
    lines = measure(__file__, amounts, turns=turns, steps=steps)
    text = page(lines, turns=turns, steps=steps)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    if given.json:
        given.json.write_text(json.dumps([line.record("images") for line in lines], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
