"""The page of the review in a real browser: by keys and by clicks, from a doubt to the next run."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import numpy as np
from playwright.sync_api import Page, Route, expect

from lineart.codec import decode_cel, encode_png
from lineart.review.server import Listener
from tests.browser import PHONE, NewPage
from tests.review.conftest import STEPS, Reviewed
from tests.shots import BOX, DOOR, SKY

BALL_AT = (50, 30)
"""A pixel of the ball in the third drawing."""


@contextmanager
def opened(new_page: NewPage, film: Reviewed, **options: object) -> Iterator[Page]:
    """Run a server, open its page and wait for its first frame."""
    listener = Listener(film.review("anna"), 0)
    thread = Thread(target=listener.run)
    thread.start()
    page = new_page(server=listener.address.partition("/?")[0], **options)
    try:
        page.goto(listener.address)
        assert "token" not in page.url
        expect(page.locator("aside")).to_be_visible()
        yield page
    finally:
        page.close()
        listener.stop()
        thread.join(10)


def click(page: Page, row: int, column: int) -> None:
    """Click a pixel of the frame."""
    box = page.locator(".shown").bounding_box()
    assert box is not None
    scale = box["width"] / 160
    page.mouse.click(box["x"] + (column + 0.5) * scale, box["y"] + (row + 0.5) * scale)


def test_a_doubt_is_answered(reviewed: Reviewed, new_page: NewPage) -> None:
    """A digit answers, the page names frames, S saves, and the next run makes them."""
    with opened(new_page, reviewed) as page:
        expect(page.locator(".entries [aria-current=true]")).to_contain_text("0 % sure")
        page.get_by_title("roll/f0003.png").click()
        expect(page.locator(".where")).to_contain_text("f0003.png")
        click(page, *BALL_AT)
        expect(page.locator(".region .said")).to_contain_text("0 % sure: no key has its colour")
        page.keyboard.press("2")
        expect(page.locator(".touched")).to_have_text(
            "1 answer: changes 5 frames, f0001.png … f0005.png"
        )
        expect(page.locator(".drafts")).to_have_text("1 frame is not saved")
        page.keyboard.press("s")
        expect(page.locator(".toast")).to_have_text(
            "Saved 1 answer. The next run makes again 5 frames, f0001.png … f0005.png."
        )
        expect(page.locator(".drafts")).to_be_hidden()
        key = decode_cel(reviewed.root.read("keys/roll/f0003.png"))
        assert tuple(key[BALL_AT]) == (*BOX, 255)
        page.keyboard.press("y")
        expect(page.locator("[data-do=accept]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".mark p")).to_contain_text("anna, ")
        assert reviewed.color() == [f"roll/f{n + 1:04}.png" for n in range(STEPS)]
        page.evaluate("() => window.dispatchEvent(new Event('focus'))")
        expect(page.locator(".mark p")).to_contain_text("the frame was made again since")
        expect(page.locator(".entries")).not_to_contain_text(" 0 % sure")


def test_another_has_saved(reviewed: Reviewed, new_page: NewPage) -> None:
    """Theirs is shown; mine stays until it is laid over theirs. The eyedropper takes a colour."""
    with opened(new_page, reviewed, expected="409") as page:
        page.get_by_title("roll/f0003.png").click()
        expect(page.locator(".where")).to_contain_text("f0003.png")
        click(page, *BALL_AT)
        page.keyboard.press("i")
        click(page, 8, 80)
        expect(page.locator(".touched")).to_contain_text("changes 5 frames")
        theirs = np.zeros((96, 160, 4), np.uint8)
        theirs[60:70, 116:122] = (*DOOR, 255)
        reviewed.root.write("keys/roll/f0003.png", encode_png(theirs))
        page.locator("[data-do=save]").click()
        conflict = page.locator(".conflict")
        expect(conflict).to_contain_text("has changed the key of this drawing; yours is not saved")
        expect(conflict.locator("img")).to_be_visible()
        assert (decode_cel(reviewed.root.read("keys/roll/f0003.png")) == theirs).all()
        conflict.get_by_role("button", name="Lay mine over it").click()
        expect(page.locator(".toast")).to_contain_text("Saved 1 answer")
        key = decode_cel(reviewed.root.read("keys/roll/f0003.png"))
        assert (tuple(key[BALL_AT]), tuple(key[65, 119])) == ((*SKY, 255), (*DOOR, 255))


def test_on_a_phone(reviewed: Reviewed, new_page: NewPage) -> None:
    """Everything is there in one column, without scrolling sideways; shots are found by name."""
    with opened(new_page, reviewed, viewport=PHONE) as page:
        assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
        page.get_by_role("tab", name="Shots").click()
        page.get_by_placeholder("Name of a shot").fill("lid")
        expect(page.locator(".entries .shot")).to_have_count(1)
        page.locator(".entries .shot").click()
        expect(page.locator(".where")).to_contain_text("slide, 1 of 5")
        page.keyboard.press("Escape")
        page.locator("[data-do=nextFrame]").click()
        expect(page.locator(".bar .said")).to_have_text("repeats slide/f0001.png")


class Held:
    """Answers that a page waits for."""

    def __init__(self, page: Page) -> None:
        self._page, self._routes = page, list[Route]()

    def hold(self, address: str) -> None:
        """Hold the answers to requests from now on, until all are let go."""
        routes = self._routes

        def wait(route: Route) -> None:
            if routes is self._routes:
                routes.append(route)
            else:
                route.fallback()

        self._page.route(address, wait)

    def let_go(self) -> None:
        """Let all come."""
        routes, self._routes = self._routes, []
        for route in routes:
            route.continue_()


def show_run(page: Page) -> None:
    """Let the page see that there was a run."""
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".toast")).to_have_text("The film was coloured again.")


def test_late_answers(reviewed: Reviewed, new_page: NewPage) -> None:
    """What was asked for last is shown, whichever answer comes last, and no click is lost."""
    with opened(new_page, reviewed) as page:
        held = Held(page)
        where, third = page.locator(".where"), page.get_by_title("roll/f0003.png")
        # An older frame comes after a newer one.
        held.hold("**/api/frame?*f0002*")
        page.get_by_title("roll/f0002.png").click()
        page.get_by_title("roll/f0004.png").click()
        expect(where).to_contain_text("roll, 4 of 5")
        held.let_go()
        # A run ends while a frame that was clicked is on its way.
        held.hold("**/api/frame?*f0003*")
        third.click()
        reviewed.color()
        show_run(page)
        held.let_go()
        expect(where).to_contain_text("f0003.png")
        # The strip is told anew while the button of the mouse is down, and does not move.
        held.hold("**/picture/thumbnail*")
        held.hold("**/api/frames?*")
        page.keyboard.press("y")
        expect(page.locator("[data-do=accept]")).to_have_attribute("aria-pressed", "true")
        box = third.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.get_by_title("roll/f0005.png").hover()
        page.mouse.down()
        held.let_go()
        expect(third.locator(".accepted")).to_have_text("✓")
        assert third.bounding_box() == box
        page.mouse.up()
        expect(where).to_contain_text("f0005.png")
        # Frames of a shot that was left come late.
        held.hold("**/api/frames?shot=1&*")
        page.get_by_role("tab", name="Shots").click()
        shots = page.locator(".entries .shot")
        shots.nth(1).click()
        shots.nth(0).click()
        expect(where).to_contain_text("roll, 1 of 5")
        held.let_go()
        expect(third).to_be_visible()


def test_changes_in_quick_succession(reviewed: Reviewed, new_page: NewPage) -> None:
    """None conflicts with the one before; answers that are not saved outlive a run."""
    with opened(new_page, reviewed) as page:
        page.get_by_title("roll/f0003.png").click()
        expect(page.locator(".where")).to_contain_text("f0003.png")
        click(page, *BALL_AT)
        held = Held(page)
        held.hold("**/api/key?*")
        for key in "2syr":
            page.keyboard.press(key)
        click(page, 66, 119)
        page.keyboard.press("1")
        page.keyboard.press("s")
        held.let_go()
        expect(page.locator("[data-do=redo]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".drafts")).to_be_hidden()
        key = decode_cel(reviewed.root.read("keys/roll/f0003.png"))
        assert (tuple(key[BALL_AT]), tuple(key[66, 119])) == ((*BOX, 255), (*SKY, 255))
        click(page, 8, 80)
        page.keyboard.press("2")
        reviewed.color()
        show_run(page)
        expect(page.locator(".mark p")).to_contain_text("the frame was made again since")
        expect(page.locator(".drafts")).to_have_text("1 frame is not saved")
        page.keyboard.press("s")
        expect(page.locator(".toast")).to_contain_text("Saved 1 answer")
        key = decode_cel(reviewed.root.read("keys/roll/f0003.png"))
        assert (tuple(key[BALL_AT]), tuple(key[8, 80])) == ((*BOX, 255), (*BOX, 255))
