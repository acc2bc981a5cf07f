# SPDX-License-Identifier: Apache-2.0
"""Texts of strangers in the dashboard: they are shown, and are never more than text."""
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import SLOW, browser, row, tab
from modules import example

pytestmark = pytest.mark.timeout(SLOW)
BAD = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'><svg/onload=alert(3)>{{7*7}}javascript:alert(4)'

def test_markup_in_every_text_is_only_text(tab, up):
    """No element comes of it, and nothing runs; the policy would not let it either."""
    task = up.rest.create(
        BAD, example("hello-world"), invoke=BAD, inputs=[BAD], cli_args=[BAD], env={BAD.replace("=", ":"): BAD}, stdin=BAD,
        namespace=BAD[:100], metadata={BAD: {BAD: BAD}}, required_tags=[BAD], proplet_id=BAD[:100],
        dirs=[{"host": "/" + BAD.replace("/", "|"), "guest": BAD}])
    shown = up.rest.create(BAD, example("hello-world"), cli_args=[BAD])
    up.rest.start(shown["id"])
    up.rest.wait(shown["id"])
    page = tab.open()
    tab.live()
    expect(row(page, BAD)).to_have_count(2)
    for task_id in (task["id"], shown["id"]):
        tab.open(f"#/tasks/{task_id}")
        expect(page.get_by_role("heading", level=1)).to_have_text(BAD)
        expect(page.locator(".history li").first).to_contain_text("created")
        expect(page.locator(".card", has=page.get_by_role("heading", name="Placement"))).to_be_visible()
    expect(page.get_by_label("stdout")).to_contain_text(BAD)
    assert page.locator("main img, main script, main iframe, main svg[onload]").count() == 0
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text(BAD)
    assert page.locator("dialog img, dialog script").count() == 0
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    tab.open(f"#/tasks/{BAD}")
    expect(page.get_by_text("There is no such task.")).to_be_visible()
    tab.open(f"#/workers/{BAD}")
    expect(page.get_by_text("There is no such worker.")).to_be_visible()
    tab.forgive("404", "400")


def test_the_policy_is_on(tab):
    """What is put into the page by force does not run."""
    page = tab.open()
    tab.live()
    ran = page.evaluate("""() => new Promise((resolve) => {
        const refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        window.ran = 0;
        const holder = document.createElement("div");
        for (const [kind, name, value] of [["img", "src", "https://example.com/x.png"], ["p", "style", "color: red"]]) {
            const child = document.createElement(kind);
            child.setAttribute(name, value);
            holder.append(child);
        }
        document.body.append(holder);
        for (const force of [() => { holder.innerHTML = "<img src=x onerror='window.ran++'>"; }, () => holder.setAttribute("onclick", "window.ran++"),
            () => { const script = document.createElement("script"); script.textContent = "window.ran++"; document.body.append(script); }]) {
            try { force(); } catch (error) { refused.push(error.name); }
        }
        holder.click();
        const kinds = ["require-trusted-types-for", "img-src", "style-src-attr"]; // told one after the other
        const look = () => kinds.every((kind) => refused.includes(kind)) ? resolve([window.ran, refused]) : setTimeout(look, 20);
        look();
    })""")
    assert ran[0] == 0 and {"TypeError", "require-trusted-types-for", "img-src", "style-src-attr"} <= set(ran[1]), ran
    tab.forgive("Content Security Policy", "TrustedHTML", "TrustedScript")


def test_letters_that_are_not_seen_are_seen(tab, up):
    """What would turn the text around it, or hide in it."""
    up.rest.create("in\u202egnp.exe \u200bx")
    page = tab.open()
    tab.live()
    expect(row(page, "in⟨U+202E⟩gnp.exe ⟨U+200B⟩x")).to_have_count(1)


def test_a_long_name_stays_in_its_place(tab, up):
    task = up.rest.create("W" * 255)
    page = tab.open()
    tab.live()
    expect(row(page, "W" * 255)).to_have_count(1)
    tab.open(f"#/tasks/{task['id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text("W" * 255)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 1280


def test_long_output(tab, up, tmp_path):
    """Its end is shown, all of it can be kept, byte by byte; control characters are pictures."""
    text = "".join(f"line {number} \033[31mred\033[0m \u00e9\n" for number in range(12000))
    task = up.rest.run("long", example("cat"), stdin=text)
    page = tab.open(f"#/tasks/{task['id']}")
    box = page.get_by_label("stdout")
    expect(box).to_contain_text("line 11999 ␛[31mred␛[0m é")
    assert len(box.inner_text()) <= 64 * 1024 and "line 0 " not in box.inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save stdout").click()
    assert download.value.suggested_filename == "long-stdout.txt"
    assert Path(download.value.path()).read_bytes() == text.encode()
