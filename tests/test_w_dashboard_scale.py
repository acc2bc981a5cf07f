# SPDX-License-Identifier: Apache-2.0
"""The dashboard with very many tasks, and with very many events at once. How fast it is says `make bench`."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import expect

from browser import SLOW, browser, row, tabs
from modules import example
from wait import PATIENCE

ADD = example("add")
pytestmark = pytest.mark.timeout(SLOW)
TASKS = 10000
SCROLL = """async (grid) => {
    const rows = [], blank = [];
    const body = grid.querySelector(".rows");
    for (let step = 0; step < 240; step++) {
        grid.scrollTop += step < 120 ? 97 : 3001;
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame); // what the first one asked for is there now
        const box = grid.getBoundingClientRect();
        for (const part of [0.2, 0.5, 0.95]) {
            blank.push(document.elementFromPoint(box.x + 300, box.y + box.height * part).closest("[role=row]") === null);
        }
        rows.push(body.childElementCount);
    }
    return {most: Math.max(...rows), blank: blank.filter(Boolean).length};
}"""

def fill(stack, count):
    """So many tasks, "oldest" and "newest" among them; several clients, so that they share commits."""
    def create(numbers):
        connection = stack.rest.connect(60 * PATIENCE)
        for number in numbers:
            connection.request("POST", "/tasks", json.dumps({"name": f"task-{number:05}"}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.read() and answer.status == 201
        connection.close()
    stack.rest.create("oldest")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(create, (range(first, count - 2, 16) for first in range(16))))
    stack.rest.create("newest")


def test_ten_thousand_tasks(stack, tabs):
    """All of them are read and found; the page has a few dozen rows, and scrolls without a gap."""
    stack.start_broker()
    stack.start_manager()
    fill(stack, TASKS)
    tab = tabs(stack)
    page = tab.open()
    tab.live()
    expect(page.locator(".choice.all b")).to_have_text("10,000")
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "10001")
    expect(page.locator(".foot")).to_have_text("10,000 tasks")
    assert page.locator(".grid [role=row]").count() < 60
    seen = grid.evaluate(SCROLL)
    assert seen["most"] < 60 and seen["blank"] == 0, seen
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


def test_many_events_at_once(stack, tabs):
    """Hundreds of tasks come and end while somebody looks; what is shown in the end is true."""
    stack.start()
    tab = tabs(stack)
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
