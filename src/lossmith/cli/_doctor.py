"""`lossmith doctor`: what is installed and what it runs on, for people and for reports of faults."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from lossmith import __version__
from lossmith.cli import _options as options

__all__ = ["add"]

_PACKAGES = (
    "keras",
    "jax",
    "jaxlib",
    "optax",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "matplotlib",
    "typer",
    "rich",
)


def add(app: typer.Typer) -> None:
    """Add the command to the program."""

    @app.command(epilog="Examples: `lossmith doctor` · `lossmith doctor --json`")
    def doctor(store: options.StoreFile = None, json: options.Json = False) -> None:
        """Print versions, backend, devices, cache folder and store."""
        from lossmith.cli._show import fields, print_json

        facts = examined(store or Path(options.DEFAULT_STORE))
        if json:
            print_json(facts)
            return
        versions = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
        fields(
            [
                ("lossmith", facts["lossmith"]),
                ("python", facts["python"]),
                ("packages", versions),
                ("backend", facts["backend"]),
                ("devices", ", ".join(facts["devices"])),
                ("cores", str(facts["cores"])),
                ("cache", _place(facts["cache"])),
                ("store", _place(facts["store"])),
            ]
        )


def _place(place: dict[str, Any]) -> str:
    if not place["exists"]:
        return f"{place['path']} (not there yet)"
    return f"{place['path']} ({place['files']} files, {place['bytes'] / 2**20:.1f} MiB)"


def _measured(path: Path) -> dict[str, Any]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {
        "path": str(path),
        "exists": path.exists(),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
    }


def examined(store: Path) -> dict[str, Any]:
    """Return what there is: versions, backend, devices, cores, cache folder and store."""
    import platform
    from importlib import metadata

    from lossmith.training import load_keras
    from lossmith.training._backend import cache_folder

    packages = {name: metadata.version(name) for name in _PACKAGES}
    keras = load_keras()
    import jax

    devices = [f"{device.device_kind} {device.id}" for device in jax.devices()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "lossmith": __version__,
        "python": f"{sys.version.split()[0]} on {platform.platform()}",
        "packages": packages,
        "backend": keras.backend.backend(),
        "devices": devices,
        "cores": cores,
        "cache": _measured(cache_folder()),
        "store": _measured(store),
    }
