# SPDX-License-Identifier: Apache-2.0
"""The dashboard of a manager that wants tokens: asked for, kept in the tab, and what a role may not do."""
import signal

import pytest
from playwright.sync_api import expect

from browser import SECONDS, SLOW, browser, guarded, row, sign_in, tabs
from modules import example
from wait import wait_until

ADD = example("add")
pytestmark = pytest.mark.timeout(SLOW)
# What is told goes after a while.
LISTEN = """() => { window.said = []; const notes = document.getElementById("notes");
    new MutationObserver(() => notes.textContent && window.said.push(notes.textContent)).observe(notes, {childList: true}); }"""

def test_a_token_is_asked_for_and_kept_in_the_tab(guarded, tabs):
    tab = tabs(guarded)
    guarded.rest.create("secret-task")
    page = tab.open()
    expect(page.get_by_role("dialog")).to_contain_text("asks for a token")
    assert "secret-task" not in page.content()
    for _ in range(3):
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_visible()
    sign_in(page, "wrong")
    expect(page.get_by_role("dialog")).to_contain_text("does not take this token")
    sign_in(page, "does-things")
    tab.live()
    expect(row(page, "secret-task")).to_have_count(1)
    expect(page.locator("#role")).to_have_text("operator")
    page.reload()
    tab.live()
    expect(row(page, "secret-task")).to_have_count(1)
    assert page.evaluate("JSON.stringify(localStorage)").find("does-things") < 0
    assert page.evaluate("document.cookie") == "" and "does-things" not in page.url
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog")).to_contain_text("asks for a token")
    assert page.evaluate("sessionStorage.length") == 0
    tab.forgive("401")


def test_a_viewer_only_looks(guarded, tabs):
    task = guarded.rest.create("look", ADD, invoke="add", inputs=[1, 2])
    tab = tabs(guarded)
    page = tab.open(f"#/tasks/{task['id']}")
    sign_in(page, "look-only")
    expect(page.locator(".note")).to_have_text("Your token is a viewer's; this needs the role operator.")
    page.evaluate(LISTEN)
    for count, name in enumerate(("Start", "Stop", "Delete"), 1):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        button.click(force=True)
        wait_until(lambda: page.evaluate("window.said.length") == count, SECONDS, f"why there is no {name}")
    assert all("viewer's" in text for text in page.evaluate("window.said"))
    tab.open("#/create")
    expect(page.get_by_role("button", name="Create and start")).to_have_attribute("aria-disabled", "true")
    tab.open("#/workers/worker-1")
    expect(page.get_by_role("button", name="Forget")).to_have_attribute("aria-disabled", "true")
    assert guarded.rest.task(task["id"])["attempt"] == 0
    tab.forgive("401")


def test_a_token_that_is_taken_away(guarded, tabs):
    """The next answer asks for another; what was shown goes on with it."""
    guarded.rest.create("still-here")
    tab = tabs(guarded)
    page = tab.open()
    sign_in(page, "look-only")
    tab.live()
    (guarded.folder / "tokens").write_text("operator another\nadmin does-all\n")
    guarded.manager.signal(signal.SIGHUP)
    wait_until(lambda: "tokens read again" in guarded.manager.text(), SECONDS, "the tokens are read")
    tab.open("#/workers")
    expect(page.get_by_role("dialog")).to_contain_text("does not take this token")
    sign_in(page, "another")
    expect(row(page, "worker-1")).to_have_count(1)
    expect(page.locator("#role")).to_have_text("operator")
    tab.forgive("401")
