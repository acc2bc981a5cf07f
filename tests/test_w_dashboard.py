# SPDX-License-Identifier: Apache-2.0
"""The dashboard in a real browser: Debian's Chromium, over the real programs."""
import gzip
import json
import re
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from api import INTERRUPTED
from browser import SECONDS, Tab, chromium
from modules import example
from wait import PATIENCE, wait_until

ADD = example("add")
FOLDER = Path(__file__).resolve().parent.parent / "dashboard"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)
BUDGET = 60 * 1024  # bytes of all files, as gzip
expect.set_options(timeout=SECONDS * 1000 * PATIENCE)


@pytest.fixture(scope="module")
def browser():
    with chromium() as own:
        yield own


@pytest.fixture
def tab(browser, up):
    own = Tab(browser, up)
    yield own
    own.close()


# What the manager serves.

@pytest.mark.parametrize("name", FILES)
def test_a_file(rest, name):
    """In both forms, each with its own tag, and with the headers that keep strangers out."""
    content = (FOLDER / name).read_bytes()
    plain = rest.expect(200, "GET", f"/dashboard/{name}")
    packed = rest.expect(200, "GET", f"/dashboard/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert plain.body == content and gzip.decompress(packed.body) == content
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer, asked in ((plain, {}), (packed, {"Accept-Encoding": "gzip"})):
        assert answer.headers["content-type"] == TYPES[Path(name).suffix]
        assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy == {"default-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
                          "frame-ancestors": "'none'", "object-src": "'none'",
                          "require-trusted-types-for": "'script'", "trusted-types": "'none'"}
        tag = answer.headers["etag"]
        assert re.fullmatch('"[0-9a-f]{32}"', tag)
        for known in (tag, f'"x", W/{tag}', "*"):
            same = rest.expect(304, "GET", f"/dashboard/{name}", headers={**asked, "If-None-Match": known})
            assert same.body == b"" and same.headers["etag"] == tag
        other = (packed if answer is plain else plain).headers["etag"]
        assert rest.get(f"/dashboard/{name}", headers={**asked, "If-None-Match": other}).status == 200
    head = rest.expect(200, "HEAD", f"/dashboard/{name}")
    assert head.body == b"" and head.headers["content-length"] == str(len(content))


def test_where_it_is(rest):
    page = rest.expect(200, "GET", "/dashboard/")
    assert page.body == (FOLDER / "index.html").read_bytes()
    for path in ("/", "/dashboard"):
        moved = rest.expect(302, "GET", path)
        assert moved.headers["location"] == "dashboard/"
    for path in ("/dashboard/x.js", "/dashboard/..%2fopenapi.yaml", "/dashboard/style.css/", "/dashboard//"):
        assert rest.expect(404, "GET", path).error
    assert rest.expect(405, "POST", "/dashboard/").error


def test_its_weight(rest):
    size = sum(len(rest.get(f"/dashboard/{name}", headers={"Accept-Encoding": "gzip"}).body) for name in FILES)
    assert size <= BUDGET


def test_nothing_is_written_into_the_page_but_text():
    """Neither inline scripts and styles, nor a way from text to markup."""
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|<script(?![^>]*\ssrc=)|https?://", page)
    for name in FILES:
        text = (FOLDER / name).read_text()
        assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment",
                             re.sub(r"//.*", "", text)), name


def test_all_modules_are_asked_for_at_once():
    """Else the page would only learn of some from others, trip by trip."""
    page = (FOLDER / "index.html").read_text()
    named = re.findall(r'<(?:script src|link rel="modulepreload" href)="([a-z]+\.js)"', page)
    assert sorted(named) == [name for name in FILES if name.endswith(".js")]


# What one sees.

def row(page, text):
    return page.locator(".grid .rows [role=row]:visible").filter(has_text=text)


def test_tasks_appear_and_move_without_a_reload(tab, up):
    before = up.rest.create("was-there", ADD, inputs=[1, 2])
    page = tab.open()
    tab.live()
    expect(row(page, "was-there").locator(".cell.state")).to_have_text("Pending")
    page.evaluate("window.same = true")
    new = up.rest.create("comes-later", ADD, invoke="add", inputs=[1, 2])
    expect(row(page, "comes-later").locator(".cell.state")).to_have_text("Pending")
    up.rest.start(new["id"])
    expect(row(page, "comes-later").locator(".cell.state")).to_have_text("Completed")
    expect(row(page, "comes-later").locator(".cell.worker")).to_have_text("worker-1")
    up.rest.expect(200, "PUT", f"/tasks/{before['id']}", {"name": "another-name"})
    expect(row(page, "another-name")).to_have_count(1)
    up.rest.expect(204, "DELETE", f"/tasks/{before['id']}")
    expect(row(page, "another-name")).to_have_count(0)
    assert page.evaluate("window.same") is True


