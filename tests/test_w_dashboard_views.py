# SPDX-License-Identifier: Apache-2.0
"""What the dashboard shows: tasks and workers as they come, move and go; one of them; lists by state and by text."""
import re

import pytest
from playwright.sync_api import expect

from browser import SECONDS, SLOW, browser, row, tab, tabs
from modules import example
from wait import wait_until

ADD = example("add")
pytestmark = pytest.mark.timeout(SLOW)

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
    expect(page).to_have_url(re.compile(r"#/tasks\?state=completed&q=needle$"))
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


def test_nothing_is_there_yet(stack, tabs):
    """Then the page says what to do, and what to type; the command is right for this manager."""
    stack.start_broker()
    stack.start_manager()
    tab = tabs(stack)
    page = tab.open()
    tab.live()
    expect(page.get_by_role("heading", name="No task yet.")).to_be_visible()
    expect(page.get_by_label("Command")).to_have_text(f"propeller-cli tasks run program.wasm -m http://127.0.0.1:{stack.http_port}")
    expect(page.get_by_role("grid")).to_be_hidden()
    expect(page.locator(".warning")).to_contain_text("No worker is alive, so nothing runs.")
    page.locator(".warning").get_by_role("link").click()
    expect(page.get_by_role("heading", name="No worker has been heard yet.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()  # there is no list to go on in
    words = " ".join(page.locator("[aria-label=Command]:visible").inner_text().split())
    assert words == ("PROPLET_MQTT_ADDRESS=tcp://BROKER:1883 \\ PROPLET_DOMAIN_ID=DOMAIN PROPLET_CHANNEL_ID=CHANNEL \\ "
                     "PROPLET_CLIENT_ID=worker-1 PROPLET_CLIENT_KEY=KEY proplet")
    stack.start_proplet()
    expect(row(page, "worker-1")).to_contain_text("alive")
    tab.open("#/tasks")
    expect(page.locator(".warning")).to_be_hidden()
    stack.rest.create("the-first")
    expect(row(page, "the-first")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing is called like this")
    expect(page.get_by_role("heading", name="No task is like that.")).to_be_visible()
    page.get_by_role("button", name="Show all tasks").click()
    expect(row(page, "the-first")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page).to_have_url(re.compile("#/tasks$"))


def test_times_are_relative_and_exact(tab, up):
    """How long ago, told anew as it grows; in the title to the millisecond, here and in UTC."""
    task = up.rest.run("timed", ADD, invoke="add", inputs=[1, 2])
    page = tab.open(f"#/tasks/{task['id']}")
    ended = page.locator(".facts div", has_text="Ended").locator("time")
    expect(ended).to_have_text(re.compile(r"^(now|\d+ s ago)$"))
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}}, {re.escape(task['finish_time'])}", ended.get_attribute("title"))
    assert ended.get_attribute("datetime") == task["finish_time"]
    begin = ended.inner_text()
    expect(ended).not_to_have_text(begin)
    tab.open("#/tasks?q=timed")
    tab.live()
    expect(row(page, "timed").locator(".cell.age")).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$"))


def test_on_paper_all_rows_are_there(tab, up):
    """Not only those that are in sight; and nothing that one could press."""
    for number in range(60):
        up.rest.create(f"printed-{number}")
    page = tab.open("#/tasks?q=printed-")
    tab.live()
    expect(page.locator(".foot")).to_have_text("60 tasks")
    rows = page.locator(".grid .rows [role=row]:visible")
    assert rows.count() < 60
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(rows).to_have_count(60)
    expect(page.locator("header")).to_be_hidden()
    expect(page.get_by_role("link", name="New task")).to_be_hidden()
    boxes = rows.evaluate_all("(all) => all.map((at) => at.getBoundingClientRect()).map(({y, height}) => ({y, height}))")
    assert len({box["y"] for box in boxes}) == 60
    assert rows.first.evaluate("(row) => getComputedStyle(row).position") == "static"  # so that pages part between rows
    assert page.evaluate("document.documentElement.scrollHeight") > 60 * boxes[0]["height"]
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(rows.first).to_be_visible()
    wait_until(lambda: rows.count() < 60, SECONDS, "only what is in sight is there")
