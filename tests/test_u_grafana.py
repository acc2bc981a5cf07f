# SPDX-License-Identifier: Apache-2.0
"""deploy/grafana: a board and alerts that ask for what the programs really say, checked by Prometheus' promtool."""
import json
import re
import shutil
import subprocess
import time

import pytest
import yaml

from api import Rest
from executor import ADD, Ask, Executor
from modules import example
from stack import TOP
from wait import PATIENCE

GRAFANA = TOP / "deploy" / "grafana"
NAME = re.compile(r"\b(?:propeller|process)_\w+")
SELECTED = re.compile(r'(\w+)\{[^}]*?\b(state|stage|outcome)="(\w+)"')
FREE = {"AirscrewDown"}  # asks for what Prometheus says itself


def promtool(*words, stdin=None):
    done = subprocess.run(["promtool", *map(str, words)], input=stdin, capture_output=True, text=True, timeout=240 * PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(name="pages", scope="module")
def pages_fixture(shared):
    """What /metrics of each program says after it has worked a little."""
    shared.start_proxy()
    executor = Executor(shared).ready()
    assert shared.rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
    assert executor.way("rest").call(Ask(ADD, "add", ("5", "3"))).numbers == [8]
    found = {}
    for job, port in (("airscrew-manager", shared.http_port), ("airscrew-proxy", shared.proxy_port), ("airscrew-executor", executor.http_port)):
        found[job] = Rest(port).expect(200, "GET", "/metrics").body.decode()
    return found


def board():
    return json.loads((GRAFANA / "airscrew.json").read_text(encoding="utf-8"))


def rules():
    return yaml.safe_load((GRAFANA / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]


def asked():
    """(where, PromQL) of the board and of the alerts."""
    for panel in board()["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def names_of(text):
    return {match[1] for match in re.finditer(r"^(\w+)(?:\{.*\})? [\d.e+-]+$", text, re.M)}


def test_promtool_accepts_rules_and_settings():
    assert f"{len(rules())} rules found" in promtool("check", "rules", GRAFANA / "alerts.yaml")
    promtool("check", "config", GRAFANA / "prometheus.yaml")


def test_what_is_asked_for_is_said(pages):
    names = {job: names_of(text) for job, text in pages.items()}
    everything = set().union(*names.values())
    for where, query in asked():
        used = set(NAME.findall(query))
        assert used or where in FREE, where
        job = re.search(r'job="([\w-]+)"', query)
        missing = used - (names[job[1]] if job else everything)
        assert not missing, f"{where} asks for {missing}, which nobody says"


def test_labels_that_are_asked_for_are_said(pages):
    text = "\n".join(pages.values())
    found = [row for _, query in asked() for row in SELECTED.findall(query)]
    assert len(found) > 5
    for name, label, value in found:
        assert re.search(rf'^{name}\{{.*\b{label}="{value}"', text, re.M), (name, label, value)


def test_what_programs_say_is_shown(pages):
    """Every family of ours is on the board or in an alert."""
    queries = " ".join(query for _, query in asked())
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(queries)}
    said = {re.sub(r"_(bucket|count|sum)$", "", name) for text in pages.values() for name in names_of(text)}
    left = {"process_virtual_memory_bytes", "process_threads", "process_start_time_seconds", "propeller_mqtt_inflight", "propeller_proxy_requests_total", "propeller_proxy_chunks_sent_total",
            "propeller_executor_grpc_requests_total", "propeller_executor_rest_requests_total"}
    assert said - shown == left


def test_every_program_says_how_its_process_is(pages):
    for text in pages.values():
        values = {name: float(value) for name, value in re.findall(r"^(process_\w+) ([\d.]+)$", text, re.M)}
        assert set(values) == {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
                               "process_open_fds", "process_max_fds", "process_threads", "process_start_time_seconds"}
        assert time.time() - 3600 < values["process_start_time_seconds"] < time.time() + 5
        assert 1e6 < values["process_resident_memory_bytes"] < values["process_virtual_memory_bytes"]
        assert 3 < values["process_open_fds"] < values["process_max_fds"] and values["process_threads"] > 1
        assert values["process_cpu_seconds_total"] > 0


def test_metrics_are_well_named(pages):
    for text in pages.values():
        assert not promtool("check", "metrics", stdin=text).strip()


def test_the_boards_queries_are_promql(tmp_path):
    rows = [{"record": f"query:{number}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*")}
            for number, (_, query) in enumerate(asked())]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rows}]}), encoding="utf-8")
    assert f"{len(rows)} rules found" in promtool("check", "rules", file)


def test_the_board_holds_together():
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    variables = {row["name"] for row in board()["templating"]["list"]}
    for name in re.findall(r"\$\{?(\w+)", json.dumps(board())):
        assert name in variables | {"__rate_interval", "__all"}, name


def test_every_alert_comes_when_it_should(tmp_path):
    """tests/alerts.yaml has series for each."""
    shutil.copy(GRAFANA / "alerts.yaml", tmp_path)
    shutil.copy(TOP / "tests" / "alerts.yaml", tmp_path / "tests.yaml")
    assert "SUCCESS" in promtool("test", "rules", tmp_path / "tests.yaml")
    played = {row["alertname"] for test in yaml.safe_load((tmp_path / "tests.yaml").read_text(encoding="utf-8"))["tests"]
              for row in test["alert_rule_test"] if row.get("exp_alerts")}
    assert played == {rule["alert"] for rule in rules()}