def test_one_task_from_its_creation_to_its_end(tab, up, tmp_path):
    """In the browser alone: the form, the upload, the output, the history, where it ran, and its end."""
    (tmp_path / "hello.wasm").write_bytes(example("hello-world"))
    page = tab.open("#/create")
    tab.live()
    page.get_by_label("Module").set_input_files(tmp_path / "hello.wasm")
    expect(page.get_by_label("Name", exact=True)).to_have_value("hello")
    page.get_by_label("Name", exact=True).fill("from the form")
    page.get_by_label("Command line").fill("one\ntwo words\n")
    page.get_by_label("Environment").fill("COLOUR=blue\nEMPTY=")
    page.get_by_text("Limits").click()
    page.get_by_label("Memory, MiB").fill("64")
    page.get_by_label("Time, seconds").fill("1.5")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("from the form")
    expect(page.locator(".under .badge")).to_have_text("Completed")
    expect(page.get_by_label("stdout")).to_contain_text("argument 2: two words")
    expect(page.locator(".history li")).to_have_text([re.compile(word) for word in ("created", "placed on worker-1", "Running", "it ended")])
    expect(page.get_by_role("region", name="Workers for this task")).to_contain_text("worker-1")
    task = up.rest.task(page.url.rpartition("/")[2])
    assert task["cli_args"] == ["one", "two words"] and task["env"] == {"COLOUR": "blue", "EMPTY": ""}
    assert task["limits"]["memory_bytes"] == 64 << 20 and task["limits"]["wall_seconds"] == 1.5
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".history li")).to_have_count(7)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    expect(row(page, "from the form")).to_have_count(0)
    assert up.rest.get(f"/tasks/{task['id']}").status == 404


def test_stop(tab, up):
    task = up.rest.create("sleeps", example("sleeper"), monitoring_profile={"interval": 1})
    page = tab.open(f"#/tasks/{task['id']}")
    expect(page.get_by_role("button", name="Stop")).to_have_attribute("aria-disabled", "true")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".under .badge")).to_have_text("Running")
    expect(page.get_by_role("button", name="Delete")).to_have_attribute("title", "Stop it first.")
    expect(page.locator(".chart").first).to_contain_text("CPU")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".under .badge")).to_have_text("Running")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".under .badge")).to_have_text("Interrupted")
    assert up.rest.wait(task["id"])["state"] == INTERRUPTED


def test_a_failure_says_why(tab, up):
    done = up.rest.run("fails", ADD, invoke="add", inputs=["5abc", 2])
    page = tab.open(f"#/tasks/{done['id']}")
    expect(page.locator(".failure")).to_have_text(done["error"])
    expect(page.locator(".under .badge")).to_have_text("Failed")


def test_a_task_that_somebody_deletes(tab, up):
    task = up.rest.create("short-lived")
    page = tab.open(f"#/tasks/{task['id']}")
    tab.live()
    expect(page.get_by_role("heading", level=1)).to_have_text("short-lived")
    up.rest.expect(204, "DELETE", f"/tasks/{task['id']}")
    expect(page.get_by_text("“short-lived” was deleted.")).to_be_visible()
    tab.open("#/tasks/00000000-0000-4000-8000-000000000000")
    expect(page.get_by_text("There is no such task.")).to_be_visible()
    tab.forgive("404")


