# SPDX-License-Identifier: Apache-2.0
"""The dashboard: its weight beside the budget, its first paint beside a page of some bytes from nginx (nginx-light of
Debian, if it is there) in the same browser, and how it scrolls 10,000 tasks beside frames in which nothing happens."""
import gzip
import re
import statistics
import sys

from measure import TOP, percentile

sys.path.insert(0, str(TOP / "tests"))
from browser import SECONDS, chromium  # noqa: E402
from surface import Nginx  # noqa: E402

BUDGET, PAINTS, TASKS, FRAMES = 60 * 1024, 40, 10000, 600
BARE = b"<!doctype html><html lang=en><meta charset=utf-8><title>bare</title><p>A page of some bytes."
KINDS = {"html": "page", "css": "style", "js": "scripts", "svg": "icon"}

PAINT = """() => new Promise((resolve) => { const look = () => {
    const [paint] = performance.getEntriesByName("first-contentful-paint");
    if (paint === undefined) setTimeout(look, 5); else resolve(paint.startTime); }; look(); })"""
FIRST_ROW = """addEventListener("DOMContentLoaded", () => new MutationObserver((_, all) => {
    if (document.querySelector(".rows .row:not([hidden])")) { window.firstRow = performance.now(); all.disconnect(); }
}).observe(document, {childList: true, subtree: true, attributes: true}))"""
FRAME = """async ([grid, frames, step]) => { const times = []; let last = await new Promise(requestAnimationFrame);
    for (let at = 0; at < frames; at++) {
        if (grid !== null) { document.querySelector(grid).scrollTop += step; }
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
    }
    return times; }"""


def weigh(report):
    rows, total, packed = [], 0, 0
    for suffix, kind in KINDS.items():
        contents = [path.read_bytes() for path in sorted((TOP / "dashboard").glob(f"*.{suffix}"))]
        small = sum(len(gzip.compress(content, 9, mtime=0)) for content in contents)
        rows.append([kind, len(contents), sum(map(len, contents)), small])
        total, packed = total + sum(map(len, contents)), packed + small
    rows.append(["all", sum(row[1] for row in rows), total, packed])
    report.table("the dashboard's weight", ["part", "files", "bytes", "bytes as gzip"], rows,
                 bars=[("the budget", BUDGET, "60 KiB", True), ("all, as gzip", packed, f"{packed / 1024:.1f} KiB", False)],
                 note="Each file is packed by itself, as the manager sends it.")


def paint(browser, url, warm):
    """Milliseconds from the navigation's begin to the first paint, and to the first row; new contexts have empty caches."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(FIRST_ROW)
    page.goto(url)
    page.evaluate(PAINT)
    if warm:
        page.goto("about:blank")
        page.goto(url)
    first = page.evaluate(PAINT)
    row = None
    if "dashboard" in url:
        page.locator(".grid .rows [role=row]:visible").first.wait_for(timeout=SECONDS * 1000)
        row = page.evaluate("window.firstRow")
    context.close()
    return first, row


def paints(report, browser, stack, scale):
    pages = {"dashboard, empty cache": (f"http://127.0.0.1:{stack.port}/dashboard/", False),
             "dashboard, again (304)": (f"http://127.0.0.1:{stack.port}/dashboard/", True)}
    nginx = None
    if Nginx.program:
        nginx = Nginx(stack.folder, BARE, "text/html")
        pages = {"a bare page from nginx": (f"http://127.0.0.1:{nginx.port}/task", False), **pages}
    seen = {name: [] for name in pages}
    for _ in range(PAINTS // scale):  # in turns, so that all see the same machine
        for name, (url, warm) in pages.items():
            seen[name].append(paint(browser, url, warm))
    if nginx:
        nginx.end()
    rows, bars = [], []
    for name, times in seen.items():
        first = [one for one, _ in times]
        row = [one for _, one in times if one is not None]
        rows.append([name, f"{statistics.median(first):.0f}", f"{percentile(first, .9):.0f}", f"{statistics.median(row):.0f}" if row else "-"])
        bars.append((name, statistics.median(first), f"{statistics.median(first):.0f} ms", "bare" in name))
    report.table("first contentful paint", ["page", "median ms", "90 % ms", "first task, ms"], rows, bars=bars,
                 note="From the navigation's begin, in headless Chromium without a graphics card." +
                      ("" if nginx else " No reference: nginx is not installed (apt-get install nginx-light)."))


def scrolls(report, browser, stack, scale):
    for number in range(TASKS // scale):
        stack.call("POST", "/tasks", {"name": f"task-{number}"})
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"http://127.0.0.1:{stack.port}/dashboard/")
    page.locator(".foot", has_text=re.compile("tasks$|newest")).wait_for(timeout=60000)
    read = page.evaluate("performance.now()")
    rows, bars = [], []
    for name, grid, step in (("nothing happens", None, 0), ("one row a frame", ".grid", 40), ("a new screen a frame", ".grid", 1000)):
        page.evaluate("document.querySelector('.grid').scrollTop = 0")
        times = page.evaluate(FRAME, [grid, FRAMES // scale, step])
        late = sum(time > 25 for time in times) * 100 / len(times)
        rows.append([name, f"{statistics.median(times):.1f}", f"{percentile(times, .99):.1f}", f"{late:.1f}"])
        bars.append((name, statistics.median(times), f"{statistics.median(times):.1f} ms", grid is None))
    count = page.locator(".grid [role=row]").count()
    page.context.close()
    report.table(f"frames while {TASKS // scale} tasks scroll", ["what", "median ms", "99 % ms", "over 25 ms, %"], rows, bars=bars,
                 note=f"All tasks were read {read / 1000:.1f} s after the page's begin; {count} rows are in the page.")


def run(report, new_stack, scale):
    weigh(report)
    stack = new_stack()
    stack.call("POST", "/tasks", {"name": "first"})
    with chromium() as browser:
        paints(report, browser, stack, scale)
        scrolls(report, browser, stack, scale)
