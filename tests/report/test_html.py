"""The ten rules of the report, each by rule: parsed, never compared with copied output."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import polars as pl
import pytest
from test_figures import contrast

from lossmith import _views
from lossmith._errors import InvalidInputError
from lossmith.compare._spec import Curve
from lossmith.report import _palette, write_report
from lossmith.report.html import embedded, html

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "input", "br", "img", "link", "wbr", "hr", "col", "source", "area", "base", "embed", "param", "track"}


class Page(HTMLParser):
    """Elements with attributes and text; fails on a tag that is closed wrongly."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.stack, self.scripts, self.styles, self.ids = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "inside": [one["tag"] for one in self.stack]}
        assert len(dict(attrs)) == len(attrs), f"attribute twice in {tag}"
        self.elements.append(element)
        if "id" in element["attrs"]:
            self.ids.append(element["attrs"]["id"])
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1]["tag"] == tag, f"</{tag}> closes {self.stack[-1]['tag']}"
        self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]

    def one(self, tag):
        (element,) = self.all(tag)
        return element


@pytest.fixture(scope="module")
def circles(make_comparison):
    """Ten losses, thirty seeds, five rates, 200 epochs, three kinds of curves, regions on a grid of 60 by 60."""
    made = make_comparison(grid=60, curve_points=200)
    third = [
        Curve(one.loss, "validation_loss", one.epochs, one.values)
        for one in made.curves
        if one.quantity == "train_loss"
    ]
    return replace(made, curves=(*made.curves, *third))


@pytest.fixture(scope="module")
def report(circles):
    return html(circles, now=NOW)


@pytest.fixture(scope="module")
def page(report):
    return Page(report)


@pytest.fixture(scope="module")
def hostile_page(hostile):
    return Page(html(hostile, now=NOW))


def test_one_file_that_asks_for_nothing(page, report, hostile_page):
    for shown in (page, hostile_page):
        loading = {"img", "link", "iframe", "object", "embed", "audio", "video", "source", "base", "form"}
        assert not loading & {element["tag"] for element in shown.elements}
        for element in shown.elements:
            for name in ("src", "srcset", "action", "data", "poster", "background", "ping"):
                assert name not in element["attrs"]
            assert element["attrs"].get("href", "#").startswith("#")
            assert not [name for name in element["attrs"] if name.startswith("on") or name == "style"]
    assert "http" not in re.sub(r"http-equiv", "", report)
    assert "url(" not in page.one("style")["text"] and "@import" not in page.one("style")["text"]
    assert set(re.findall(r"url\(([^)]*)\)", report)) <= {f"#{name}" for name in page.ids}


def test_every_reference_leads_somewhere_and_no_id_is_there_twice(page, hostile_page):
    for shown in (page, hostile_page):
        assert len(shown.ids) == len(set(shown.ids))
        targets = {element["attrs"]["href"][1:] for element in shown.elements if "href" in element["attrs"]}
        for element in shown.elements:
            targets |= set(element["attrs"].get("aria-labelledby", "").split())
        assert targets <= set(shown.ids)


