"""Adversarial networks: lossmith against the same training in PyTorch, on a ring of Gaussians and on images of 64 x 64.

Every peer is a process of its own, pinned to one core; steps are timed after a warm-up.

    python benchmarks/gan.py                    # a table on the terminal
    python benchmarks/gan.py --markdown FILE    # and as a page
    python benchmarks/gan.py --quick            # a few steps, to see that it works
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from turns import closing, torch_device

SEEDS = 10
BATCH = {"ring": 256, "dcgan": 64}


def data(name: str) -> Any:
    """Return rows of the ring, or images of noise as bytes."""
    import numpy as np

    rng = np.random.default_rng(0)
    if name == "ring":
        from lossmith.generative import ring_of_gaussians

        rows = ring_of_gaussians().sample(20_000, rng=rng)
        return ((rows - rows.mean(0)) / rows.std(0)).astype(np.float32)
    return rng.integers(0, 256, (512, 64, 64, 3), dtype=np.uint8)


def by_lossmith(name: str, seeds: int) -> Callable[[int], None]:
    """Return training by lossmith: `seeds` runs in one program, or one."""
    import jax
    import numpy as np

    from lossmith.generative._adversarial import Adversaries, Game
    from lossmith.generative._generator_networks import opponents
    from lossmith.generative._objectives import get_objective
    from lossmith.training import compilation_cache
    from lossmith.training.optimizers import make_optimizer

    ring = name == "ring"
    rows = data(name)
    objective = get_objective("relativistic" if ring else "non_saturating")
    game = Game(
        objective, "r1r2" if ring else "none", 0.1 if ring else 0.0, 1, 0.0, 0.999, BATCH[name], 16 if ring else 100, 0,
        "constant", 10**6,
    )  # fmt: skip
    networks = opponents("dense:hidden=128x128" if ring else "dcgan", tuple(rows.shape[1:]), game.latent, 0, not ring)
    optimizers = [make_optimizer("adam:beta_1=0.5", learning_rate=2e-4) for _ in range(2)]
    with compilation_cache():
        adversaries = Adversaries(networks.generator, networks.discriminator, *optimizers, game)
        states = [adversaries.init(seed) for seed in range(seeds)]
    labels = np.zeros(len(rows), np.int32)
    rows = jax.device_put(rows)
    if not ring:
        step = jax.jit(adversaries.step, donate_argnums=0)
        state = jax.device_put(states[0])

        def one_by_one(count: int) -> None:
            nonlocal state
            for _ in range(count):
                state, values = step(state, rows, labels)
            jax.block_until_ready(values)

        return one_by_one
    from lossmith.training._narrow import write_out

    stepped = jax.vmap(write_out(adversaries.step), in_axes=(0, None, None))
    loop = jax.jit(
        lambda s, rows, count: jax.lax.fori_loop(0, count, lambda _, s: stepped(s, rows, labels)[0], s),
        donate_argnums=0,
    )
    stack = jax.tree.map(lambda *leaves: np.stack(leaves), *states)

    def stacked(count: int) -> None:
        nonlocal stack
        stack = loop(stack, rows, count)
        jax.block_until_ready(stack)

    return stacked


def by_torch(name: str, seeds: int) -> Callable[[int], None]:  # noqa: ARG001
    """Return an ordinary PyTorch loop of one run."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = torch_device()
    ring = name == "ring"
    rows = torch.from_numpy(data(name)).to(device)
    if ring:
        latent = 16
        generator = nn.Sequential(nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
        critic: Any = nn.Sequential(
            nn.Linear(2, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1)
        )
    else:
        latent, widths = 100, (512, 256, 128, 64)
        up: list[Any] = [nn.ConvTranspose2d(100, 512, 4, bias=False), nn.BatchNorm2d(512), nn.ReLU()]
        for before, after in itertools.pairwise(widths):
            up += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        generator = nn.Sequential(*up, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())
        down: list[Any] = []
        for before, after in zip((3, 64, 128, 256), (64, 128, 256, 512), strict=True):
            down += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
        critic = nn.Sequential(*down, nn.Conv2d(512, 1, 4, bias=False), nn.Flatten())
        rows = (rows.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()
    generator, critic = generator.to(device), critic.to(device)
    optimizers = [torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.999)) for model in (generator, critic)]
    averaged = [parameter.detach().clone() for parameter in generator.parameters()]

    def batch() -> tuple[Any, Any]:
        z = torch.randn(BATCH[name], latent, device=device)
        return rows[torch.randint(len(rows), (BATCH[name],), device=device)], z if ring else z[:, :, None, None]

    def slopes(points: Any) -> Any:
        points = points.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        return (gradient**2).sum(dim=1).mean()

    def run(count: int) -> None:
        for _ in range(count):
            real, z = batch()
            fake = generator(z).detach()
            r, f = critic(real), critic(fake)
            if ring:
                loss = functional.softplus(f - r).mean() + 0.05 * (slopes(real) + slopes(fake))
            else:
                loss = functional.softplus(-r).mean() + functional.softplus(f).mean()
            optimizers[1].zero_grad()
            loss.backward()
            optimizers[1].step()
            real, z = batch()
            f = critic(generator(z))
            loss = functional.softplus(critic(real) - f).mean() if ring else functional.softplus(-f).mean()
            optimizers[0].zero_grad()
            loss.backward()
            optimizers[0].step()
            with torch.no_grad():
                for old, new in zip(averaged, generator.parameters(), strict=True):
                    old.lerp_(new, 0.001)
        loss.item()

    return run


