# SPDX-License-Identifier: Apache-2.0
"""What one does in the dashboard: create, upload, start, stop, delete; and what is wrong stands beside its field."""
import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect

from api import INTERRUPTED
from browser import SECONDS, SLOW, browser, row, tab
from modules import example
from wait import wait_until

pytestmark = pytest.mark.timeout(SLOW)

def test_one_task_from_its_creation_to_its_end(tab, up, tmp_path):
    """In the browser alone: the form, the upload, the output, the history, where it ran, and its end."""
    (tmp_path / "hello.wasm").write_bytes(example("hello-world"))
    page = tab.open("#/create")
    tab.live()
    page.get_by_label("Module").set_input_files(tmp_path / "hello.wasm")
    expect(page.get_by_label("Name", exact=True)).to_have_value("hello")
    page.get_by_label("Name", exact=True).fill("from the form")
    page.get_by_label("Command line").fill("one\ntwo words\n")
    page.get_by_label("Environment", exact=True).fill("COLOUR=blue\nEMPTY=")
    page.get_by_text("Limits").click()
    page.get_by_label("Memory, MiB", exact=True).fill("64")
    page.get_by_label("Time, seconds").fill("600.5")
    page.get_by_role("button", name="Create and start").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("from the form")
    expect(page.locator(".under .badge")).to_have_text("Completed")
    expect(page.get_by_label("stdout")).to_contain_text("argument 2: two words")
    expect(page.locator(".history li")).to_have_text([re.compile(word) for word in ("created", "placed on worker-1", "Running", "it ended")])
    expect(page.get_by_role("region", name="Workers for this task")).to_contain_text("worker-1")
    task = up.rest.task(page.url.rpartition("/")[2])
    assert task["cli_args"] == ["one", "two words"] and task["env"] == {"COLOUR": "blue", "EMPTY": ""}
    assert task["limits"]["memory_bytes"] == 64 << 20 and task["limits"]["wall_seconds"] == 600.5
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".history li")).to_have_count(7)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")
    expect(row(page, "from the form")).to_have_count(0)
    assert up.rest.get(f"/tasks/{task['id']}").status == 404


ALL_FIELDS = {
    "Name": "all of it", "Function": "add", "Inputs": "1\n2\n", "Command line": "a\n b \n\nc", "Environment": "A=1\n\nB==",
    "Standard input": " as it is\n", "Folders of the worker": "/data\n/in:/guest\n/out:/o:rw\n/both:rw\n",
    "Memory, MiB": "1.5", "Time, seconds": "0.25", "Output, KiB": "1_000", "Fuel": "7", "Gas": "8",
    "Worker": "worker-1", "Namespace": "default", "Tags": "gpu, , arm", "Free memory, MiB": "3", "Priority": "0", "Restarts at most": "4",
    "Digest": hashlib.sha256(example("add")).hexdigest(), "Measure every, seconds": "2.5", "Metadata": "team=edge\nnote=a = b",
}
ALL_MEMBERS = {
    "name": "all of it", "invoke": "add", "engine": "singlepass", "inputs": ["1", "2"], "cli_args": ["a", " b ", "", "c"],
    "env": {"A": "1", "B": "="}, "stdin": " as it is\n", "dirs": [
        {"host": "/data", "guest": "/data", "write": False}, {"host": "/in", "guest": "/guest", "write": False},
        {"host": "/out", "guest": "/o", "write": True}, {"host": "/both", "guest": "/both", "write": True}],
    "limits": {"memory_bytes": 3 << 19, "wall_seconds": 0.25, "output_bytes": 1000 << 10, "fuel": 7, "gas": 8},
    "proplet_id": "worker-1", "namespace": "default", "required_tags": ["gpu", "arm"], "min_memory_bytes": 3 << 20, "priority": 0,
    "restart": "on-failure", "restart_limit": 4, "daemon": True, "digest": ALL_FIELDS["Digest"], "metadata": {"team": "edge", "note": "a = b"},
}
NOT_IN_THE_FORM = {"file", "image_url", "monitoring_profile", "kind"}  # the module is uploaded; of the profile only its interval


def test_every_member_of_a_task_has_its_field(tab, up, tmp_path):
    """All that spec/openapi.yaml lets a client say of a task; and it arrives as it was meant."""
    spec = yaml.safe_load((Path(__file__).resolve().parent.parent / "spec" / "openapi.yaml").read_text())
    assert set(spec["components"]["schemas"]["TaskChange"]["properties"]) == set(ALL_MEMBERS) | NOT_IN_THE_FORM
    (tmp_path / "add.wasm").write_bytes(example("add"))
    page = tab.open("#/create")
    for summary in page.locator("summary").all():
        summary.click()
    page.get_by_label("Module").set_input_files(tmp_path / "add.wasm")
    expect(page.get_by_label("Name", exact=True)).to_have_value("add")  # so it is looked at, and writes no name any more
    for label, text in ALL_FIELDS.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Engine").select_option("singlepass")
    page.get_by_label("Restart", exact=True).select_option("on failure")
    page.get_by_label("A daemon").check()
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("all of it")
    task = up.rest.task(page.url.rpartition("/")[2])
    assert {name: task.get(name) for name in ALL_MEMBERS} == ALL_MEMBERS
    assert task["monitoring_profile"]["interval"] == 2.5 and task["module_size"] == len(example("add"))
    for text in ("/in as /guest", "/out as /o, may write", "every 2.5 s", "3.0 MiB", ALL_FIELDS["Digest"], "on-failure, 4 times at most"):
        expect(page.locator(".facts", has_text=text)).to_have_count(1)


