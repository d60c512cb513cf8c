"""A variational autoencoder on MNIST: lossmith against the same loop in PyTorch, each alone on one core and on two.

784-400-20 dense, Adam 1e-3, batches of 128, ten epochs, targets grey as they are or binarised anew at every step. Every peer is
a process of its own, pinned to its cores; its time counts from the first epoch to the last, compiling and all.

    LOSSMITH_DATA=... python benchmarks/vae.py                  # a table on the terminal
    LOSSMITH_DATA=... python benchmarks/vae.py --markdown FILE  # and as a page
    LOSSMITH_DATA=... python benchmarks/vae.py --quick          # one epoch, to see that it works
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turns import closing, torch_device

PEERS = ("lossmith", "PyTorch")
TARGETS = ("none", "dynamic")


def rows() -> tuple[Any, Any]:
    """Return training and test images as bytes."""
    import numpy as np

    from lossmith.data import load_image_set

    images = np.asarray(load_image_set("mnist").features)
    return images[:60_000], images[60_000:]


def lossmith_run(targets: str, epochs: int) -> dict[str, float]:
    """Train by lossmith."""
    from lossmith.generative import VariationalAutoencoder

    train, test = rows()
    model = VariationalAutoencoder(likelihood="bernoulli", binarize=targets, epochs=epochs, random_state=0)
    began = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "negative_elbo": model.evaluate(test).negative_elbo}


def torch_run(targets: str, epochs: int) -> dict[str, float]:
    """Train by an ordinary PyTorch loop, as the example of its makers has it."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    torch.manual_seed(0)
    device = torch_device()
    train, test = (torch.from_numpy(part.reshape(len(part), 784)).to(device).float() / 255 for part in rows())
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    encoder, decoder = encoder.to(device), decoder.to(device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def loss(x: Any) -> Any:
        if targets == "dynamic":
            x = torch.bernoulli(x)
        mean, log_variance = encoder(x).chunk(2, dim=1)
        raw = decoder(mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean))
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
        return functional.binary_cross_entropy_with_logits(raw, x, reduction="sum") + kl

    began = time.perf_counter()
    for _ in range(epochs):
        for chosen in torch.randperm(len(train), device=device).split(128):
            optimizer.zero_grad()
            batch = train[chosen]
            value = loss(batch) / len(batch)
            value.backward()
            optimizer.step()
    value.item()
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return {"seconds": seconds, "negative_elbo": float(loss(test)) / len(test)}


WORK: dict[str, Callable[[str, int], dict[str, float]]] = {"lossmith": lossmith_run, "PyTorch": torch_run}


def child(peer: str, targets: str, epochs: int, cores: int) -> None:
    """Train on some cores and print what came out."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    found = WORK[peer](targets, epochs)
    found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def measured(peer: str, targets: str, epochs: int, cores: int) -> dict[str, float]:
    """Return what a peer says from a process of its own."""
    command = [sys.executable, __file__, "--child", peer, targets, "--epochs", str(epochs), "--cores", str(cores)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def page(found: dict[tuple[int, str, str], dict[str, float]], epochs: int) -> str:
    """Return the result as a page."""
    lines = [
        "# Speed of a variational autoencoder",
        "",
        f"MNIST, 784-400-20 dense, Adam 1e-3, batches of 128, {epochs} epochs, each peer alone on its cores. -ELBO on the 10,000 "
        "test images, in nats for an image; lossmith's learning rate falls over the second half, PyTorch's example keeps it.",
        "",
        "| cores | targets | peer | seconds | against PyTorch | -ELBO | peak memory |",
        "|---:|---|---|---:|---:|---:|---:|",
    ]
    for (cores, targets, peer), one in found.items():
        reference = found.get((cores, targets, "PyTorch"), one)["seconds"]
        lines.append(
            f"| {cores} | {'grey' if targets == 'none' else 'binarised'} | {peer} | {one['seconds']:.1f} | "
            f"{one['seconds'] / reference:.2f} x | {one['negative_elbo']:.2f} | {one['megabytes']:,.0f} MB |"
        )
    lines += ["", *closing(__file__)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=TARGETS, default=TARGETS, help="these targets alone")
    parser.add_argument("--cores", nargs="*", type=int, default=(1, 2), help="numbers of cores, one after the other")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    epochs = 1 if given.quick else given.epochs
    if given.child:
        child(*given.child, epochs, *given.cores)
        return
    found = {
        (cores, targets, peer): measured(peer, targets, epochs, cores)
        for cores in given.cores
        for targets in given.only
        for peer in PEERS
    }
    text = page(found, epochs)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
