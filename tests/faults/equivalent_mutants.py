"""Mutants that no test can notice, or none should, each with the reason: module -> what was changed -> why."""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

EQUIVALENT: dict[str, dict[str, str]] = {}