def test_stop(tab, up):
    task = up.rest.create("sleeps", example("sleeper"), cli_args=["3600"], monitoring_profile={"interval": 1})
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


@pytest.mark.parametrize("label,text,problem", [
    ("Name", "", "A task needs a name."),
    ("Environment", "A=1\nB", "“B” is not NAME=VALUE."),
    ("Priority", "high", "A number is expected here."),
    ("Priority", "101", "101 is not within 0 to 100"),
    ("Memory, MiB", "0.01", "is not within 65536 to"),
    ("Fuel", "1.5", "A whole number is expected here."),
    ("Namespace", "x" * 200, "limit of 128"),
    ("Name", "x" * 300, "limit of 255"),
    ("Folders of the worker", "/ok\ndata:/in", "“data:/in” is not HOST"),
    ("Folders of the worker", "/a:/b:/c", "is not HOST"),
    ("Folders of the worker", "/a/../b", "absolute path"),
    ("Metadata", "=x", "“=x” is not NAME=VALUE."),
    ("Measure every, seconds", "1000000", "At most 999,999."),
    ("Free memory, MiB", "-1", "A number is expected here."),
    ("Digest", "abc", "64 lower-case hex digits"),
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


def test_problems_are_beside_their_fields(tab):
    """The manager may find several at once and point at each (RFC 9457, RFC 6901); what is of no field is said below."""
    problem = {"detail": "the request is not valid", "errors": [
        {"pointer": "#/limits/memory_bytes", "detail": "too much"}, {"pointer": "/env/A~1B", "detail": "field \"env\": not this one"},
        {"pointer": "#/dirs/0/host", "detail": "not allowed"}, {"pointer": "#/unheard", "detail": "what is it"}, {"detail": "and no place"}]}
    tab.page.route("**/tasks", lambda route: route.fulfill(
        status=400, content_type="application/problem+json", body=json.dumps(problem)) if route.request.method == "POST" else route.fallback())
    page = tab.open("#/create")
    page.get_by_label("Name", exact=True).fill("fields")
    page.get_by_role("button", name="Create", exact=True).click()
    for field, text in (("memory_bytes", "too much"), ("env", "not this one"), ("dirs", "not allowed")):
        expect(page.locator(f"#field-{field}-problem")).to_have_text(text)
        expect(page.locator(f"#field-{field}")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Memory, MiB", exact=True)).to_be_visible()  # its part of the form was shut
    expect(page.locator("main form > .problem")).to_have_text("Not created: what is it; and no place")
    expect(page.get_by_label("Environment", exact=True)).to_be_focused()
    tab.forgive("400")


def test_without_a_module_it_can_be_created_but_not_started(tab, up):
    before = up.rest.get("/tasks").json["total"]
    page = tab.open("#/create")
    page.get_by_label("Name", exact=True).fill("no module")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("#field-file-problem")).to_contain_text("Without a module it cannot be started")
    expect(page.get_by_label("Module")).to_be_focused()
    assert up.rest.get("/tasks").json["total"] == before
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("no module")


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
    expect(page.locator("#field-file-problem")).to_be_empty()
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator("#field-file-problem")).to_contain_text("section")
    wait_until(lambda: up.rest.get("/tasks").json["total"] == before, SECONDS, "the task without a module is gone")
    tab.forgive("422")


def test_a_module_for_a_task_that_has_none(tab, up, tmp_path):
    """It cannot be started, and says why; it takes a module where it stands."""
    task = up.rest.create("takes one", invoke="add", inputs=[1, 2])
    page = tab.open(f"#/tasks/{task['id']}")
    expect(page.get_by_role("button", name="Start")).to_have_attribute("title", "It has no module yet.")
    (tmp_path / "x.wasm").write_bytes(b"PK\3\4 and so on")
    page.get_by_label("Upload one").set_input_files(tmp_path / "x.wasm")
    expect(page.locator("#module-problem")).to_contain_text("“x.wasm” is not a WebAssembly module")
    (tmp_path / "y.wasm").write_bytes(b"\0asm\1\0\0\0\xff\xff")
    page.get_by_label("Upload one").set_input_files(tmp_path / "y.wasm")
    expect(page.locator("#module-problem")).to_contain_text("section")
    (tmp_path / "z.wasm").write_bytes(example("add"))
    page.get_by_label("Upload one").set_input_files(tmp_path / "z.wasm")
    expect(page.get_by_label("Upload one")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".results")).to_have_text("3")
    tab.forgive("422")


def test_an_upload_can_be_ended(tab, up, tmp_path):
    """Its progress is seen, and a task without its module does not stay."""
    before = up.rest.get("/tasks").json["total"]
    size = 24 << 20
    (tmp_path / "large.wasm").write_bytes(b"\0asm\1\0\0\0\0\xff\xff\xff\xff\0" + bytes(size))
    page = tab.open("#/create")
    tab.context.new_cdp_session(page).send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 64 << 10})  # it takes minutes
    page.get_by_label("Module").set_input_files(tmp_path / "large.wasm")
    expect(page.get_by_label("Name", exact=True)).to_have_value("large")
    page.get_by_role("button", name="Create and start").click()
    expect(page.locator(".progress")).to_contain_text(re.compile(r"^[1-9].* of 24.0 MiB, .*/s"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".progress")).to_be_hidden()
    wait_until(lambda: up.rest.get("/tasks").json["total"] == before, SECONDS, "the task is gone")
    expect(page.get_by_label("Name", exact=True)).to_have_value("large")
