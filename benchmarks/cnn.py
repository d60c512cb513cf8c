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
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from cnn_work import BATCH, RUNS, WORK

REFERENCE = "PyTorch, channels last"


@dataclass(frozen=True, slots=True)
class Line:
    """One peer: seconds of every turn, images trained in a turn, peak memory."""

    name: str
    seconds: tuple[float, ...]
    images: int
    megabytes: float

    @property
    def rate(self) -> float:
        """Images a second, of the median turn."""
        return self.images / statistics.median(self.seconds)


def child(name: str, steps: int) -> None:
    """Train `steps` batches for every line that comes in, and answer with the seconds it took."""
    run = WORK[name](steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        run(steps)
        seconds = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "megabytes": memory}), flush=True)


class Peer:
    """A process that trains when it is asked to."""

    def __init__(self, name: str, steps: int) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XLA_", "KERAS_"))}
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child", name, "--steps", str(steps)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept,
        )  # fmt: skip
        self._answer("ready")

    def _answer(self, expected: str = "{") -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(expected):
                return line
        raise SystemExit(f"{self.name} failed")

    def turn(self) -> dict[str, float]:
        """Return seconds and memory of one turn."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return json.loads(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(names: list[str], *, turns: int, steps: int) -> list[Line]:
    """Let every peer train in turns."""
    peers = []
    for name in names:
        print(f"{name}: starting", file=sys.stderr)
        peers.append(Peer(name, steps))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(turns):
        print(f"turn {number + 1} of {turns}", file=sys.stderr)
        for peer in peers:
            found[peer.name].append(peer.turn())
    for peer in peers:
        peer.close()
    return [
        Line(
            name,
            tuple(one["seconds"] for one in found[name]),
            steps * BATCH * RUNS.get(name, 1),
            max(one["megabytes"] for one in found[name]),
        )
        for name in names
    ]


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
    for line in lines:
        # turns are paired: what slows the machine down slows all peers of the turn
        pairs = zip(line.seconds, reference.seconds, strict=True)
        ratio = statistics.median(line.images / mine / (reference.images / theirs) for mine, theirs in pairs)
        least, most = line.images / max(line.seconds), line.images / min(line.seconds)
        text.append(
            f"| {line.name} | {line.rate:,.0f} | {ratio:.2f} x | {least:,.0f} to {most:,.0f} | {line.megabytes:,.0f} MB |"
        )
    text += [
        "",
        "- lossmith trains through its engine: batches are gathered from bytes, every step can be frozen, states are kept.",
        "- The ratio is the median of the ratios within each turn.",
        f"- {description()}.",
        "",
        "Measure it yourself: `python benchmarks/cnn.py`.",
    ]
    return "\n".join(text) + "\n"


def description() -> str:
    """Return the machine and the versions in words."""
    import importlib.metadata as metadata

    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    versions = [f"{name} {metadata.version(name)}" for name in ("keras", "jax", "torch", "numpy")]
    return f"cpu {cpu}, cores {os.cpu_count()}, python {platform.python_version()}, {', '.join(versions)}"


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
    lines = measure(given.only or list(WORK), turns=turns, steps=steps)
    text = page(lines, turns=turns, steps=steps)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")
    if given.json:
        given.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
