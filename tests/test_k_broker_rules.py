# SPDX-License-Identifier: Apache-2.0
"""deploy/mosquitto with workload keys: each client has its certificate and its rules, and one who
has a certificate but no business here hears nothing, and is not heard."""
import os
import ssl

import paho.mqtt.client as mqtt
import pytest

import sealed
from api import COMPLETED
from bus import Bus
from certificates import HOSTS, Authority
from modules import TOP, example
from registry import WASM, Registry
from stack import Stack
from test_k_sealed import KEY, MARKER, SECRET, everything, in_base64
from wait import wait_until

CLIENTS = ("manager", "proxy", "worker-1", "worker-2", "stranger")
GHOST = {"proplet_id": "ghost", "namespace": "default", "status": "alive", "boot": "b", "features": ["commands"]}


@pytest.fixture(name="papers", scope="module")
def papers_fixture(tmp_path_factory):
    papers = Authority(tmp_path_factory.mktemp("papers"), "ca")
    papers.made = {"broker": papers.issue("broker", HOSTS), **{name: papers.issue(name) for name in CLIENTS}}
    return papers


def start_broker(stack, papers):
    """With the files as users get them; only places are others."""
    rules = stack.folder / "airscrew.acl"
    rules.write_text((TOP / "deploy/mosquitto/airscrew.acl").read_text())
    rules.chmod(0o600)
    text = (TOP / "deploy/mosquitto/airscrew.conf").read_text()
    for ours, here in (("listener 8883", f"listener {stack.mqtt_port} 127.0.0.1"),
                       ("/etc/mosquitto/certs/", f"{papers.folder}/"), ("/etc/mosquitto/airscrew.acl", rules)):
        assert ours in text
        text = text.replace(ours, str(here))
    config = stack.folder / "mosquitto.conf"
    config.write_text(text + ("user root\n" if os.getuid() == 0 else ""))
    program = "/usr/sbin/mosquitto" if os.path.exists("/usr/sbin/mosquitto") else "mosquitto"
    stack.spawn("broker", [program, "-c", config])
    wait_until(stack.broker_answers, 10, "the broker", pause=0.005)


def settings(stack, papers, prefix, client, key):
    made = papers.made[client]
    return {f"{prefix}_MQTT_ADDRESS": f"mqtts://localhost:{stack.mqtt_port}",
            f"{prefix}_MQTT_TLS_CA_CERT": papers.cert, f"{prefix}_MQTT_TLS_CLIENT_CERT": made.cert,
            f"{prefix}_MQTT_TLS_CLIENT_KEY": made.key, f"{prefix}_CLIENT_KEY": None,
            f"{prefix}_WORKLOAD_KEY": key}


class Client(Bus):
    """Whoever has that certificate, or none; the broker hears its name from the certificate alone."""

    def __init__(self, stack, papers, name, topics="#"):
        super().__init__(stack, f"somebody-{name}")
        made = papers.made.get(name)
        self.client.tls_set(papers.cert, made and made.cert, made and made.key)
        self.topics = topics

    def on_connect(self, client, *_):
        client.subscribe(self.stack.topic(self.topics), qos=1)


@pytest.fixture(name="whole")
def whole_fixture(stack, papers):
    """Everybody with a certificate, and workers with keys of their own."""
    stack.domain, stack.channel = "factory", "main"
    start_broker(stack, papers)
    stack.registry = Registry(stack)
    stack.start_manager(**settings(stack, papers, "MANAGER", "manager", KEY))
    for name in ("worker-1", "worker-2"):
        own = sealed.worker_key(bytes.fromhex(KEY), name).hex()
        # Nobody who is only slow is taken for dead, and his task given to the ghost.
        stack.start_proplet(name, PROPLET_LIVELINESS_INTERVAL="10", **settings(stack, papers, "PROPLET", name, own))
    stack.start_proxy(PROXY_PLAIN_HTTP=stack.registry.host, **settings(stack, papers, "PROXY", "proxy", KEY))
    return stack


def run_both(stack):
    """An encrypted task and an image task; both must run on worker-1."""
    stack.registry.push("team/secret", "v1", (WASM, SECRET))
    name = stack.registry.name("team/secret", "v1")
    for fields in ({"module": SECRET}, {"image_url": name}):
        task = stack.rest.create("task", proplet_id="worker-1", env={"SECRET": MARKER.decode()}, **fields)
        stack.rest.start(task["id"])
        done = stack.rest.wait(task["id"])
        assert done["state"] == COMPLETED and MARKER.decode() in done["results"], done


