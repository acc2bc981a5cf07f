# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium, driven by Playwright, and what a page under test must not do."""
import contextlib
import os
import shutil

from playwright.sync_api import sync_playwright

from wait import PATIENCE

SECONDS = 30  # for whatever a page is expected to show; the machine may be busy


@contextlib.contextmanager
def chromium():
    """A browser with an empty profile; as root it has to do without its sandbox."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: run `make setup`"
    flags = ["--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags, chromium_sandbox=os.geteuid() != 0)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page of its own context; `wrong` is what it complained about: errors, exceptions, refusals by its
    policy, failed requests."""

    def __init__(self, browser, stack, **context):
        context.setdefault("viewport", {"width": 1280, "height": 800})
        self.stack = stack
        self.context = browser.new_context(**context)
        self.context.set_default_timeout(SECONDS * 1000 * PATIENCE)
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append(f"alert: {dialog.message}"), dialog.dismiss()))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.stack.http_port}/dashboard/"

    def open(self, hash=""):
        self.page.goto(self.url + hash)
        return self.page

    def live(self):
        """Until events flow."""
        self.page.locator("#link[data-state=live]").wait_for()
        return self.page

    def forgive(self, *words):
        """What the test provoked: complaints with one of these words in them."""
        self.wrong = [text for text in self.wrong if not any(word in text for word in words)]

    def close(self):
        self.context.close()
        assert not self.wrong, self.wrong
