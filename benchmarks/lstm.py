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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turns import Line, closing, measure, serve, torch_device

BATCH, WINDOW, WIDTH, TOKENS, RATE = 128, 50, 300, 60, 1e-3
REFERENCE = "PyTorch"
Run = Callable[[], float]


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
    device = torch_device()
    rows = torch.from_numpy(text(steps)[:-1].astype("int64")).reshape(BATCH, steps, WINDOW).to(device)
    layers = nn.LSTM(TOKENS, WIDTH, 2, batch_first=True).to(device)
    head = nn.Linear(WIDTH, TOKENS).to(device)
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
    shown += [line.row(reference) for line in lines]
    shown += [
        "",
        "- The ratio is the median of the ratios within each turn.",
        "- lossmith takes each step by two threads with half of the rows each, and writes the gradient of the layers by hand: the products that do "
        "not depend on the state are one product over all steps.",
        *closing(__file__),
    ]
    return "\n".join(shown) + "\n"


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
        serve(WORK[given.child](given.steps))
        return
    turns, steps = (2, 2) if given.quick else (given.turns, given.steps)
    lines = measure(__file__, dict.fromkeys(given.only or WORK, steps * BATCH), turns=turns, steps=steps)
    shown = page(lines, turns=turns, steps=steps)
    print(shown)
    if given.markdown:
        given.markdown.write_text(shown, encoding="utf-8")
    if given.json:
        given.json.write_text(
            json.dumps([line.record("sequences") for line in lines], indent=1) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