def test_each_has_its_own_rules(whole, papers):
    """Tasks run; another worker hears none of it, and the stranger nothing at all."""
    with Client(whole, papers, "stranger") as stranger, Client(whole, papers, "worker-2") as other, \
            Client(whole, papers, "worker-1") as own, Client(whole, papers, "manager") as reader:
        run_both(whole)
        wait_until(lambda: len(reader.messages("control/proplet/results")) >= 2, 10, "what the manager hears")
        for path in ("control/manager/command/worker-1", "registry/chunk/worker-1", "registry/image/worker-1"):
            wait_until(lambda path=path: any(heard == path for _, heard, _ in own.heard), 10, path)
    assert not stranger.heard
    assert {path for _, path, _ in other.heard} <= {"control/manager/command/worker-2", "control/manager/online",
                                                    "registry/chunk/worker-2", "registry/image/worker-2"}
    seen = everything(own) + everything(reader)
    assert not any(form in seen for form in (MARKER, *in_base64(MARKER)))
    whole.all_alive()


def test_a_stranger_is_not_heard(whole, papers):
    """The same message of a worker's certificate is: so it is the rules that hold the stranger's back."""
    task = whole.rest.create("add", example("add"), inputs=[1, 2])
    with Client(whole, papers, "stranger") as stranger:
        for path, message in (("control/proplet/create", GHOST), ("control/proplet/alive", GHOST),
                              ("control/proplet/results", {"task_id": task["id"], "proplet_id": "worker-1",
                                                           "attempt": 1, "results": "forged", "error": None}),
                              ("control/manager/command/worker-1", {"type": "stop"}),
                              ("registry/proplet", {"app_name": "x"}), ("registry/image/worker-1", b"ASI\1")):
            stranger.say(path, message)
        whole.rest.start(task["id"])
        assert whole.rest.wait(task["id"])["results"] == "3"
        assert whole.proplet_view("ghost") == {}
    with Client(whole, papers, "worker-2") as worker:
        worker.say("control/proplet/create", GHOST)
        wait_until(lambda: whole.proplet_view("ghost"), 10, "the ghost")
    assert whole.proplet_view("ghost")["key"] == "key mismatch"
    done = whole.rest.run("add", example("add"), inputs=[4, 5])
    assert (done["state"], done["results"]) == (COMPLETED, "9")


def test_a_worker_cannot_speak_for_another(whole, papers):
    """What the rules let through, a result on the common topic, the keys hold back."""
    task = whole.rest.create("sleeper", example("sleeper"), cli_args=["3600"], proplet_id="worker-1")
    whole.rest.start(task["id"])
    wait_until(lambda: whole.rest.task(task["id"])["state"] == 2, 20, "running")
    with Client(whole, papers, "worker-2") as worker:
        worker.say("control/proplet/results", {"task_id": task["id"], "attempt": 1, "proplet_id": "worker-1",
                                               "boot": whole.proplet_view().get("boot", ""),
                                               "results": "forged", "error": None})
    assert whole.rest.run("add", example("add"), inputs=[1, 2])["results"] == "3"
    assert whole.rest.task(task["id"])["state"] == 2
    whole.rest.stop(task["id"])
    assert "forged" not in str(whole.rest.wait(task["id"]))


@pytest.mark.parametrize("who", ["nobody", "another authority"])
def test_no_certificate_no_connection(stack: Stack, papers, who, tmp_path):
    stack.domain, stack.channel = "factory", "main"
    start_broker(stack, papers)
    made = Authority(tmp_path, "foreign").issue("manager") if who != "nobody" else None
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="manager", protocol=mqtt.MQTTv311)
    client.tls_set(papers.cert, made and made.cert, made and made.key)
    client.username_pw_set("manager", "guessed")
    refused = False
    try:
        client.connect("127.0.0.1", stack.mqtt_port)
        refused = not any(client.loop(1) == 0 and client.is_connected() for _ in range(20))
    except (ssl.SSLError, OSError):
        refused = True
    assert refused