def test_policy_allows_this_style_and_this_script_only(page):
    policy = next(
        e["attrs"]["content"] for e in page.all("meta") if e["attrs"].get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    active = [element for element in page.all("script") if element["attrs"].get("type") != "application/json"]
    hashed = {
        name: base64.b64encode(hashlib.sha256(element["text"].encode()).digest()).decode()
        for name, element in (("style-src", page.one("style")), ("script-src", active[0]))
    }
    assert len(active) == 1
    assert rules == {
        "default-src": "'none'",
        "style-src": f"'sha256-{hashed['style-src']}'",
        "script-src": f"'sha256-{hashed['script-src']}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    position = [element["attrs"].get("http-equiv") for element in page.elements].index("Content-Security-Policy")
    assert all(element["tag"] not in ("style", "script") for element in page.elements[:position])


def test_at_most_two_megabytes_for_ten_losses_and_thirty_seeds(report):
    assert len(report.encode()) <= 2_000_000


def test_five_megabytes_whatever_comes(make_comparison):
    large = make_comparison(n_losses=6, n_seeds=200, n_rates=5, curve_points=100, grid=8)
    assert large.trials.height == 6_000
    text = html(large, now=NOW)
    assert len(text.encode()) <= 5_000_000
    assert "lossmith runs export 7 --format csv" in text


def test_verdict_data_protocol_and_date_come_first(page, circles):
    order = [element["tag"] for element in page.elements]
    before = page.elements[: order.index("table")]
    text = " ".join(element["text"] for element in before if element["tag"] in ("h1", "dl", "time"))
    assert page.one("h1")["text"] == circles.verdict
    for part in (
        circles.data.fingerprint,
        "fair: rates chosen on validation rows",
        "2026-01-05 12:00 UTC",
        "1,000 rows",
    ):
        assert part in text
    assert page.all("time")[0]["attrs"]["datetime"] == "2026-01-05T12:00:00Z"


def test_leaderboard_has_every_loss_verdict_and_baseline(page, circles):
    table = page.all("table")[0]
    for standing in circles.standings:
        assert standing.loss in table["text"]
    words = [element["text"] for element in page.all("span") if element["attrs"].get("class", "").startswith("word ")]
    expected = [standing.difference.verdict if standing.difference else "best" for standing in circles.standings]
    assert words == expected
    assert "28/30 seeds" in table["text"] and "gradient boosting" in table["text"]


def test_sections_that_the_design_asks_for(page):
    headings = [element["text"] for element in page.all("h2")]
    for wanted in (
        "Leaderboard",
        "Differences, seed by seed",
        "Checks",
        "Learning curves",
        "Calibration",
        "Decision regions",
    ):
        assert wanted in headings
    assert "Set it up: binary_crossentropy" in headings
    code = {element["attrs"]["data-copy"]: element["text"] for element in page.all("pre")}
    assert "keras.losses.BinaryCrossentropy(from_logits=True" in code["code for Keras"]
    assert "BCEWithLogitsLoss" in code["code for PyTorch"] and "sklearn" in code["code for scikit-learn"]
    for snippet in (code["code for Keras"], code["code for PyTorch"], code["code for scikit-learn"]):
        compile(snippet, "snippet", "exec")


def test_checks_carry_code_severity_evidence_and_fix(page, circles):
    articles = page.all("article")
    assert [re.match(r"\s*(LS\d+ \w+)", element["text"]).group(1) for element in articles] == [
        "LS104 warning", "LS108 warning", "LS112 info",
    ]  # fmt: skip
    for finding in circles.findings:
        (article,) = (element for element in articles if finding.code in element["text"])
        assert finding.evidence in article["text"] and finding.advice in article["text"]
        assert finding.command in article["text"]


def test_every_kind_of_number_has_its_fold_with_a_formula(page):
    folds = [element for element in page.all("details") if element["attrs"].get("class") == "how"]
    titles = " ".join(element["text"].strip().split("\n")[0] for element in folds)
    for wanted in (
        "test accuracy",
        "paired differences",
        "verdict",
        "beside",
        "baselines",
        "rate",
        "curves",
        "calibration",
        "regions",
    ):
        assert wanted in titles
    assert sum("math" in element["inside"] for element in page.elements if element["tag"] == "mfrac") >= 5
    assert all("details" in element["inside"] or "dl" in element["inside"] for element in page.all("math"))


def test_figures_carry_their_data(page, circles):
    code = {element["attrs"]["data-copy"]: element["text"] for element in page.all("pre")}
    rows = list(csv.DictReader(io.StringIO(code["data of Paired differences in test accuracy"])))
    assert len(rows) == 9 * 30 - 1
    seed = next(row for row in rows if row["loss"] == "hinge" and row["seed"] == "7")
    chosen = circles.trials.filter(pl.col("chosen") & (pl.col("seed") == 7))
    value = dict(chosen.select("loss", "accuracy").iter_rows())
    assert float(seed["difference"]) == pytest.approx(value["hinge"] - value["binary_crossentropy"], rel=1e-5)
    titles = {
        element["attrs"]["aria-label"]
        for element in page.all("div")
        if "svg" not in element["inside"] and "aria-label" in element["attrs"]
    }
    assert {"Calibration", "Decision regions"} <= titles


def test_the_table_can_be_copied_as_csv_and_markdown(page, circles):
    code = {element["attrs"]["data-copy"]: element["text"] for element in page.all("pre")}
    rows = list(csv.DictReader(io.StringIO(code["the leaderboard as CSV"])))
    assert [row["name"] for row in rows if row["kind"] == "loss"] == [standing.loss for standing in circles.standings]
    assert code["the leaderboard as Markdown"].count("\n| ") >= 12
    runs = list(csv.DictReader(io.StringIO(code["all runs as CSV"])))
    assert len(runs) == circles.trials.height
    assert json.loads(code["the settings as JSON"])["batch_size"] == 32
    assert code["the command"].startswith("lossmith compare circles --losses binary_crossentropy,focal")


def test_data_block_is_the_leaderboard(page, hostile_page, hostile):
    (block,) = (element for element in page.all("script") if element["attrs"].get("type") == "application/json")
    assert json.loads(block["text"])["standings"][0]["loss"] == "binary_crossentropy"
    (block,) = (element for element in hostile_page.all("script") if element["attrs"].get("type") == "application/json")
    assert not re.search("[<>&]", block["text"])
    assert json.loads(block["text"])["data"]["name"] == HOSTILE


def test_the_same_comparison_and_date_give_the_same_bytes(small):
    first = html(small, now=NOW)
    assert html(small, now=NOW.astimezone(timezone(timedelta(hours=5)))) == first
    later = html(small, now=NOW + timedelta(days=1))
    strip = re.compile(r"2026-01-0\d[T ]12:00(:00Z| UTC)")
    assert later != first and strip.sub("", later) == strip.sub("", first)


@pytest.mark.parametrize("name", [HOSTILE, "\"><img src=x onerror=alert(1)>", "' onmouseover='x", "</style>{{ 7*7 }}&lt;", "\x00\x1b[2J\u202e"])  # fmt: skip
def test_hostile_names_stay_text_everywhere(make_comparison, name):
    comparison = make_comparison(hostile=name, name=name, n_losses=3, n_seeds=4, collapsed=0, grid=8, curve_points=5)
    versions = {**comparison.versions, name: name}
    data = replace(comparison.data, fingerprint=name, source=name)
    page = Page(html(replace(comparison, verdict=name, versions=versions, data=data), now=NOW))
    assert (
        len(page.all("script")) == 2
        and len(page.all("style")) == 1
        and not page.all("img")
        and not page.all("b onerror")
    )
    from lossmith.report._wording import plain

    assert page.one("h1")["text"] == plain(name)
    seen = {element["tag"] for element in page.elements if plain(name) in element["text"]}
    assert {"title", "text", "th", "td", "dd", "li", "pre", "code", "desc"} <= seen
    assert not [element for element in page.elements if any(key.startswith("on") for key in element["attrs"])]


def test_control_characters_are_made_visible(make_comparison):
    text = html(make_comparison(hostile="a\x1b\u202eb", n_losses=2, n_seeds=3, grid=6), now=NOW)
    body = text.replace("\n", "")
    assert not re.search("[\x00-\x1f\x7f\u202e]", re.sub(r"<pre.*?</pre>", "", body))


def test_structure_for_keyboards_and_screen_readers(page):
    assert page.one("html")["attrs"]["lang"] == "en"
    assert page.one("main") and page.one("h1") and page.one("nav")["attrs"]["aria-label"] == "Contents"
    levels = [int(element["tag"][1]) for element in page.elements if re.fullmatch("h[1-6]", element["tag"])]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for element in page.all("svg"):
        labelled = element["attrs"].get("role") == "img" and "aria-labelledby" in element["attrs"]
        assert labelled or element["attrs"].get("aria-hidden") == "true"
    for element in page.elements:
        if element["attrs"].get("role") == "region":
            assert element["attrs"].get("aria-label") and element["attrs"].get("tabindex") == "0"
        if element["tag"] == "summary":
            assert element["inside"][-1] == "details" and element["text"].strip()
    for element in page.all("th"):
        assert element["attrs"].get("scope") in ("col", "row")
    assert page.elements[[e["tag"] for e in page.elements].index("body") + 1]["attrs"]["class"] == "skip"


def variables(style: str) -> list[dict[str, str]]:
    """The colours of the light page, of the dark page, and of the printed dark page."""
    found = []
    for block in re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL):
        colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        if len(colors) > 5:
            found.append(colors)
    return found


def test_contrast_of_every_text_in_light_and_dark(page):
    light, dark, printed = variables(page.one("style")["text"])
    assert printed == {name: color for name, color in light.items() if name != "page"}
    assert light.keys() == dark.keys()
    for colors in (light, dark):
        for text in ("ink", "soft", "link", "good", "same", "open", "bad"):
            for paper in ("paper", "page", "code"):
                assert contrast(colors[text], colors[paper]) >= 4.5, (text, paper)
        for word, wash in (("good", "good"), ("same", "same"), ("open", "open"), ("bad", "bad")):
            assert contrast(colors[word], colors[f"wash-{wash}"]) >= 4.5, word
        for name in _palette.SERIES:
            assert contrast(colors[name], colors["paper"]) >= 3.0


def test_works_for_dark_print_and_phones(page):
    style = page.one("style")["text"]
    for rule in ("@media (prefers-color-scheme: dark)", "@media print", "@media (max-width", "prefers-reduced-motion"):
        assert rule in style
    viewport = next(element for element in page.all("meta") if element["attrs"].get("name") == "viewport")
    assert viewport["attrs"]["content"] == "width=device-width, initial-scale=1"


@pytest.mark.parametrize(
    "options",
    [
        {"n_losses": 1, "n_seeds": 1, "n_rates": 1},
        {"n_losses": 3, "n_seeds": 1},
        {"task": "regression", "n_losses": 5},
        {"task": "multiclass", "n_losses": 5, "metric": "log_loss", "n_seeds": 5},
        {"n_losses": 2, "n_seeds": 3, "not_applicable": False, "metric": "roc_auc"},
    ],
)
def test_every_shape_of_comparison_has_a_report(make_comparison, options):
    comparison = make_comparison(**options, grid=8, curve_points=6)
    page = Page(html(comparison, now=NOW))
    assert all(standing.loss in page.all("table")[0]["text"] for standing in comparison.standings)


def test_a_report_without_results(circles):
    nothing = replace(
        circles, standings=(), baselines=(), trials=pl.DataFrame(), curves=(), reliability=(), boundaries=(), findings=(), run=None, versions={}
    )  # fmt: skip
    page = Page(html(replace(nothing, verdict="Nothing fits."), now=NOW))
    assert page.one("h1")["text"] == "Nothing fits." and "mean_squared_logarithmic_error" not in page.one("h1")["text"]


def test_majority_rate_stands_beside_every_accuracy(make_comparison):
    page = Page(html(make_comparison(metric="roc_auc", n_losses=2, n_seeds=3, grid=6), now=NOW))
    assert "accuracy ↑ (majority 0.500)" in page.all("table")[0]["text"]


def test_a_loss_of_the_users_own_has_no_code(make_comparison):
    comparison = make_comparison(n_losses=1, n_seeds=3, hostile="my_loss", grid=6)
    page = Page(html(comparison, now=NOW))
    assert "not in the catalogue" in " ".join(element["text"] for element in page.all("section"))


def test_views_of_a_result(make_comparison, tmp_path):
    small = make_comparison(n_losses=1, n_seeds=2, n_rates=1, curve_points=4, grid=6)
    path = _views.view(small, "report", path=tmp_path / "new" / "report.html", now=NOW)
    assert path.read_text(encoding="utf-8") == html(small, now=NOW)
    assert _views.view(small, "text").startswith(small.verdict)
    frame = Page(_views.view(small, "html", now=NOW)).one("iframe")["attrs"]
    assert frame["srcdoc"] == html(small, now=NOW) and frame["sandbox"] == "allow-scripts"
    assert embedded(small, now=NOW, height='1"').count("<") == 2


def test_a_report_that_cannot_be_written(small, tmp_path):
    with pytest.raises(InvalidInputError, match="is a folder"):
        write_report(small, tmp_path)
