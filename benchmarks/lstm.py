"""Two LSTM layers of 300 on windows of 50 characters, batches of 128: lossmith against PyTorch and Keras, in turns on one machine.

Every peer is a process of its own that stays warm; they train in turns, a few batches each, so that whatever else the
machine does hits all of them. Sequences a second are those of the median turn.

    python benchmarks/lstm.py                    # a table on the terminal
    python benchmarks/lstm.py --markdown FILE    # and as a page
    python benchmarks/lstm.py --json FILE        # and every number behind it
    python benchmarks/lstm.py --quick            # two turns of two batches, to see that it works
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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BATCH, WINDOW, WIDTH, TOKENS, RATE = 128, 50, 300, 60, 1e-3
REFERENCE = "PyTorch"
Run = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Line:
    """One peer: seconds of every turn, sequences trained in a turn, peak memory."""

    name: str
    seconds: tuple[float, ...]
    sequences: int
    megabytes: float

    @property
    def rate(self) -> float:
        """Sequences a second, of the median turn."""
        return self.sequences / statistics.median(self.seconds)


def text(steps: int) -> Any:
    """Return the tokens of `steps` batches, and one more."""
    import numpy as np

    return np.random.default_rng(0).integers(0, TOKENS, BATCH * WINDOW * steps + 1).astype(np.int32)


def ours(steps: int) -> Run:
    """Return training by lossmith: every place of the windows predicts the next token."""
    from lossmith.text._network import Architecture
    from lossmith.text._training import Plan, train

    tokens = text(steps)
    architecture = Architecture(TOKENS, "lstm", (WIDTH, WIDTH), 0)
    plan = Plan(epochs=1, batch_size=BATCH, window=WINDOW, learning_rate=RATE, dropout=0.0)
    train(architecture, tokens, plan, seed=0)
    # it compiles anew and says how long it trained
    return lambda: train(architecture, tokens, plan, seed=0).seconds


def torch_loop(steps: int) -> Run:
    """Return an ordinary PyTorch loop with the same clipping."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, one_hot

    torch.manual_seed(0)
    rows = torch.from_numpy(text(steps)[:-1].astype("int64")).reshape(BATCH, steps, WINDOW)
    layers = nn.LSTM(TOKENS, WIDTH, 2, batch_first=True)
    head = nn.Linear(WIDTH, TOKENS)
    weights = [*layers.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(weights, lr=RATE)

    def run() -> float:
        began, state = time.perf_counter(), None
        for step in range(steps):
            given = rows[:, step]
            optimizer.zero_grad()
            outputs, state = layers(one_hot(given, TOKENS).float(), state)
            state = tuple(part.detach() for part in state)
            loss = cross_entropy(head(outputs).flatten(0, 1), given.roll(-1, 1).flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
        loss.item()
        return time.perf_counter() - began

    run()
    return run


def keras_fit(steps: int) -> Run:
    """Return `keras.Model.fit` on JAX, windows without a state between them."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((WINDOW, TOKENS)), layers.LSTM(WIDTH, return_sequences=True),
            layers.LSTM(WIDTH, return_sequences=True), layers.Dense(TOKENS),
        ]
    )  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE, clipnorm=1.0), loss)
    rows = text(steps)[:-1].reshape(steps * BATCH, WINDOW)
    inputs, targets = np.eye(TOKENS, dtype=np.float32)[rows], np.roll(rows, -1, axis=1)

    def run() -> float:
        began = time.perf_counter()
        model.fit(inputs, targets, batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
        return time.perf_counter() - began

    run()
    return run


WORK: dict[str, Callable[[int], Run]] = {"lossmith": ours, "PyTorch": torch_loop, "Keras fit on JAX": keras_fit}


def child(name: str, steps: int) -> None:
    """Train for every line that comes in, and answer with the seconds it took."""
    run = WORK[name](steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds = run()
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
            steps * BATCH,
            max(one["megabytes"] for one in found[name]),
        )
        for name in names
    ]


def page(lines: list[Line], *, turns: int, steps: int) -> str:
    """Return the result as a page."""
    reference = next((line for line in lines if line.name == REFERENCE), lines[0])
    shown = [
        "# Speed of recurrent networks on a CPU",
        "",
        f"Two LSTM layers of {WIDTH} on one-hot characters, windows of {WINDOW}, batches of {BATCH}, float32, Adam, the gradient clipped by its "
        f"norm; every place predicts the next character. {turns} turns of {steps} batches for each peer, one after the other; medians.",
        "",
        f"|  | sequences a second | against {reference.name} | least and most | peak memory |",
        "|---|---:|---:|---:|---:|",
    ]
    for line in lines:
        # turns are paired: what slows the machine down slows all peers of the turn
        pairs = zip(line.seconds, reference.seconds, strict=True)
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        least, most = line.sequences / max(line.seconds), line.sequences / min(line.seconds)
        shown.append(
            f"| {line.name} | {line.rate:,.0f} | {ratio:.2f} x | {least:,.0f} to {most:,.0f} | {line.megabytes:,.0f} MB |"
        )
    shown += [
        "",
        "- The ratio is the median of the ratios within each turn.",
        "- lossmith takes each step by two threads with half of the rows each, and writes the gradient of the layers by hand: the products that do "
        "not depend on the state are one product over all steps.",
        f"- {description()}.",
        "",
        "Measure it yourself: `python benchmarks/lstm.py`.",
    ]
    return "\n".join(shown) + "\n"


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
    turns, steps = (2, 2) if given.quick else (given.turns, given.steps)
    lines = measure(given.only or list(WORK), turns=turns, steps=steps)
    shown = page(lines, turns=turns, steps=steps)
    print(shown)
    if given.markdown:
        given.markdown.write_text(shown, encoding="utf-8")
    if given.json:
        given.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
