"""All parts of the studio, for tests that visit each of them."""

from collections.abc import Callable
from dataclasses import dataclass

from support.browser import wait_idle, wait_ready

LANGUAGES = ("en", "zh-TW")


def nothing(page) -> None:
    """Take the part as it opens."""


def open_settings(page) -> None:
    """Open all groups of the settings."""
    for group in page.locator("[data-testid^=settings-] summary").all():
        group.click()


def open_term(page) -> None:
    """Open the explanation of the first visible term of the part."""
    page.locator("main .term:visible").first.click()
    page.get_by_test_id("explanation").wait_for()


def open_keys(page) -> None:
    """Open the list of keyboard shortcuts."""
    page.keyboard.press("?")
    page.get_by_test_id("keys").locator("button").wait_for()


def open_details(page) -> None:
    """Open everything that is folded up."""
    open_all = "(all) => all.forEach((details) => { details.open = true; })"
    page.eval_on_selector_all("main details", open_all)


def edit_notes(page) -> None:
    """Open the form for the display name and the note of a run."""
    page.get_by_test_id("edit-notes").click()


@dataclass(frozen=True)
class Part:
    """A part of the page in one state.

    Attributes:
        name: Its name in messages.
        address: The part of the address after `#`.
        prepare: Brings the open part into the state.
    """

    name: str
    address: str
    prepare: Callable = nothing

    def visit(self, page, served, language: str = "en") -> None:
        """Open the part in a language, and wait until it is complete."""
        page.goto("about:blank")  # another fragment alone would not load the page
        page.goto(f"{served.address}#{self.address}&lang={language}")
        wait_ready(page)
        self.prepare(page)
        wait_idle(page)


PARTS = (
    Part("explore", "model=0&x=0.5&y=0.4"),
    Part("explore-gaps", "model=1&gaps=distance"),
    Part("explore-gan", "model=2"),
    Part("keys", "model=0", open_keys),
    Part("draw", "model=1&tool=draw"),
    Part("path", "model=0&tool=path&p.a=i3&p.b=i100&p.at=7"),
    Part("gaussians", "model=1&tool=gaussians&gauss.of=1"),
    Part("find", "model=2&tool=find"),
    Part("plane", "model=1&tool=plane"),
    Part("compare", "tab=compare&c.models=0.1.2.3&c.image=17"),
    Part("compare-z", "tab=compare&c.models=1.3&c.lock=z&c.all=1"),
    Part("generate", "tab=generate&model=3&g.label=1&g.sample=3"),
    Part("generate-vae", "tab=generate&model=1"),
    Part("train-new", "tab=train", open_settings),
    Part("train-gan", "tab=train&t.run=r~3", open_details),
    Part("train-vae", "tab=train&t.run=r~2", edit_notes),
    Part("term", "tab=train&t.run=r~3", open_term),
    Part("train-unknown", "tab=train&t.run=nothing"),
    Part("lab", "tab=train&t.view=lab&l.did=20"),
    Part("lab-drawn", "tab=train&t.view=lab&l.name=drawn"),
)
