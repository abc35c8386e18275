"""The report in a real browser: it is still, it fits, it can be walked through by keyboard, and it runs nothing."""

import json
from dataclasses import replace

import pytest

from docs.make.browser import TAB, Browser, a_browser, lacking
from snapshotter.core.page import page
from tests.core.test_page import HOSTILE, a_report

WHY = lacking()
pytestmark = pytest.mark.skipif(WHY is not None, reason=WHY or "")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A browser that shows the report of an archive whose every text is hostile."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    report = a_report(HOSTILE, archive=f"life {HOSTILE}")
    file.write_text(page(replace(report, troubles=report.troubles * 8)))
    with a_browser() as browser:
        browser.open(file)
        browser.log("performance")  # what the browser did before
        browser.size(1100, 900)
        browser.open(file)
        yield browser


def asked(browser: Browser) -> list[str]:
    """The addresses that were asked since one looked last."""
    told = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    return [one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"]


def test_it_loads_nothing_and_has_nothing_to_complain(shown):
    assert [url.rpartition("/")[2] for url in asked(shown)] == ["report.html"]
    assert shown.log("browser") == []


def test_a_hostile_text_does_not_run(shown):
    assert shown.run("return document.title").startswith("life </title><script>")
    assert shown.run("return document.scripts.length + document.images.length") == 0


def test_its_sheet_is_allowed_by_its_own_policy(shown):
    assert shown.run("return getComputedStyle(document.querySelector('.card')).borderRadius") == "10px"


@pytest.mark.parametrize("width", [320, 360, 768, 1100])
def test_it_does_not_scroll_sideways(shown, width):
    shown.size(width, 800)
    shown.run("document.querySelectorAll('details').forEach(one => one.open = true)")

    assert shown.run("return document.documentElement.scrollWidth") <= width


CONTRAST = """
const light = colour => { const part = colour.match(/[\\d.]+/g).slice(0, 3).map(one => one / 255)
  .map(one => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2] };
const behind = node => { for (; node; node = node.parentElement) { const found = getComputedStyle(node).backgroundColor;
  if (!/, 0\\)$/.test(found)) return found } return 'rgb(255, 255, 255)' };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); const weak = [];
while (walker.nextNode()) { const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || node.closest('svg')) continue;
  const [one, other] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
  if ((one + 0.05) / (other + 0.05) < 4.5) weak.push(node.className + ': ' + walker.currentNode.data) }
return weak
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_word_stands_out_from_what_is_behind_it(shown, dark):
    shown.size(1100, 900, dark=dark)

    assert shown.run("return matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert shown.run(CONTRAST) == []


def test_the_keyboard_reaches_everything_that_can_be_opened_or_followed(shown):
    shown.size(1100, 900)
    shown.run("document.activeElement.blur(); scrollTo(0, 0)")
    wanted = shown.run("return document.querySelectorAll('a, summary, [tabindex]').length")
    shown.run("document.querySelectorAll('details').forEach(one => one.open = true)")

    reached = []
    for _ in range(wanted + 1):
        shown.press(TAB)
        reached.append(
            shown.run("const at = document.activeElement; return at.className + at.textContent.slice(0, 30)")
        )

    assert reached[0].startswith("skip")
    assert len(set(reached)) >= shown.run("return new Set([...document.querySelectorAll('a, summary, [tabindex]')]"
                                          ".map(at => at.className + at.textContent.slice(0, 30))).size")  # fmt: skip


def test_it_prints_on_paper_with_everything_open(shown):
    shown.size(1100, 900)
    shown.run("document.querySelectorAll('details').forEach(one => one.open = false)")

    printed = shown.tell("Page.printToPDF", printBackground=False)["data"]

    assert len(printed) > 10_000