def test_workers(tab, up):
    page = tab.open("#/workers")
    tab.live()
    expect(row(page, "worker-1")).to_contain_text("alive")
    row(page, "worker-1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("worker-1")
    expect(page.locator("dd", has_text="multipass, singlepass, interp")).to_be_visible()
    expect(page.locator(".heard li").first).to_be_visible()
    up.start_proplet("worker-2")
    tab.open("#/workers")
    expect(row(page, "worker-2")).to_contain_text("alive")
    up.proplet("worker-2").kill()
    expect(row(page, "worker-2")).to_contain_text("lost")
    row(page, "worker-2").click()
    page.get_by_role("button", name="Forget").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Workers")
    expect(row(page, "worker-2")).to_have_count(0)


def test_filter_and_search(tab, up):
    task = up.rest.run("needle-one", ADD, invoke="add", inputs=[1, 2])
    up.rest.create("needle-two", ADD)
    page = tab.open("#/tasks?q=needle")
    tab.live()
    rows = page.locator(".grid .rows [role=row]:visible")
    expect(rows).to_have_count(2)
    page.locator(".choice.completed").click()
    expect(rows).to_have_count(1)
    assert page.url.endswith("#/tasks?state=completed&q=needle")
    page.get_by_role("searchbox").fill(task["id"][:13])
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing is called like this")
    expect(page.get_by_text("No task is like that.")).to_be_visible()
    page.get_by_role("searchbox").fill("needle")
    page.locator(".choice.all").click()
    page.get_by_role("button", name="Name").click()
    expect(rows.first).to_contain_text("needle-one")
    page.get_by_role("button", name="Name").click()
    expect(rows.first).to_contain_text("needle-two")
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")


# What is wrong, beside the field.

@pytest.mark.parametrize("label,text,problem", [
    ("Name", "", "A task needs a name."),
    ("Environment", "A=1\nB", "“B” is not NAME=VALUE."),
    ("Priority", "high", "A number is expected here."),
    ("Priority", "101", "101 is not within 0 to 100"),
    ("Memory, MiB", "0.01", "is not within 65536 to"),
    ("Fuel", "1.5", "A whole number is expected here."),
    ("Namespace", "x" * 200, "limit of 128"),
    ("Name", "x" * 300, "limit of 255"),
])
def test_a_wrong_field(tab, up, label, text, problem):
    """Some the page knows, of the others the manager says where they are."""
    before = up.rest.get("/tasks").json["total"]
    page = tab.open("#/create")
    page.get_by_label("Name", exact=True).fill("fields")
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Create", exact=True).click()
    field = page.get_by_label(label, exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator(f"#{field.get_attribute('id')}-problem")).to_contain_text(problem)
    expect(field).to_have_accessible_description(re.compile(re.escape(problem)))
    assert up.rest.get("/tasks").json["total"] == before
    tab.forgive("400")


def test_a_file_that_is_no_module(tab, up, tmp_path):
    page = tab.open("#/create")
    (tmp_path / "x.wasm").write_bytes(b"PK\3\4 and so on")
    page.get_by_label("Module").set_input_files(tmp_path / "x.wasm")
    expect(page.locator("#field-file-problem")).to_contain_text("“x.wasm” is not a WebAssembly module")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_label("Module")).to_be_focused()
    before = up.rest.get("/tasks").json["total"]
    (tmp_path / "y.wasm").write_bytes(b"\0asm\1\0\0\0\xff\xff")  # only the manager sees that
    page.get_by_label("Module").set_input_files(tmp_path / "y.wasm")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("#field-file-problem")).to_contain_text("section")
    wait_until(lambda: up.rest.get("/tasks").json["total"] == before, SECONDS, "the task without a module is gone")
    tab.forgive("422")


def test_an_upload_can_be_ended(tab, up, tmp_path):
    """Its progress is seen, and a task without its module does not stay."""
    before = up.rest.get("/tasks").json["total"]
    size = 24 << 20
    (tmp_path / "large.wasm").write_bytes(b"\0asm\1\0\0\0\0\xff\xff\xff\xff\0" + bytes(size))
    page = tab.open("#/create")
    tab.context.new_cdp_session(page).send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2 << 20})
    page.get_by_label("Module").set_input_files(tmp_path / "large.wasm")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator(".progress")).to_contain_text(re.compile(r"[1-9].* of 24.0 MiB, .*/s"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".progress")).to_be_hidden()
    wait_until(lambda: up.rest.get("/tasks").json["total"] == before, SECONDS, "the task is gone")
    expect(page.get_by_label("Name", exact=True)).to_have_value("large")


# Texts of strangers.

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
        const look = () => refused.length >= 5 ? resolve([window.ran, refused]) : setTimeout(look, 20);
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


# Tokens and roles.

