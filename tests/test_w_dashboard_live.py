# SPDX-License-Identifier: Apache-2.0
"""The dashboard while its manager goes, comes, is busy or says nothing; and while nobody looks."""
import re
import signal
import time

import pytest
from playwright.sync_api import expect

from browser import SECONDS, SLOW, browser, row, tab, tabs
from modules import example
from wait import wait_until

ADD = example("add")
pytestmark = pytest.mark.timeout(SLOW)

def test_the_manager_is_killed_and_comes_back(stack, tabs):
    stack.start()
    tab = tabs(stack)
    kept, lost = stack.rest.create("kept"), stack.rest.create("lost")
    page = tab.open()
    tab.live()
    expect(row(page, "lost")).to_have_count(1)
    page.evaluate("window.same = true")
    stack.manager.kill()
    expect(page.locator("#link")).to_have_text("Reconnecting…")
    expect(row(page, "kept")).to_have_count(1)
    stack.restart_manager()
    stack.rest.expect(204, "DELETE", f"/tasks/{lost['id']}")  # perhaps nobody listens yet: only reading again tells
    stack.rest.create("new")
    tab.live()
    for name, there in (("new", 1), ("lost", 0), ("kept", 1)):
        expect(row(page, name)).to_have_count(there)
    tab.open(f"#/tasks/{kept['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("kept")
    stack.manager.kill()
    expect(page.locator("#link")).to_have_text("Reconnecting…")
    stack.restart_manager()
    stack.rest.expect(200, "PUT", f"/tasks/{kept['id']}", {"name": "renamed"})
    expect(page.get_by_role("heading", level=1)).to_have_text("renamed")
    assert page.evaluate("window.same") is True
    tab.forgive("ERR_")


def test_how_one_sees_that_the_manager_is_away(stack, tabs):
    """A bar says so, since when, and that what is shown is old; it goes with the break, which one can cut short."""
    stack.start_broker()
    stack.start_manager()
    stack.rest.create("as-it-was")
    tab = tabs(stack)
    tab.page.clock.install()
    page = tab.open()
    tab.live()
    expect(row(page, "as-it-was")).to_have_count(1)
    expect(page.locator("#away")).to_be_hidden()
    stack.manager.kill()
    expect(page.locator("#away")).to_have_text(re.compile(r"^The manager does not answer. What is shown is as it was at \d\d:\d\d:\d\d\.Try now$"))
    expect(row(page, "as-it-was")).to_have_count(1)
    tried = []
    page.route("**/events", lambda route: (tried.append(route), route.abort()))
    page.clock.pause_at(time.time() + 3600)  # from here on no pause of the page ends by itself
    stack.restart_manager()

    def press():
        page.evaluate("document.querySelector('#away button').click()")
        return tried or page.locator("#link[data-state=live]").count()
    page.get_by_role("button", name="Try now").click()
    wait_until(press, SECONDS, "it is tried")
    expect(page.locator("#away")).to_be_visible()
    page.unroute("**/events")
    tried.clear()
    wait_until(press, SECONDS, "it is tried once more")
    expect(page.locator("#away")).to_be_hidden()
    tab.forgive("ERR_")


def test_a_page_that_comes_late_does_not_undo_events(tab, up):
    """The list is held back on its way, while the tasks in it move and go."""
    moves, goes = up.rest.create("moves", ADD, invoke="add", inputs=[1, 2]), up.rest.create("goes")
    held = []
    tab.page.route("**/tasks?limit=*", lambda route: held.append((route, route.fetch())))
    page = tab.open("#/tasks?q=oes")
    tab.live()
    wait_until(lambda: page.wait_for_timeout(20) or held, SECONDS, "the first page is asked for")
    up.rest.start(moves["id"])
    up.rest.wait(moves["id"])
    up.rest.expect(204, "DELETE", f"/tasks/{goes['id']}")
    heard = up.rest.create("goes-last")["id"]
    expect(row(page, "goes-last")).to_have_count(1)  # so the events before it are heard, too
    for route, answer in held:
        route.fulfill(response=answer)
    tab.page.unroute("**/tasks?limit=*")
    page.get_by_role("searchbox").fill("")
    expect(page.locator(".foot")).to_contain_text(re.compile("^[0-9,]+ tasks$"))
    expect(row(page, "goes")).to_have_count(1)
    assert heard in page.locator(".grid .rows [role=row]:visible a").first.get_attribute("href")
    expect(page.locator(".grid .rows [role=row]:visible", has=page.locator(f"a[href='#/tasks/{moves['id']}']"))).to_contain_text("Completed")


def test_a_manager_that_is_busy_is_asked_again(tab, up):
    """The list comes all the same, once it may."""
    up.rest.create("behind-the-queue")
    refused = []

    def refuse(route):
        refused.append(route)
        if len(refused) > 2:
            route.continue_()
        else:
            route.fulfill(status=429, content_type="application/problem+json", body='{"detail": "too much at once"}')
    tab.page.route("**/tasks?limit=*", refuse)
    page = tab.open("#/tasks?q=behind-the-queue")
    expect(page.locator("#alerts")).to_contain_text("cannot be read: too much at once")
    expect(row(page, "behind-the-queue")).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#alerts")).to_be_empty()
    tab.forgive("429")


def test_a_tab_that_is_not_seen_gives_its_connection_back(up, tabs):
    """And goes on with the last event that it has, without reading all again."""
    tab = tabs(up)
    page = tab.page
    page.clock.install()
    read = []
    page.on("request", lambda request: "/tasks?limit" in request.url and read.append(request.headers))
    streams = []
    page.on("request", lambda request: request.url.endswith("/events") and streams.append(request.headers))
    tab.open("#/tasks?q=while-away")
    tab.live()
    expect(page.locator(".foot")).to_have_text("0 tasks")
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true})")
    page.evaluate("window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.fast_forward(61000)
    expect(page.locator("#link")).to_have_text("Paused")
    reads, tasks = len(read), [up.rest.create(f"while-away-{number}") for number in range(3)]
    page.clock.fast_forward(600000)
    expect(page.locator("#link")).to_have_text("Paused")
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    tab.live()
    expect(row(page, "while-away")).to_have_count(len(tasks))
    assert len(read) == reads and "last-event-id" not in streams[0] and streams[-1]["last-event-id"]


def test_a_manager_that_says_nothing_is_given_up(stack, tabs):
    """Not even a comment for 40 seconds, by the page's clock."""
    stack.start_broker()
    stack.start_manager()
    tab = tabs(stack)
    tab.page.clock.install()
    page = tab.open()
    tab.live()
    stack.manager.signal(signal.SIGSTOP)
    try:
        page.clock.fast_forward(41000)
        expect(page.locator("#link")).not_to_have_text("Live")
    finally:
        stack.manager.signal(signal.SIGCONT)
    page.clock.fast_forward(16000)
    tab.live()
    stack.rest.create("later")
    expect(row(page, "later")).to_have_count(1)


@pytest.mark.parametrize("off", [-86400, 86400])
def test_a_clock_that_is_wrong(up, tabs, off):
    """Ages are by the manager's clock: they grow, from nothing on."""
    tab = tabs(up)
    tab.page.clock.install(time=time.time() + off)
    page = tab.open(f"#/tasks?q=fresh-{off}")
    tab.live()
    expect(page.locator(".foot")).to_have_text("0 tasks")
    up.rest.create(f"fresh-{off}")
    expect(row(page, f"fresh-{off}").locator(".cell.age")).to_have_text(re.compile(r"^[1-9]\d* s$"))