PEERS: dict[str, tuple[str, Callable[[str, int], Callable[[int], None]], int]] = {
    "lossmith, ring, ten seeds stacked": ("ring", by_lossmith, SEEDS),
    "lossmith, ring, one seed": ("ring", by_lossmith, 1),
    "PyTorch, ring, one seed": ("ring", by_torch, 1),
    "lossmith, DCGAN 64 x 64": ("dcgan", by_lossmith, 1),
    "PyTorch, DCGAN 64 x 64": ("dcgan", by_torch, 1),
}


def child(peer: str, *, quick: bool) -> None:
    """Train on one core and print seconds for a step of one seed."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    name, make, seeds = PEERS[peer]
    run = make(name, seeds)
    steps, turns = (2, 1) if quick else (100, 5) if name == "ring" else (2, 3)
    run(steps)
    seconds = []
    for _ in range(turns):
        began = time.perf_counter()
        run(steps)
        seconds.append((time.perf_counter() - began) / steps / seeds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"step": statistics.median(seconds), "megabytes": memory}))


def page(found: dict[str, dict[str, float]]) -> str:
    """Return the result as a page."""
    lines = [
        "# Speed of adversarial networks",
        "",
        "A step of the discriminator and one of the generator, each peer alone on one core; medians. Ring: relativistic objective, "
        "penalties on both sides, 128 x 128 dense, batches of 256. DCGAN: the published networks, batches of 64.",
        "",
        "|  | a step of one seed | rows a second | against PyTorch | peak memory |",
        "|---|---:|---:|---:|---:|",
    ]
    for peer, one in found.items():
        name = PEERS[peer][0]
        reference = found.get("PyTorch, ring, one seed" if name == "ring" else "PyTorch, DCGAN 64 x 64", one)
        lines.append(
            f"| {peer} | {one['step'] * 1e3:.2f} ms | {BATCH[name] / one['step']:,.0f} | "
            f"{reference['step'] / one['step']:.2f} x | {one['megabytes']:,.0f} MB |"
        )
    lines += ["", *closing(__file__)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS), help="these peers alone")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if given.child:
        child(given.child, quick=given.quick)
        return
    found = {}
    for peer in given.only:
        command = [sys.executable, __file__, "--child", peer, *(["--quick"] if given.quick else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[peer] = json.loads(done.stdout.splitlines()[-1])
    text = page(found)
    print(text)
    if given.markdown:
        given.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
