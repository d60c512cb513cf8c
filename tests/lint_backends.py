"""Lint every planted mistake and every correct set-up on the backend of this process, and print what is not as expected."""

from __future__ import annotations

import json
import sys

import keras

import lossmith
from lint_correct import CORRECT
from lint_setups import PLANTED

JAX_ALONE = {"09 hinge of Optax with 0 and 1"}  # Optax computes on arrays of JAX


def main() -> None:
    wanted = sys.argv[1:]
    wrong = {}
    for name, (code, make) in PLANTED.items():
        if (wanted and name not in wanted) or name in JAX_ALONE:
            continue
        model, x, y, options = make()
        found = lossmith.lint(model, x, y, **options)
        if code not in found.codes:
            wrong[name] = [code, *found.codes]
    for name, make in CORRECT.items():
        if wanted and name not in wanted:
            continue
        model, x, y, options = make()
        found = lossmith.lint(model, x, y, **options)
        if not found.clean:
            wrong[name] = [finding.line() for finding in found.findings]
    print(json.dumps({"backend": keras.backend.backend(), "wrong": wrong}))


if __name__ == "__main__":
    main()