@pytest.fixture
def guarded(stack):
    """A manager with a token for each role, and a worker."""
    path = stack.folder / "tokens"
    path.write_text("viewer look-only\noperator does-things\nadmin does-all\n")
    path.chmod(0o600)
    stack.start_broker()
    stack.start_manager(MANAGER_TOKENS_FILE=path)
    stack.token = "does-all"
    stack.start_proplet()
    return stack


def sign_in(page, token):
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("button", name="Go on").click()


def test_a_token_is_asked_for_and_kept_in_the_tab(browser, guarded):
    tab = Tab(browser, guarded)
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
    tab.close()


def test_a_viewer_only_looks(browser, guarded):
    task = guarded.rest.create("look", ADD, invoke="add", inputs=[1, 2])
    tab = Tab(browser, guarded)
    page = tab.open(f"#/tasks/{task['id']}")
    sign_in(page, "look-only")
    expect(page.locator(".note")).to_have_text("Your token is a viewer's; this needs the role operator.")
    for name in ("Start", "Stop", "Delete"):
        button = page.get_by_role("button", name=name, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        button.click(force=True)
        expect(page.locator("#notes")).to_contain_text("viewer's")
    tab.open("#/create")
    expect(page.get_by_role("button", name="Create and start")).to_have_attribute("aria-disabled", "true")
    tab.open("#/workers/worker-1")
    expect(page.get_by_role("button", name="Forget")).to_have_attribute("aria-disabled", "true")
    assert guarded.rest.task(task["id"])["attempt"] == 0
    tab.forgive("401")
    tab.close()


def test_a_token_that_is_taken_away(browser, guarded):
    """The next answer asks for another; what was shown goes on with it."""
    guarded.rest.create("still-here")
    tab = Tab(browser, guarded)
    page = tab.open()
    sign_in(page, "look-only")
    tab.live()
    (guarded.folder / "tokens").write_text("operator another\nadmin does-all\n")
    guarded.manager.signal(signal.SIGHUP)
    wait_until(lambda: "tokens read again" in guarded.manager.text(), SECONDS, "the tokens are read")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("dialog")).to_contain_text("does not take this token")
    sign_in(page, "another")
    expect(row(page, "worker-1")).to_have_count(1)
    expect(page.locator("#role")).to_have_text("operator")
    tab.forgive("401")
    tab.close()


# When the manager goes and comes.

