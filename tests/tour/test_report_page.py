"""The report in a browser: its language, and that of its pictures."""

import pytest

from support.browser import BROWSER_MARKS
from support.tour_reports import example_claim, example_report

pytestmark = BROWSER_MARKS
CLAIM = "An autoencoder compresses"


@pytest.fixture
def address(tmp_path):
    from latentarium.tour.report import write_report

    write_report(example_report(example_claim(title=CLAIM)), tmp_path)
    return (tmp_path / "report.html").as_uri()


@pytest.fixture
def open_page(browser, address):
    contexts = []

    def open_with(locale, fragment=""):
        contexts.append(browser.new_context(locale=locale, viewport={"width": 390, "height": 844}))
        page = contexts[-1].new_page()
        page.goto(address + fragment)
        return page

    yield open_with
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("locale", "fragment", "title"),
    [
        ("en-GB", "", CLAIM), ("zh-TW", "", "自編碼器能壓縮影像"),
        ("zh-TW", "#en,dark", CLAIM), ("en-GB", "#zh-TW", "自編碼器能壓縮影像"), ("de", "", CLAIM),
        ("en-GB", "#lang=zh", "自編碼器能壓縮影像"), ("zh-TW", "#lang=en&dark", CLAIM),
        ("en-GB", "#lang=zh-TW", "自編碼器能壓縮影像"),
    ],
)  # fmt: skip
def test_language_is_that_of_the_browser_or_of_the_address(open_page, locale, fragment, title):
    page = open_page(locale, fragment)
    assert page.inner_text("h3#a-claim-title") == title
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_button_switches_texts_labels_and_title_and_is_remembered(open_page):
    page = open_page("en-GB")
    label = page.locator("nav").get_attribute("aria-label")
    page.click("#language")
    assert page.inner_text("h3#a-claim-title") == "自編碼器能壓縮影像"
    assert page.locator("nav").get_attribute("aria-label") != label
    assert "四種" in page.title()
    assert page.url.endswith("#lang=zh")
    page.reload()
    assert page.evaluate("document.documentElement.lang") == "zh-TW"
    page.click("#language")
    assert page.locator("nav").get_attribute("aria-label") == label
    assert page.inner_text("h3#a-claim-title") == CLAIM
    assert page.url.endswith("#lang=en")


def test_switching_the_language_keeps_the_theme_and_the_address_of_a_claim(open_page):
    page = open_page("en-GB", "#zh-TW,dark")
    page.click("#language")
    assert page.url.endswith("#lang=en&dark")
    page.evaluate("location.hash = 'a-claim'")
    page.click("#language")
    assert page.url.endswith("#a-claim")
