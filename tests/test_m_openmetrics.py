# SPDX-License-Identifier: Apache-2.0
"""GET /metrics, read by the parsers of prometheus_client."""
import signal

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
    task = rest.create("sleeper", example("sleeper"), cli_args=["3600"])
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
    wait_until(lambda: read(stack.rest)["propeller_mqtt_up",] == 1)
    wait_until(lambda: read(stack.rest)["propeller_mqtt_inflight",] == 0)
    stack.broker.kill()
    wait_until(lambda: read(stack.rest)["propeller_mqtt_up",] == 0)


def test_messages_that_wait_for_the_broker(stack):
    """A broker that is stopped acknowledges nothing; one that goes on acknowledges all."""
    stack.start(PROPLET_LIVELINESS_INTERVAL="60")
    task = stack.rest.create("add", ADD, inputs=[1, 2])["id"]
    stack.broker.signal(signal.SIGSTOP)
    try:
        stack.rest.start(task)
        wait_until(lambda: read(stack.rest)["propeller_mqtt_inflight",] > 0)
    finally:
        stack.broker.signal(signal.SIGCONT)
    wait_until(lambda: read(stack.rest)["propeller_mqtt_inflight",] == 0)


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def exemplars(rest, accept, parse):
    answer = rest.expect(200, "GET", "/metrics", headers={"Accept": accept})
    return {sample.exemplar.labels["trace_id"]: sample for family in parse(answer.body.decode())
            for sample in family.samples if sample.exemplar}


def test_a_trace_leads_from_the_caller_to_the_figures(up):
    """traceparent comes back, is in the log, and is an exemplar where the form has them."""
    rest = up.rest
    answer = rest.call("POST", "/tasks", {"name": "x"}, headers={"traceparent": PARENT})
    assert answer.status == 201 and answer.headers["traceparent"] == PARENT
    assert rest.call("GET", "/tasks/none", headers={"traceparent": PARENT}).headers["traceparent"] == PARENT
    sample = wait_until(lambda: exemplars(rest, OPEN, open_metrics).get(TRACE), 30, "the exemplar")
    assert sample.name == "propeller_request_seconds_bucket"
    assert 0 <= sample.exemplar.value <= float(sample.labels["le"]) and sample.exemplar.timestamp.sec > 1.6e9
    assert "# {" not in rest.expect(200, "GET", "/metrics").body.decode()
    wait_until(lambda: f"trace_id={TRACE}" in up.manager.text(), 30, "the trace in the log")
    assert read(rest)["propeller_request_seconds_count",] > 0


@pytest.mark.parametrize("parent", ["", "x", PARENT.upper(), PARENT + "-more", PARENT[:-1], PARENT.replace("7", "\"", 1),
                                    f"00-{'0' * 32}-00f067aa0ba902b7-01", f"ff-{TRACE}-00f067aa0ba902b7-01", "y" * 5000],
                         ids=range(9))
def test_a_trace_that_is_none(rest, parent):
    answer = rest.get("/tasks", headers={"traceparent": parent})
    assert answer.status == 200 and "traceparent" not in answer.headers
    read(rest)