def test_the_manager_is_killed_and_comes_back(browser, stack):
    stack.start()
    tab = Tab(browser, stack)
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
    tab.forgive("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
    tab.close()


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


def test_a_tab_that_is_not_seen_gives_its_connection_back(browser, up):
    """And goes on with the last event that it has, without reading all again."""
    tab = Tab(browser, up)
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
    tab.close()


def test_a_manager_that_says_nothing_is_given_up(browser, stack):
    """Not even a comment for 40 seconds, by the page's clock."""
    stack.start_broker()
    stack.start_manager()
    tab = Tab(browser, stack)
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
    tab.close()


def test_a_clock_that_is_wrong(browser, up):
    """Ages are by the manager's clock."""
    up.rest.create("fresh")
    tab = Tab(browser, up)
    tab.page.clock.install(time=time.time() - 86400)
    page = tab.open()
    tab.live()
    expect(row(page, "fresh").locator(".cell.age")).to_have_text(re.compile(r"^\d+ s$"))
    tab.close()


# Without a mouse, without eyes, without light.

def focused(page):
    """What has the focus, in words."""
    return page.evaluate("""() => { const at = document.activeElement;
        return at.getAttribute("aria-label") || at.id || at.textContent.trim().slice(0, 40); }""")


def test_the_keyboard_alone(tab, up):
    """All the way: a list, one of it, back, search, another list, a new task, help."""
    for number in range(3):
        up.rest.create(f"keys-{number}")
    page = tab.open("#/tasks?q=keys-")
    tab.live()
    rows = page.locator(".grid .rows [role=row]:visible")
    expect(rows).to_have_count(3)
    page.keyboard.press("j")
    expect(page.get_by_role("grid")).to_be_focused()
    chosen = page.locator("[aria-selected=true]")
    expect(chosen).to_contain_text("keys-2")
    for key, name in (("j", "keys-1"), ("ArrowDown", "keys-0"), ("j", "keys-0"), ("k", "keys-1"), ("Home", "keys-2"), ("End", "keys-0"),
                      ("ArrowUp", "keys-1"), ("PageDown", "keys-0"), ("PageUp", "keys-2"), ("j", "keys-1")):
        page.keyboard.press(key)
        expect(chosen).to_contain_text(name)
        assert page.get_by_role("grid").get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("keys-1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("grid", name="Tasks")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("keys-0 c ? j")
    expect(page.get_by_role("searchbox")).to_have_value("keys-0 c ? j")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page.get_by_role("grid", name="Workers")).to_be_focused()
    expect(row(page, "worker-1")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("worker-1")
    page.keyboard.press("c")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("by keys")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("by keys")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("move through a list")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("grid", name="Tasks")).to_be_focused()
    tab.forgive("409")  # "by keys" has no module, so it cannot be started


CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
    .filter((at) => at.tabIndex >= 0 && at.checkVisibility({visibilityProperty: true}) && !at.closest("dialog:not([open])") &&
        (at.type !== "radio" || at.checked))"""


def tab_through(page):
    """What no Tab has reached; each that one has is drawn so that one sees it."""
    page.evaluate("() => { document.activeElement.blur(); window.tabbed = new Set(); }")
    for _ in range(page.evaluate(f"({CONTROLS})().length") + 5):
        page.keyboard.press("Tab")
        html, outline = page.evaluate("""() => { const at = document.activeElement;
            window.tabbed.add(at);
            return [at.outerHTML.slice(0, 100), getComputedStyle(at.type === "radio" ? at.nextElementSibling : at).outlineStyle]; }""")
        assert outline != "none" or html.startswith("<body"), html
    return page.evaluate(f"({CONTROLS})().filter((at) => !window.tabbed.has(at)).map((at) => at.outerHTML.slice(0, 100))")


def test_every_control_is_reached_by_tab_and_seen_there(tab, up):
    """Without a trap. What comes while one is under way is reached the next time."""
    task = up.rest.run("tabs", example("hello-world"))
    for hash in ("", "#/workers", "#/workers/worker-1", "#/create", f"#/tasks/{task['id']}"):
        page = tab.open(hash)
        page.reload()
        tab.live()
        expect(page.locator("main").locator(".card:visible, .grid .rows [role=row]:visible").first).to_be_visible()
        wait_until(lambda: tab_through(page) == [], SECONDS, f"all of {hash} is reached")


def test_single_keys_can_be_turned_off(tab):
    page = tab.open()
    tab.live()
    page.keyboard.press("?")
    page.get_by_label("Single keys do these things").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("c")
    page.keyboard.press("?")
    page.reload()
    tab.live()
    page.keyboard.press("c")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_label("Single keys do these things")).not_to_be_checked()


AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def look_with_axe(page, where):
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE)
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.effect.getComputedTiming().iterations === Infinity ? null : one.finished))")
    found = page.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
    assert found["violations"] == [], (where, [(one["id"], one["help"], [node["html"][:200] + str(node["any"])[:400] for node in one["nodes"]][:3])
                                               for one in found["violations"]])
    return len(found["passes"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, up, scheme):
    """In every view, with what can be in it: states, errors, dialogs, problems, a small screen."""
    running_name = f"running-{scheme}"
    ids = [up.rest.run("completed", example("hello-world"), cli_args=["x"], metadata={"a": 1})["id"],
           up.rest.run("failed", ADD, invoke="add", inputs=["x", 1])["id"], up.rest.create("pending")["id"]]
    running = up.rest.create(running_name, example("sleeper"), monitoring_profile={"interval": 1})["id"]
    up.rest.start(running)
    tab = Tab(browser, up, color_scheme=scheme)
    page = tab.open()
    tab.live()
    expect(row(page, running_name)).to_contain_text("Running")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert look_with_axe(page, "tasks") > 20
    page.keyboard.press("j")
    look_with_axe(page, "tasks, a row chosen")
    page.get_by_role("searchbox").fill("nothing is called like this")
    look_with_axe(page, "no tasks")
    for task in (*ids, running):
        tab.open(f"#/tasks/{task}")
        expect(page.locator(".card", has=page.get_by_role("heading", name="Placement"))).to_be_visible()
        if task == running:
            expect(page.locator(".chart").first).to_be_visible()
        look_with_axe(page, task)
    page.get_by_role("button", name="Stop").click()
    look_with_axe(page, "a question")
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".under .badge")).to_have_text("Interrupted")
    look_with_axe(page, "stopped")
    tab.open("#/workers")
    expect(row(page, "worker-1")).to_have_count(1)
    look_with_axe(page, "workers")
    tab.open("#/workers/worker-1")
    expect(page.locator(".heard")).to_be_visible()
    look_with_axe(page, "a worker")
    tab.open("#/create")
    for summary in page.locator("summary").all():
        summary.click()
    look_with_axe(page, "the form")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#field-name-problem")).to_be_visible()
    look_with_axe(page, "a problem in the form")
    page.get_by_role("button", name="Keys").click()
    look_with_axe(page, "help")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 320, "height": 640})
    for hash in ("#/tasks", "#/workers", "#/create", f"#/tasks/{ids[0]}", "#/workers/worker-1"):
        tab.open(hash)
        expect(page.locator("main h1")).to_be_visible()
        look_with_axe(page, f"{hash}, small")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320, hash
    page.evaluate("document.querySelector('#token').showModal()")
    look_with_axe(page, "the question for a token")
    tab.close()


def test_colours_are_the_systems_until_somebody_chooses(browser, up):
    tab = Tab(browser, up, color_scheme="dark")
    page = tab.open()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(ground)
    assert light != dark
    button = page.locator("#theme")
    for word, colour in (("Light", light), ("Dark", dark)):
        button.click()
        expect(button).to_contain_text(word)
        assert page.evaluate(ground) == colour
    page.reload()
    expect(page.locator("#theme")).to_contain_text("Dark")
    assert page.evaluate(ground) == dark
    tab.close()


# Very many.

TASKS = 10000
SCROLL = """async (grid) => {
    const times = [], rows = [], blank = [];
    const body = grid.querySelector(".rows");
    let last = performance.now();
    for (let step = 0; step < 240; step++) {
        grid.scrollTop += step < 120 ? 97 : 3001;
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
        const box = grid.getBoundingClientRect();
        const middle = document.elementFromPoint(box.x + 300, box.y + box.height / 2);
        blank.push(middle.closest("[role=row]") === null);
        rows.push(body.childElementCount);
    }
    return {times, most: Math.max(...rows), blank: blank.filter(Boolean).length};
}"""


def fill(stack, count):
    """So many tasks, "oldest" and "newest" among them; several clients, so that they share commits."""
    def create(numbers):
        connection = stack.rest.connect(60 * PATIENCE)
        for number in numbers:
            connection.request("POST", "/tasks", json.dumps({"name": f"task-{number:05}"}), {"Content-Type": "application/json"})
            assert connection.getresponse().read()
        connection.close()
    stack.rest.create("oldest")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(create, (range(first, count - 2, 16) for first in range(16))))
    stack.rest.create("newest")


@pytest.mark.timeout(300)
def test_ten_thousand_tasks(browser, stack):
    """All of them are read and found; the page has a few dozen rows, and scrolls without a gap.

    A frame here takes as long as the machine takes beside other tests and without a graphics card: so
    the bound is a generous one. `make bench` says how long it is on a calm one."""
    stack.start_broker()
    stack.start_manager()
    fill(stack, TASKS)
    tab = Tab(browser, stack)
    page = tab.open()
    tab.live()
    expect(page.locator(".choice.all b")).to_have_text("10,000")
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "10001")
    expect(page.locator(".foot")).to_have_text("10,000 tasks")
    assert page.locator(".grid [role=row]").count() < 60
    seen = grid.evaluate(SCROLL)
    assert seen["most"] < 60 and seen["blank"] <= 2, seen
    assert statistics.median(seen["times"]) < 80 * PATIENCE, sorted(seen["times"])
    page.keyboard.press("j")
    page.keyboard.press("End")
    expect(page.locator("[aria-selected=true]")).to_contain_text("oldest")
    expect(page.locator("[aria-selected=true]")).to_have_attribute("aria-rowindex", "10001")
    page.keyboard.press("Home")
    expect(page.locator("[aria-selected=true]")).to_contain_text("newest")
    page.get_by_role("searchbox").fill("task-01234")
    expect(row(page, "task-01234")).to_have_count(1)
    expect(page.locator(".foot")).to_have_text("1 task")
    page.get_by_role("searchbox").fill("")
    stack.rest.create("one-more")
    expect(row(page, "one-more")).to_have_count(1)
    expect(page.locator(".choice.all b")).to_have_text("10,001")
    page.reload()
    expect(page.locator(".foot")).to_contain_text("The newest 10,000 tasks.")
    page.get_by_role("button", name="Read 10,000 older ones").click()
    expect(page.locator(".foot")).to_have_text("10,001 tasks")
    tab.close()


def test_many_events_at_once(browser, stack):
    """Hundreds of tasks come and end while somebody looks; what is shown in the end is true."""
    stack.start()
    tab = Tab(browser, stack)
    page = tab.open()
    tab.live()

    def run(number):
        task = stack.rest.create(f"burst-{number}", ADD, invoke="add", inputs=[number, 1])
        stack.rest.start(task["id"])
        return stack.rest.wait(task["id"])["id"]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(run, range(300)))
    expect(page.locator(".choice.completed b")).to_have_text("300")
    expect(page.locator(".choice.all b")).to_have_text("300")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda task: stack.rest.expect(204, "DELETE", f"/tasks/{task}"), ids))
    expect(page.get_by_text("No task yet.")).to_be_visible()
    tab.close()


# What is pure, by itself.

@pytest.mark.parametrize("call,text", [
    ("age(-5000)", "0 s"), ("age(59999)", "59 s"), ("age(60000)", "1 min"), ("age(3600000)", "1 h"), ("age(172800000)", "2 d"),
    ("duration(0.0004)", "0 ms"), ("duration(0.85)", "850 ms"), ("duration(59.94)", "59.9 s"), ("duration(60)", "1 min"),
    ("duration(3600)", "1 h"), ("duration(3661)", "1 h 1 min"), ("bytes(0)", "0 B"), ("bytes(1023)", "1023 B"), ("bytes(1536)", "1.5 KiB"),
    ("bytes(268435456)", "256 MiB"), ("count(1, 'task')", "1 task"), ("count(12345, 'task')", "12,345 tasks"),
    ("moment('0001-01-01T00:00:00Z')", "not yet"), ("moment('nonsense')", "not yet"), ("visible('a\\n\\x00b')", "a\u240a\u2400b"),
    ("visible('a\\n\\tb', true)", "a\n\tb"), ("visible(null)", "null"), ("stateOf({state: 9}).word", "State 9"),
    ("stateOf({state: 0, queued: true}).word", "Waiting"), ("stateOf({state: 2, stopping: true}).word", "Stopping"),
])
def test_words(tab, call, text):
    page = tab.open()
    assert page.evaluate("async ([call]) => { const all = await import('/dashboard/format.js'); window.all = all; }", [call]) is None
    assert page.evaluate(f"window.all.{call}") == text



@pytest.mark.parametrize("pieces,events", [
    (["data: a\n\n"], [["", "message", "a"]]),
    (["id: 1\nevent: task\nda", "ta: {}\n", "\ndata:b\n\n"], [["1", "task", "{}"], ["1", "message", "b"]]),
    (["data: a\r\ndata: b\r", "\n\r", "\n"], [["", "message", "a\nb"]]),
    (["data: a\r\r"], [["", "message", "a"]]),
    ([": beat\n\n", "event: x\n\n", "id: 7\n\n"], []),
    (["data\n\n"], [["", "message", ""]]),
    (["data:  two\n", "other: x\nretry: 5\n\n"], [["", "message", " two"]]),
    (["id: a\0b\ndata: x\n\n"], [["", "message", "x"]]),
    (["data: never ended\n"], []),
    (list("id: 9\nevent: e\ndata: \u00e9\U0001f680\n\n"), [["9", "e", "\u00e9\U0001f680"]]),
])
def test_events_in_pieces(tab, pieces, events):
    page = tab.open()
    seen = page.evaluate("""async (pieces) => { const {SseParser} = await import("/dashboard/sse.js");
        const parser = new SseParser(); return pieces.flatMap((piece) => parser.push(piece)).map(({id, type, data}) => [id, type, data]); }""", pieces)
    assert seen == events


def test_an_event_without_an_end_is_given_up(tab):
    page = tab.open()
    assert page.evaluate("""async () => { const {SseParser} = await import("/dashboard/sse.js"); const parser = new SseParser();
        try { for (let i = 0; i < 100; i++) parser.push("x".repeat(65536)); } catch (error) { return error.message; } }""") == "an event without an end"
