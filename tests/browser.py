# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven by Playwright, and what a page under test must not do.

The fixtures are here, too: a file of tests imports those that it uses."""
import contextlib
import os
import shutil
import signal
import threading

import pytest
from playwright.sync_api import expect, sync_playwright

from wait import PATIENCE, wait_until

SECONDS = 60  # for whatever a page is expected to show; the machine may be busy
SLOW = 600  # for a whole test of a page, in seconds
END_SECONDS = 20  # for the browser to close
FLAGS = ["--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--disable-background-networking"]
ENTER = """(hash) => new Promise((entered) => {
    addEventListener("hashchange", () => entered(), {once: true});
    const before = location.hash;
    location.hash = hash;
    if (location.hash === before) { entered(); }
})"""
expect.set_options(timeout=SECONDS * 1000 * PATIENCE)


def process_of(browser):
    """The id of its first process, which leads the group of all of them."""
    session = browser.new_browser_cdp_session()
    infos = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return next(info["id"] for info in infos if info["type"] == "browser")


def kill(pid):
    """kill -9 of the group that `pid` leads, if it still does."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)


def end(browser, pid):
    """Closed; killed if it does not close in time, so that nothing of it stays behind whatever happened."""
    guard = threading.Timer(END_SECONDS * PATIENCE, kill, [pid])
    guard.start()
    try:
        browser.close()
    finally:
        guard.cancel()
        guard.join()
        kill(pid)
        wait_until(lambda: not alive(pid), SECONDS, "Chromium is gone")


def alive(pid):
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextlib.contextmanager
def chromium(*flags):
    """A browser with an empty profile; as root it has to do without its sandbox."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: run `make setup`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags], chromium_sandbox=os.geteuid() != 0,
                                             timeout=SECONDS * 1000 * PATIENCE)
        pid = process_of(browser)
        try:
            yield browser
        finally:
            end(browser, pid)


class Tab:
    """A page of its own context; `wrong` is what it complained about: errors, exceptions, refusals by its
    policy, failed requests."""

    def __init__(self, browser, stack, **context):
        context.setdefault("viewport", {"width": 1280, "height": 800})
        self.stack = stack
        self.context = browser.new_context(**context)
        self.context.set_default_timeout(SECONDS * 1000 * PATIENCE)
        self.page = self.context.new_page()
        self.wrong, self.forgiven = [], []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"alert: {dialog.message}"), dialog.dismiss()))

    @property
    def url(self):
        return f"{'http' if self.stack.tls is None else 'https'}://127.0.0.1:{self.stack.http_port}/dashboard/"

    def open(self, hash=""):
        """Until the view that `hash` names is entered: in a page that is there already the address is ahead of it."""
        if hash and self.page.url.startswith(self.url):
            self.page.evaluate(ENTER, hash)
        else:
            self.page.goto(self.url + hash)
        return self.page

    def live(self):
        """Until events flow."""
        self.page.locator("#link[data-state=live]").wait_for()
        return self.page

    def forgive(self, *words):
        """What the test provokes, so far or until its end: complaints with one of these words in them."""
        self.forgiven += words

    def close(self):
        self.context.close()
        wrong = [text for text in self.wrong if not any(word in text for word in self.forgiven)]
        assert not wrong, wrong


def row(page, text):
    """A list's row with this text in it."""
    return page.locator(".grid .rows [role=row]:visible").filter(has_text=text)


def sign_in(page, token):
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("button", name="Go on").click()


@pytest.fixture(scope="module")
def browser():
    """One for all tests of a file."""
    with chromium() as own:
        yield own


@pytest.fixture
def tab(browser, up):
    """A page over the stack that a file shares; what it complains about fails the test."""
    own = Tab(browser, up)
    yield own
    own.close()


@pytest.fixture
def tabs(browser):
    """tabs(stack, **context): pages of one test's own, closed with it."""
    with contextlib.ExitStack() as all_of_them:
        def make(stack, **context):
            own = Tab(browser, stack, **context)
            all_of_them.callback(own.close)
            return own
        yield make


def guard(stack, **settings):
    """A manager with a token for each role, and a worker."""
    path = stack.folder / "tokens"
    path.write_text("viewer look-only\noperator does-things\nadmin does-all\n")
    path.chmod(0o600)
    stack.start_broker()
    stack.start_manager(MANAGER_TOKENS_FILE=path, **settings)
    stack.token = "does-all"
    stack.start_proplet()
    return stack


@pytest.fixture
def guarded(stack):
    return guard(stack)
