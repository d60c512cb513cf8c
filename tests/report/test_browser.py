"""The report in a real browser: no request, no console message, no script of a name, readable everywhere."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

import pytest

from headless import Browser
from lossmith.report import losses as cards
from lossmith.report import write_report

pytestmark = pytest.mark.browser

HOSTILE = "<script>alert(1)</script>"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    shown = Browser(tmp_path_factory.mktemp("profile"))
    yield shown
    shown.driver.quit()


@pytest.fixture(scope="module")
def report(circles, tmp_path_factory):
    return write_report(circles, tmp_path_factory.mktemp("report") / "report.html", now=NOW)


@pytest.fixture(scope="module")
def hostile_report(hostile, tmp_path_factory):
    return write_report(hostile, tmp_path_factory.mktemp("hostile") / "report.html", now=NOW)


def test_no_request_and_no_console_message(browser, report, hostile_report):
    for path in (report, hostile_report):
        browser.open(path)
        assert browser.requests() == [path.as_uri()]
        assert browser.logs("browser") == []


def test_the_policy_is_in_force(browser, report):
    browser.open(report)
    browser.ask(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s);"
    )
    assert browser.ask("return window.ran ?? null") is None
    browser.ask("const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);")
    complaints = " ".join(entry["message"] for entry in browser.logs("browser"))
    assert "Content Security Policy" in complaints


def test_a_script_in_a_name_stays_text(browser, hostile_report):
    from selenium.common.exceptions import NoAlertPresentException

    browser.open(hostile_report)
    with pytest.raises(NoAlertPresentException):
        _ = browser.driver.switch_to.alert
    assert browser.ask("return document.querySelectorAll('script').length") == 2
    assert HOSTILE in browser.ask(
        "return document.querySelector('svg[aria-labelledby] text') && document.body.textContent"
    )
    texts = browser.ask("return [...document.querySelectorAll('svg text')].map(t => t.textContent)")
    assert HOSTILE in texts
    assert browser.ask("return document.title").count(HOSTILE) == 1


def test_sorting_works_by_mouse_and_keyboard(browser, report):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    names = "return [...document.querySelectorAll('#leaderboard tbody tr')].map(r => r.cells[1].textContent.trim())"
    first = browser.ask(names)
    ece = browser.driver.find_element(
        By.XPATH, "//section[@id='leaderboard']//th[.//button[contains(., 'test accuracy')]]//button"
    )
    browser.ask("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", ece)
    ece.click()
    assert (
        browser.ask(names) == sorted(first, key=lambda name: -first.index(name)) or browser.ask(names)[0] == first[-1]
    )
    values = "return [...document.querySelectorAll('#leaderboard tbody tr')].map(r => Number(r.cells[2].dataset.value))"
    assert browser.ask(values) == sorted(browser.ask(values))
    ece.send_keys(Keys.ENTER)
    assert browser.ask(values) == sorted(browser.ask(values), reverse=True)
    assert browser.ask("return arguments[0].parentElement.getAttribute('aria-sort')", ece) == "descending"


def test_filter_and_copy(browser, report):
    from selenium.webdriver.common.by import By

    browser.open(report)
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    box = browser.driver.find_element(By.CSS_SELECTOR, ".filter input")
    box.send_keys("tanh_squared_hinge")
    shown = "return [...document.querySelectorAll('table[data-filter] tbody tr')].filter(r => !r.hidden).length"
    assert browser.ask(shown) == 30
    browser.run("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    button = browser.driver.find_element(By.CSS_SELECTOR, "#repeat .copy")
    browser.ask("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()
    browser.driver.implicitly_wait(2)
    browser.driver.find_element(By.XPATH, "//section[@id='repeat']//button[text()='Copied']")
    copied = browser.driver.execute_async_script(
        "navigator.clipboard.readText().then(arguments[0], () => arguments[0](null))"
    )
    assert copied is None or copied.startswith("lossmith compare circles --losses")


def test_reads_without_scripts(browser, report):
    browser.open(report, scripts=False)
    tree = browser.run("Accessibility.getFullAXTree")["nodes"]
    text = " ".join(str(node.get("name", {}).get("value", "")) for node in tree)
    for part in (
        "Use binary_crossentropy",
        "0.8501",
        "28/30 seeds",
        "How the paired differences are computed",
        "Code to paste",
    ):
        assert part in text
    roles = {node.get("role", {}).get("value") for node in tree}
    assert {"table", "columnheader", "rowheader", "navigation", "main", "heading"} <= roles
    assert browser.logs("browser") == []


@pytest.mark.parametrize("width", [400, 320, 768, 1280])
def test_the_page_never_scrolls_sideways(browser, report, hostile_report, width):
    for path in (report, hostile_report):
        browser.open(path, width=width)
        browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.ask("return document.documentElement.scrollWidth") <= width


def contrasts(browser):
    """For every element with text of its own: its contrast against the paper behind it, by WCAG's formula."""
    return browser.ask(
        """
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const paper = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > .99) return c; } return [255, 255, 255]; };
        const found = [];
        for (const e of document.querySelectorAll('body *')) {
            if (!e.checkVisibility() || e.closest('script')) continue;
            if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
            const style = getComputedStyle(e);
            const [a, b] = [light(parse(e instanceof SVGElement ? style.fill : style.color)), light(paper(e))];
            found.push([(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.tagName + '.' + e.getAttribute('class')]);
        }
        return found;
        """
    )


@pytest.mark.parametrize("dark", [False, True])
def test_contrast_of_everything_that_is_seen(browser, report, dark):
    browser.open(report, dark=dark)
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    measured = contrasts(browser)
    assert len(measured) > 500
    assert min(measured) >= [4.5, ""], min(measured)
    background = browser.picture(200)[5, 5]
    assert bool(background.mean() < 60) is dark


def test_page_one_of_the_print_is_complete(browser, report):
    width, height = 695, 1032  # A4 without the margins of the style sheet, in CSS pixels
    browser.open(report, width=width, media="print")
    assert browser.ask("return document.querySelector('.first').getBoundingClientRect().bottom") <= height
    assert browser.ask("return document.documentElement.scrollWidth") <= width
    assert browser.ask("return getComputedStyle(document.querySelector('nav')).display") == "none"
    browser.open(report, width=width, media="print", dark=True)
    assert (
        browser.picture(100)[50, 300].mean() > 200
        and browser.ask("return getComputedStyle(document.body).color") == "rgb(28, 32, 36)"
    )
    pdf = base64.b64decode(browser.run("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 15


def test_figures_are_drawn_in_the_colours_of_the_page(browser, report):
    for dark, expected in ((False, "rgb(0, 114, 178)"), (True, "rgb(74, 168, 224)")):
        browser.open(report, dark=dark)
        fills = browser.ask("return [...document.querySelectorAll('figure .f-c0')].map(e => getComputedStyle(e).fill)")
        assert set(fills) == {expected}
        assert browser.ask(
            "return [...document.querySelectorAll('section > figure svg')].every(s => s.getBoundingClientRect().width > 200)"
        )


def test_the_card_of_a_loss(browser, tmp_path):
    from lossmith import losses

    path = tmp_path / "huber.html"
    path.write_text(cards.page(losses.get("huber"), now=NOW), encoding="utf-8")
    for width in (400, 1280):
        browser.open(path, width=width)
        assert browser.requests() == [path.as_uri()] and browser.logs("browser") == []
        assert browser.ask("return document.documentElement.scrollWidth") <= width
    assert min(contrasts(browser)) >= [4.5, ""]
