"""Peers that stay warm and train in turns, a few batches each, so that whatever else the machine does hits all of them."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One peer: seconds of every turn, images or sequences trained in a turn, peak memory."""

    name: str
    seconds: tuple[float, ...]
    amount: int
    megabytes: float

    @property
    def rate(self) -> float:
        """Images or sequences a second, of the median turn."""
        return self.amount / statistics.median(self.seconds)

    def row(self, reference: Line) -> str:
        """Return a line of the table; turns are paired: what slows the machine down slows all peers of the turn."""
        pairs = zip(self.seconds, reference.seconds, strict=True)
        ratio = statistics.median(self.amount / mine / (reference.amount / theirs) for mine, theirs in pairs)
        least, most = self.amount / max(self.seconds), self.amount / min(self.seconds)
        return f"| {self.name} | {self.rate:,.0f} | {ratio:.2f} x | {least:,.0f} to {most:,.0f} | {self.megabytes:,.0f} MB |"

    def record(self, unit: str) -> dict[str, Any]:
        """Return the numbers by their names, the amount under that of its unit."""
        return {"name": self.name, "seconds": self.seconds, unit: self.amount, "megabytes": self.megabytes}


def serve(run: Callable[[], float]) -> None:
    """Train for every line that comes in, and answer with the seconds that `run` says it took."""
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds = run()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "megabytes": memory}), flush=True)


class Peer:
    """A process that trains when it is asked to."""

    def __init__(self, script: str, name: str, steps: int) -> None:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XLA_FLAGS", "KERAS_"))}
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, script, "--child", name, "--steps", str(steps)],
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


def measure(script: str, amounts: Mapping[str, int], *, turns: int, steps: int) -> list[Line]:
    """Let every peer of a script train in turns; `amounts` says what each trains in a turn."""
    peers = []
    for name in amounts:
        print(f"{name}: starting", file=sys.stderr)
        peers.append(Peer(script, name, steps))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in amounts}
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
            amounts[name],
            max(one["megabytes"] for one in found[name]),
        )
        for name in amounts
    ]


def torch_device() -> Any:
    """Return where PyTorch trains: the accelerator, if there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


PEERS = ("keras", "jax", "torch", "numpy")


def closing(script: str, packages: tuple[str, ...] = PEERS) -> list[str]:
    """Return the last lines of a page: machine and versions, and the script that measures it again."""
    return [f"- {description(packages)}.", "", f"Measure it yourself: `python benchmarks/{Path(script).name}`."]


def description(packages: tuple[str, ...] = PEERS) -> str:
    """Return the machine and the versions in words."""
    import importlib.metadata as metadata

    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    installed = {one.name for one in metadata.distributions()}  # not every measurement needs PyTorch
    versions = [f"{name} {metadata.version(name)}" for name in packages if name in installed]
    return (
        f"cpu {cpu}, cores {os.cpu_count()}{_accelerator()}, python {platform.python_version()}, {', '.join(versions)}"
    )


def _accelerator() -> str:
    """Return the accelerator that this process has trained on in words, or nothing."""
    jax = sys.modules.get("jax")
    device = jax.devices()[0] if jax is not None else None
    return f", {device.device_kind}" if device is not None and device.platform != "cpu" else ""
