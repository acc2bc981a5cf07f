# SPDX-License-Identifier: Apache-2.0
"""The dashboard over https. Chromium takes the server's certificate by the hash of its key, which is all
that it can be told from outside; any other certificate of these tests is refused."""
import base64
import hashlib
import re
import ssl
import subprocess

import pytest
from playwright.sync_api import Error, expect

from browser import SLOW, chromium, guard, row, sign_in, tabs
from certificates import HOSTS, Authority
from modules import example

pytestmark = pytest.mark.timeout(SLOW)


class Papers:
    def __init__(self, folder):
        self.authority = Authority(folder)
        self.server = self.authority.issue("server", HOSTS)
        self.unknown = self.authority.issue("unknown", HOSTS)
        self.person = self.authority.issue("person", usage="clientAuth")

    def client(self, own=None):
        """For the test's own requests."""
        context = ssl.create_default_context(cafile=self.authority.cert)
        if own:
            context.load_cert_chain(own.cert, own.key)
        return context


def pin(certificate):
    """What Chromium calls a certificate's key: the SHA-256 of its SubjectPublicKeyInfo, in base64."""
    done = subprocess.run(["openssl", "pkey", "-in", certificate.key, "-pubout", "-outform", "DER"],
                          capture_output=True, check=True, timeout=60)
    return base64.b64encode(hashlib.sha256(done.stdout).digest()).decode()


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def browser(papers):
    with chromium(f"--ignore-certificate-errors-spki-list={pin(papers.server)}") as own:
        yield own


def https(made, **more):
    return {"MANAGER_HTTP_SERVER_CERT": made.cert, "MANAGER_HTTP_SERVER_KEY": made.key, **more}


def test_all_of_it_over_https(stack, papers, tabs, tmp_path):
    """A token, events, a module uploaded, run and deleted; and not one request in clear text."""
    stack.tls = papers.client()
    guard(stack, **https(papers.server))
    (tmp_path / "large.wasm").write_bytes(example("hello-world") + b"\0\x86\x80\x40\1x" + bytes((1 << 20) + 4))  # a custom section of 1 MiB
    tab = tabs(stack)
    asked = []
    tab.page.on("request", lambda request: asked.append(request.url))
    page = tab.open()
    expect(page.get_by_role("dialog")).to_contain_text("asks for a token")
    sign_in(page, "does-things")
    tab.live()
    assert page.evaluate("isSecureContext") is True
    assert stack.rest.get("/dashboard/").headers.get("strict-transport-security") is None  # a host may have other ports
    assert page.get_by_label("Command").text_content().endswith(f" -m https://127.0.0.1:{stack.http_port}")
    stack.rest.create("heard-of")
    expect(row(page, "heard-of")).to_have_count(1)
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Module").set_input_files(tmp_path / "large.wasm")
    expect(page.get_by_label("Name", exact=True)).to_have_value("large")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator(".under .badge")).to_have_text("Completed")
    expect(page.get_by_label("stdout")).to_contain_text("Hello, world!")
    assert stack.rest.task(page.url.rpartition("/")[2])["module_size"] == (tmp_path / "large.wasm").stat().st_size
    with page.expect_download() as download:
        page.get_by_role("button", name="Save stdout").click()
    assert download.value.suggested_filename == "large-stdout.txt"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "heard-of")).to_have_count(1)
    assert all(re.match(r"https:|blob:https:", url) for url in asked) and any(url.endswith("/upload") for url in asked), asked
    tab.forgive("401")


def test_a_break_over_https(stack, papers, tabs):
    """The stream is there again by itself."""
    stack.tls = papers.client()
    stack.start_broker()
    stack.start_manager(**https(papers.server))
    tab = tabs(stack)
    page = tab.open()
    tab.live()
    stack.manager.kill()
    expect(page.locator("#link")).to_have_text("Reconnecting…")
    stack.restart_manager()
    tab.live()
    stack.rest.create("after")
    expect(row(page, "after")).to_have_count(1)
    tab.forgive("ERR_")


def test_a_certificate_that_nobody_knows(stack, papers, tabs):
    """Then there is no page: so the tests above show that a certificate counts."""
    stack.tls = papers.client()
    stack.start_broker()
    stack.start_manager(**https(papers.unknown))
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        tabs(stack).open()


def test_with_a_client_certificate(stack, papers, tabs):
    """MANAGER_HTTP_SERVER_CA: the page and its requests go with the browser's certificate, and without one nothing goes.

    Playwright makes these connections itself and shows them to Chromium under a certificate of its own."""
    stack.tls = papers.client(papers.person)
    stack.start_broker()
    stack.start_manager(**https(papers.server, MANAGER_HTTP_SERVER_CA=papers.authority.cert))
    stack.rest.create("behind-it")
    without = tabs(stack)
    assert "there is no client certificate" in without.open().inner_text("body")
    assert without.page.locator("main").count() == 0
    without.forgive("401")
    tab = tabs(stack, ignore_https_errors=True, client_certificates=[
        {"origin": f"https://127.0.0.1:{stack.http_port}", "certPath": str(papers.person.cert), "keyPath": str(papers.person.key)}])
    page = tab.open()
    tab.live()
    expect(row(page, "behind-it")).to_have_count(1)
