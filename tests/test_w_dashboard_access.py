# SPDX-License-Identifier: Apache-2.0
"""The dashboard without a mouse, without eyes, without light: WCAG 2.2 AA, by axe and by what axe cannot see."""
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from browser import SECONDS, SLOW, browser, row, tab, tabs
from modules import example
from wait import wait_until

ADD = example("add")
pytestmark = pytest.mark.timeout(SLOW)

def chord(page, first, second, focused):
    """One key after the other, again where the machine made a pause of it."""
    def typed():
        page.keyboard.press(first)
        page.keyboard.press(second)
        return focused.count() == 1 and focused.evaluate("(at) => at === document.activeElement")
    wait_until(typed, SECONDS, f"{first} {second} does something")


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
    chord(page, "g", "w", page.get_by_role("grid", name="Workers"))
    expect(row(page, "worker-1")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("worker-1")
    page.keyboard.press("c")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("by keys")
    page.get_by_role("button", name="Create", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("by keys")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("move through a list")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    chord(page, "g", "t", page.get_by_role("grid", name="Tasks"))


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
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.effect.getComputedTiming().iterations === Infinity ? null : one.finished.catch(() => null)))")
    found = page.evaluate("(tags) => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", RULES)
    assert found["violations"] == [], (where, [(one["id"], one["help"], [node["html"][:200] + str(node["any"])[:400] for node in one["nodes"]][:3])
                                               for one in found["violations"]])
    return len(found["passes"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(up, tabs, scheme):
    """In every view, with what can be in it: states, errors, dialogs, problems, a small screen."""
    running_name = f"running-{scheme}"
    ids = [up.rest.run("completed", example("hello-world"), cli_args=["x"], metadata={"a": 1})["id"],
           up.rest.run("failed", ADD, invoke="add", inputs=["x", 1])["id"], up.rest.create("pending")["id"]]
    running = up.rest.create(running_name, example("sleeper"), cli_args=["3600"], monitoring_profile={"interval": 1})["id"]
    up.rest.start(running)
    tab = tabs(up, color_scheme=scheme)
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


def test_colours_are_the_systems_until_somebody_chooses(up, tabs):
    tab = tabs(up, color_scheme="dark")
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


VIEWS = ("#/tasks", "#/workers", "#/workers/worker-1", "#/create", "#/tasks/{task}")


def every_view(tab, task):
    """Each with something in it."""
    for hash in VIEWS:
        page = tab.open(hash.format(task=task))
        tab.live()
        expect(page.locator("main").locator(".card:visible, .grid .rows [role=row]:visible").first).to_be_visible()
        for summary in page.locator("summary").all():
            summary.click()
        yield hash, page


SMALL = f"""() => ({CONTROLS})().filter((at) => at.type !== "radio" && !at.matches("td a, .grid, pre, .wide"))
    .map((at) => [at.outerHTML.slice(0, 120), at.getBoundingClientRect()]).filter(([, box]) => box.width < 24 || box.height < 24)"""


@pytest.mark.parametrize("width", [320, 1280])
def test_what_one_presses_is_large_enough(up, tabs, width):
    """24 by 24 pixels at least (WCAG 2.2, 2.5.8); links in a line of text may be as they are."""
    task = up.rest.run("sizes", example("hello-world"))["id"]
    tab = tabs(up, viewport={"width": width, "height": 700})
    for hash, page in every_view(tab, task):
        assert page.evaluate(SMALL) == [], hash
        heights = page.locator(".choice").evaluate_all("(all) => all.map((at) => at.getBoundingClientRect().height)")
        assert all(height >= 24 for height in heights), hash


def test_an_error_is_closed_by_escape(tab, up):
    """It lies above the page, perhaps above what has the focus; so it can go without the focus moving (WCAG 2.2, 2.4.11)."""
    task = up.rest.create("cannot-start", ADD)
    tab.page.route("**/start", lambda route: route.fulfill(status=503, content_type="application/problem+json", body='{"detail": "not now"}'))
    page = tab.open(f"#/tasks/{task['id']}")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#alerts")).to_contain_text("not now")
    page.keyboard.press("Escape")
    expect(page.locator("#alerts")).to_be_empty()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    tab.forgive("503")


SEEN = """() => { const at = document.activeElement;
    if (at === document.body) { return null; }
    const target = at.type === "radio" ? at.parentElement : at;
    const box = target.getBoundingClientRect();
    const inside = (x, y) => { const top = document.elementFromPoint(x, y); return top !== null && (target.contains(top) || top.contains(target)); };
    const x = Math.max(0, box.x) + (Math.min(innerWidth, box.right) - Math.max(0, box.x)) / 2;
    const y = Math.max(0, box.y) + (Math.min(innerHeight, box.bottom) - Math.max(0, box.y)) / 2;
    return inside(x, y) ? null : [at.outerHTML.slice(0, 120), box]; }"""


@pytest.mark.parametrize("width", [320, 1280])
def test_the_focus_is_not_hidden(up, tabs, width):
    """Not by the head, a bar or a note (WCAG 2.2, 2.4.11), whether one goes forwards or backwards."""
    task = up.rest.run("focus", example("hello-world"))["id"]
    tab = tabs(up, viewport={"width": width, "height": 480})
    for hash, page in every_view(tab, task):
        count = page.evaluate(f"({CONTROLS})().length")
        for key in ("Tab", "Shift+Tab"):
            for _ in range(count + 2):
                page.keyboard.press(key)
                assert page.evaluate(SEEN) is None, hash


def test_the_order_of_the_focus_is_that_of_the_page(tab, up):
    """From the head to the view, then as one reads: no tabindex above 0, and the first stop leads past the head."""
    task = up.rest.run("order", example("hello-world"))["id"]
    for hash, page in every_view(tab, task):
        assert page.locator("[tabindex]:not([tabindex='0'], [tabindex='-1'])").count() == 0
        assert page.evaluate(f"({CONTROLS})()[0].className") == "skip"
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)"), hash


def test_who_wants_less_motion_gets_none(up, tabs):
    task = up.rest.create("moves-not", example("sleeper"), cli_args=["3600"], monitoring_profile={"interval": 1})
    up.rest.start(task["id"])
    for wish, moves in (("no-preference", True), ("reduce", False)):
        tab = tabs(up, reduced_motion=wish)
        page = tab.open(f"#/tasks/{task['id']}")
        expect(page.locator(".under .badge")).to_have_text("Running")
        assert (page.evaluate("document.getAnimations().length") > 0) == moves
    up.rest.stop(task["id"])


BADGES = ["pending", "waiting", "running", "completed", "failed", "interrupted"]
SHAPE = """(names) => names.map((name) => { const at = document.createElement("span"); at.className = `badge ${name}`; document.querySelector("main").append(at);
    const style = getComputedStyle(at, "::before"); return [style.clipPath, style.borderRadius, style.borderStyle, style.backgroundImage === "none"].join(); })"""


def test_states_differ_in_shape_not_in_colour_alone(tab):
    page = tab.open()
    tab.live()
    shapes = page.evaluate(SHAPE, BADGES)
    assert len(set(shapes)) == len(BADGES), shapes


def test_what_changes_is_said_politely(tab, up):
    """What somebody did and how the link is: when there is a pause; only what went wrong at once; ages never."""
    up.rest.create("said")
    page = tab.open("#/tasks?q=said")
    tab.live()
    expect(row(page, "said")).to_have_count(1)
    assert page.evaluate("""[...document.querySelectorAll("[role=status], [role=alert], [aria-live]")]
        .map((at) => [at.id, at.role, at.getAttribute("aria-live")])""") == [
        ["link", "status", None], ["notes", "status", None], ["alerts", "alert", None], ["whispers", "status", None], ["token-problem", "alert", None]]
    page.evaluate("""() => { window.said = []; for (const at of document.querySelectorAll("[role=status], [role=alert]")) {
        new MutationObserver(() => window.said.push(`${at.id}: ${at.textContent}`)).observe(at, {childList: true, characterData: true, subtree: true}); } }""")
    page.get_by_role("searchbox").fill("sai")
    wait_until(lambda: "whispers: 1 task shown" in page.evaluate("window.said"), SECONDS, "what is found is said")
    page.locator("#theme").click()
    wait_until(lambda: "notes: Colours: light" in page.evaluate("window.said"), SECONDS, "the colours are said")
    page.wait_for_function("document.querySelector('.cell.age').textContent !== '0 s'")
    assert not [text for text in page.evaluate("window.said") if text.startswith("alerts")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_nothing_is(stack, tabs, scheme):
    """No task, no worker, none that is like what one looks for, no manager."""
    stack.start_broker()
    stack.start_manager()
    tab = tabs(stack, color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = tab.open("#/workers")
    tab.live()
    expect(page.get_by_role("heading", name="No worker has been heard yet.")).to_be_visible()
    look_with_axe(page, "no workers")
    tab.open("#/tasks")
    expect(page.locator(".warning")).to_be_visible()
    look_with_axe(page, "no tasks, no workers")
    stack.rest.create("one")
    page.get_by_role("searchbox").fill("another")
    expect(page.get_by_role("button", name="Show all tasks")).to_be_visible()
    look_with_axe(page, "none that is like that")
    stack.manager.kill()
    expect(page.locator("#away")).to_be_visible()
    look_with_axe(page, "the manager is away")
    tab.forgive("ERR_")
