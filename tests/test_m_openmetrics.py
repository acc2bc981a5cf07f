# SPDX-License-Identifier: Apache-2.0
"""GET /metrics, read by the parsers of prometheus_client."""
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from api import INTERRUPTED
from modules import example
from wait import wait_until

OPEN = "application/openmetrics-text"
FORMS = [(f"{OPEN}; version=1.0.0", open_metrics, f"{OPEN}; version=1.0.0; charset=utf-8"),
         ("text/plain", prometheus, "text/plain; version=0.0.4; charset=utf-8"),
         (None, prometheus, "text/plain; version=0.0.4; charset=utf-8")]
ADD = example("add")


def read(rest, accept=OPEN, parse=open_metrics, form=None):
    """{(name, labels): value}"""
    answer = rest.expect(200, "GET", "/metrics", headers={"Accept": accept} if accept else {})
    assert form is None or answer.headers["content-type"] == form
    samples = {}
    for family in parse(answer.body.decode()):
        for sample in family.samples:
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in samples and sample.value >= 0, key
            samples[key] = sample.value
    return samples


@pytest.mark.parametrize("accept,parse,form", FORMS, ids=str)
def test_forms(rest, accept, parse, form):
    samples = read(rest, accept, parse, form)
    assert samples["propeller_proplet_up", ("proplet", "worker-1")] == 1
    names = {key[0] for key in samples}
    assert {"propeller_tasks", "propeller_task_ends_total", "propeller_store_commit_seconds_bucket",
            "propeller_task_start_seconds_count", "propeller_engine_fuel_total", "propeller_mqtt_up",
            "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"} <= names
    for name in names:
        assert name.startswith(("propeller_", "process_"))


def test_what_happens_is_counted(rest):
    before = read(rest)
    for _ in range(3):
        rest.run("add", ADD, inputs=[1, 2], limits={"fuel": 1000000})
    task = rest.create("sleeper", example("sleeper"))
    rest.start(task["id"])
    during = read(rest)
    live = sum(during["propeller_tasks", ("state", state)] for state in ("scheduled", "running"))
    assert live == 1 == during["propeller_proplet_tasks", ("proplet", "worker-1")]
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED
    after = read(rest)

    def grown(*key):
        return after[key] - before[key]
    assert grown("propeller_task_ends_total", ("state", "completed")) == 3
    assert grown("propeller_task_ends_total", ("state", "interrupted")) == 1
    assert grown("propeller_task_ends_total", ("state", "failed")) == 0
    assert grown("propeller_task_start_seconds_count", ("stage", "queue")) == 4
    assert grown("propeller_task_start_seconds_count", ("stage", "dispatch")) == 4
    assert grown("propeller_engine_fuel_total") > 0
    assert grown("propeller_store_commit_seconds_count") >= 8
    assert grown("propeller_requests_total") >= 8
    assert after["propeller_tasks", ("state", "running")] == 0


def test_a_broker_that_is_gone(stack):
    stack.start_broker()
    stack.start_manager()
    assert read(stack.rest)["propeller_mqtt_up",] == 1
    stack.broker.kill()
    wait_until(lambda: read(stack.rest)["propeller_mqtt_up",] == 0, 20)
