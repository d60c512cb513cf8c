"""The report: one self-contained HTML file that opens anywhere, asks no server for anything and reads without scripts."""

from __future__ import annotations

import base64
import hashlib
import html as escaping
import json
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from lossmith._checks import Check
from lossmith.compare._spec import Comparison
from lossmith.report import _blocks as blocks
from lossmith.report import _commands as commands
from lossmith.report import _palette as palette
from lossmith.report import _wording as wording
from lossmith.report._explained import folds
from lossmith.report._kept_figures import figures_of
from lossmith.report._math import mathml
from lossmith.report._numbers import estimate, number, whole
from lossmith.report._quantities import find, majority_rate, quantity
from lossmith.report._recipes import recipes, record, set_up, train_with
from lossmith.report.factors import factor_tables
from lossmith.report.formats import render

__all__ = ["embedded", "html", "rendered"]


def html(comparison: Comparison, *, now: datetime | None = None) -> str:
    """Return the report of a comparison.

    Parameters
    ----------
    comparison : Comparison
    now : datetime or None
        The date that the report bears; the time of the call where None. It is the only thing in which two reports of one
        comparison differ: the same comparison and date give the same bytes.

    Returns
    -------
    str
        A complete HTML document. Its Content-Security-Policy allows its own style sheet and its own script, by their hashes, and
        nothing else.
    """
    names = blocks.metric_names(comparison)
    winner = comparison.standings[0].loss if comparison.standings else ""
    n_classes = len(comparison.data.class_names)
    loss = record(winner) if winner else None
    columns, runs = blocks.runs(comparison)
    price, price_command = wording.undecided(comparison)
    return rendered(
        "report.html.j2",
        now=now or datetime.now(UTC),
        comparison=comparison,
        headline=wording.headline(comparison.verdict),
        facts=blocks.facts(comparison),
        lines=blocks.leaderboard(comparison),
        metric=quantity(comparison.settings.metric),
        metric_header=wording.metric_header(comparison),
        majority=majority_rate(comparison),
        baselines=[
            (wording.plain(row.name), *estimate(value))
            for row in comparison.baselines
            if (value := find(row.metrics, comparison.settings.metric)) is not None
        ],
        scaled=wording.calibration(comparison),
        price=price,
        price_command=price_command,
        groups=wording.groups(comparison.findings),
        commands={
            code: next((commands.to_try(comparison, finding) for finding in found if finding.command), "")
            for code, found in wording.groups(comparison.findings)
        },
        checks=_checks(comparison),
        figures=figures_of(comparison),
        boundary_caption=_boundary_caption(comparison),
        images=_pictures(comparison),
        folds=folds(comparison),
        statistics=blocks.statistics(comparison),
        factor_tables=factor_tables(comparison),
        measured=blocks.measured(comparison, names),
        metrics=[quantity(name) for name in names],
        winner=wording.plain(winner),
        loss=loss,
        set_up=set_up(loss, n_classes) if loss else "",
        recipes=recipes(winner, n_classes) if winner else (),
        train_with=wording.plain(train_with(winner, n_classes)) if winner else "",
        run_columns=columns,
        runs=runs,
        every_run=blocks.every_run(comparison),
        settings=blocks.settings_json(comparison),
        command=commands.command(comparison),
        as_csv=render(comparison, "csv"),
        as_markdown=render(comparison, "md"),
        data_block=_data_block(comparison),
    )


def _pictures(comparison: Comparison) -> Any:
    if comparison.pictures is None:
        return ()
    from lossmith.report.images import pictures

    return pictures(comparison)


def rendered(template: str, *, now: datetime, **context: Any) -> str:
    """Return a page made from a template, with the style sheet, the script and the policy that allows these two alone."""
    environment = _environment()
    style = environment.get_template("style.css.j2").render(light=palette.LIGHT, dark=palette.DARK)
    script = environment.get_template("script.js").render()
    return environment.get_template(template).render(
        policy=_policy(style, script, images=bool(context.get("images"))),
        style=Markup(style),  # noqa: S704 - ours, no input
        script=Markup(script),  # noqa: S704 - ours, no input
        date=now.astimezone(UTC),
        **context,
    )


def embedded(comparison: Comparison, *, now: datetime | None = None, height: str = "48rem") -> str:
    """Return the report inside a frame of its own, for a notebook: neither page touches the other's styles.

    Parameters
    ----------
    comparison, now
        See `html`.
    height : str
        Of the frame, in CSS.
    """
    page = escaping.escape(html(comparison, now=now), quote=True)
    box = f"width: 100%; height: {escaping.escape(height, quote=True)}; border: 0"
    title = escaping.escape(f"Report on {wording.plain(comparison.data.name)}", quote=True)
    return f'<iframe title="{title}" sandbox="allow-scripts" style="{box}" srcdoc="{page}"></iframe>'


@lru_cache(maxsize=1)
def _environment() -> Environment:
    def source(name: str) -> str | None:
        file = resources.files("lossmith.report") / "templates" / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    environment = Environment(
        loader=FunctionLoader(source), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "breakable": _breakable,
        "mathml": mathml,
        "plain": wording.plain,
        "whole": whole,
        "number": number,
        "seconds": wording.seconds,
    }
    return environment


def _boundary_caption(comparison: Comparison) -> str:
    names = [wording.shortened(name, 40) for name in comparison.data.class_names]
    if len(names) != 2:
        return "Marks: test rows."
    return f"Line: where the decision turns. Dots: test rows of {names[0]}; crosses: test rows of {names[1]}."


def _breakable(name: str) -> Markup:
    """Return a name that may be broken after `_`, `:` and `,`."""
    shown = str(escape(name))
    for character in "_:,":
        shown = shown.replace(character, f"{character}<wbr>")
    return Markup(shown)  # noqa: S704 - escaped


def _policy(style: str, script: str, *, images: bool) -> str:
    hashed = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (style, script)]
    # pictures are part of the file; nothing is loaded from anywhere
    pictures_too = " img-src data:;" if images else ""
    return f"default-src 'none';{pictures_too} style-src 'sha256-{hashed[0]}'; script-src 'sha256-{hashed[1]}'; base-uri 'none'; form-action 'none'"


def _data_block(comparison: Comparison) -> Markup:
    """Return the leaderboard as JSON that cannot close its own element."""
    text = json.dumps(json.loads(render(comparison, "json")), ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character left that HTML knows


def _checks(comparison: Comparison) -> dict[str, Check]:
    """Return the meaning of every code that fired and is documented."""
    from lossmith.compare.checks import CHECKS

    known = {check.code: check for check in CHECKS.values()}
    return {finding.code: known[finding.code] for finding in comparison.findings if finding.code in known}
