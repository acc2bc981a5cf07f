# SPDX-License-Identifier: Apache-2.0
"""deploy/docker without a container engine: the files are what their formats say, they hang together,
and what they tell the programs is told to the real programs here."""
import json
import os
import re
import subprocess

import jsonschema_rs
import pytest
import yaml
from dockerfile_parse import DockerfileParser

from packages import NAMES, PROGRAMS
from stack import BIN, TOP, Process, free_port
from test_k_broker_rules import start_broker
from wait import wait_until

DOCKER = TOP / "deploy" / "docker"
STATE = "/var/lib/airscrew"
WITH_HEALTH = {"manager", "proxy", "executor", "broker"}
PREFIXES = {"propeller-manager": "MANAGER_", "proplet": "PROPLET_", "propeller-proxy": "PROXY_", "propeller-executor": "EXECUTOR_"}


def settings():
    """.env, as compose reads it."""
    rows = [line.split("=", 1) for line in (DOCKER / ".env").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    names = [name for name, _ in rows]
    assert len(set(names)) == len(names)
    return dict(rows)


def composed():
    values = settings()
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{(\w+)\}", text))
    assert used == set(values) - {"COMPOSE_PROJECT_NAME"} and "$" not in re.sub(r"\$\{\w+\}", "", text)
    return yaml.safe_load(re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], text))


@pytest.fixture(name="compose", scope="module")
def compose_fixture():
    return composed()


class Stage:
    def __init__(self, name, base):
        self.name, self.base, self.rows = name, base, []

    def last(self, instruction):
        found = [value for row, value in self.rows if row == instruction]
        return found[-1] if found else None


def read_stages(folder):
    parser = DockerfileParser(path=str(folder))
    stages = {}
    for row in parser.structure:
        instruction, value = row["instruction"], row["value"]
        if instruction == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", value).groups()
            stages[name] = Stage(name, base)
        elif stages:
            list(stages.values())[-1].rows.append((instruction, value))
    return stages


@pytest.fixture(name="stages", scope="module")
def stages_fixture(tmp_path_factory):
    """By name, each with what it has from the stages below it, first."""
    folder = tmp_path_factory.mktemp("dockerfile")
    (folder / "Dockerfile").write_bytes((DOCKER / "Dockerfile").read_bytes())
    stages = read_stages(folder)
    for stage in stages.values():
        if stage.base in stages:
            stage.rows = stages[stage.base].rows + stage.rows
    return stages


def environment_of(stage):
    return {name: value for instruction, text in stage.rows if instruction == "ENV" for name, value in re.findall(r"(\w+)=(\S+)", text)}


def own(service):
    """Whether its image is one of ours."""
    return "build" in service


def cache_folder():
    return subprocess.run([TOP / "tools" / "python", "--where"], capture_output=True, text=True, check=True).stdout.strip().rsplit("/", 1)[0]


def test_compose_is_true_to_its_schema(compose):
    """The compose specification's own, which compose-go carries."""
    version = re.search(r"^compose-spec \S+ (\S+)", (TOP / "tests" / "data.txt").read_text(encoding="utf-8"), re.M)[1]
    with open(f"{cache_folder()}/compose-spec-{version}/compose-spec.json", encoding="utf-8") as file:
        schema = jsonschema_rs.validator_for(json.load(file))
    assert not [f"{error.instance_path}: {error.message}" for error in schema.iter_errors(compose)]
    broken = {**compose, "services": {"manager": {**compose["services"]["manager"], "read-only": True}}}
    assert not schema.is_valid(broken)


def test_every_service_is_shut_in(compose):
    for name, service in compose["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["user"] == "10001:10001"
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    assert set(compose["services"]) == {"broker", "manager", "proxy", "proplet", "executor", "registry"}
    assert compose["networks"]["control"]["internal"] is True
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"manager", "executor", "registry"}
    assert compose["services"]["proplet"]["networks"] == ["control"], "a worker reaches nothing outside"


def test_compose_hangs_together(compose, stages):
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= set(compose["networks"])
        for volume in service.get("volumes", []):
            source, target = volume.split(":")
            assert source in compose["volumes"] and target == STATE
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"} and stages[other].last("HEALTHCHECK") != "NONE"
        if own(service):
            assert service["build"]["target"] == name and name in stages
            assert (DOCKER / service["build"]["context"]).resolve() == TOP
            assert (TOP / service["build"]["dockerfile"]).is_file()
            assert service["image"] == f"airscrew/{name}:{settings()['AIRSCREW_TAG']}"
    used = [secret if isinstance(secret, str) else secret["source"] for service in compose["services"].values() for secret in service.get("secrets", [])]
    assert set(used) == set(compose["secrets"])
    assert settings()["AIRSCREW_TAG"] == re.search(r"version: '([0-9.]+)'", (TOP / "meson.build").read_text(encoding="utf-8"))[1]


def known_settings(program):
    done = subprocess.run([BIN / program, *(["man"] if program == "propeller-cli" else ["--help"])], capture_output=True, text=True, check=True)
    return set(re.findall(r"\b(?:MANAGER|PROPLET|PROXY|EXECUTOR|PROPELLER)_[A-Z0-9_]+", done.stdout))


def test_every_variable_is_a_setting(compose, stages):
    client = known_settings("propeller-cli")
    for package, program in PROGRAMS.items():
        if program == "propeller-cli":
            continue
        name = package.removeprefix("airscrew-")
        told = environment_of(stages[name]) | compose["services"][name]["environment"]
        mine = {variable for variable in told if variable.startswith(PREFIXES[program])}
        assert mine <= known_settings(program) and len(mine) > 5
        assert set(told) - mine <= client & {"PROPELLER_MANAGER_URL", "PROPELLER_CA"}


def test_images(stages, compose):
    assert set(compose["services"]) - {"registry"} <= set(stages)
    for name in ("cli", *WITH_HEALTH, "proplet"):
        stage = stages[name]
        assert stage.last("USER") == "10001:10001" and stage.last("STOPSIGNAL") == "SIGTERM" and stage.last("LABEL")
        assert (stage.last("HEALTHCHECK") == "NONE") == (name not in WITH_HEALTH)
        command = json.loads(stage.last("ENTRYPOINT"))
        if name == "broker":
            assert command[0] == "/usr/sbin/mosquitto"
            continue
        installed = {package for row, text in stage.rows if row == "RUN" for package in re.findall(r"/packages/(airscrew-\w+)_\*\.deb", text)}
        assert f"airscrew-{name}" in installed and installed <= set(NAMES)
        lists = "".join((TOP / "deploy/debian" / f"{package}.install").read_text(encoding="utf-8") for package in installed if package != "airscrew-common")
        assert f"\n{command[0].lstrip('/')}\n" in f"\n{lists}"
        if name in WITH_HEALTH:
            assert "propeller-cli" in stage.last("HEALTHCHECK") and "airscrew-cli" in installed


def test_what_the_dockerfile_copies_and_runs_is_there(stages):
    for stage in stages.values():
        assert stage.base in stages or re.fullmatch(r"(debian|rust):\$\{\w+_TAG\}", stage.base)
        for instruction, text in stage.rows:
            words = [word for word in text.split() if not word.startswith("--")]
            if instruction == "COPY" and words[0] != ".":
                assert (TOP / words[0]).is_file()
            for program in re.findall(r"\btools/\w+", text):
                assert os.access(TOP / program, os.X_OK)
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert "deploy/docker/secrets.d" in ignored and ".git" not in ignored, "the version comes from git"


class Composed:
    """The services of compose.yaml as processes: their environment, with the places of this machine."""

    def __init__(self, stack, compose, stages):
        self.stack, self.compose, self.stages = stack, compose, stages
        self.secrets = stack.folder / "secrets"
        self.ports = {"7070": stack.http_port, "9191": free_port(), "8080": free_port(), "50051": free_port()}
        subprocess.run([DOCKER / "secrets", self.secrets], check=True, capture_output=True)

    def here(self, service, text):
        for name, secret in self.compose["secrets"].items():
            if text == f"/run/secrets/{name}":
                return str(self.secrets / secret["file"].rsplit("/", 1)[1])
        text = text.replace("//broker:8883", f"//localhost:{self.stack.mqtt_port}").replace(STATE, str(self.stack.folder / service))
        text = text.replace("0.0.0.0", "127.0.0.1")
        return re.sub(r":(\d+)$", lambda match: f":{self.ports.get(match[1], match[1])}", text)

    def environment(self, name):
        told = environment_of(self.stages[name]) | self.compose["services"][name]["environment"]
        return {variable: self.here(name, str(value)) for variable, value in told.items()}

    def start(self, name, **more):
        program = json.loads(self.stages[name].last("ENTRYPOINT"))[0].rsplit("/", 1)[1]
        self.stack.spawn(name, [BIN / program], self.environment(name) | more)

    def healthy(self, name):
        """What the image's HEALTHCHECK says."""
        assert self.stack.processes[name].alive, self.stack.processes[name].text()
        command = json.loads(self.stages[name].last("HEALTHCHECK").partition("CMD ")[2])
        command[0] = command[0].replace("/usr/bin", str(BIN))
        done = Process(f"health-{name}", command, self.stack.folder, self.environment(name))
        return done.popen.wait(timeout=120) == 0

    def client(self, *words):
        environment = {**os.environ, "PROPELLER_MANAGER_URL": f"https://localhost:{self.ports['7070']}", "PROPELLER_CA": str(self.secrets / "ca.crt"),
                       "PROPELLER_EXECUTOR_URL": f"https://localhost:{self.ports['8080']}",
                       "PROPELLER_TOKEN": (self.secrets / "manager.token").read_text(encoding="utf-8").strip(),
                       "PROPELLER_EXECUTOR_TOKEN": (self.secrets / "executor.token").read_text(encoding="utf-8").strip()}
        done = subprocess.run([BIN / "propeller-cli", *words], env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


class Papers:
    """For start_broker(): where its certificates are."""

    def __init__(self, folder):
        self.folder = folder


ADD = str(TOP / "examples" / "add" / "build" / "add.wasm")


def test_the_services_work_as_they_are_composed(stack, compose, stages):
    """TLS, the broker's rules, the token, health checks, a task; with keys made by deploy/docker/secrets."""
    services = Composed(stack, compose, stages)
    start_broker(stack, Papers(services.secrets))
    services.start("manager", MANAGER_HTTP_PORT=str(services.ports["7070"]))
    services.start("proxy", PROXY_HTTP_PORT=str(services.ports["9191"]))
    services.start("proplet")
    for name in ("manager", "proxy"):
        wait_until(lambda name=name: services.healthy(name), 30, f"{name} is healthy")
    wait_until(lambda: "worker-1" in services.client("proplets", "list", "--filter", "alive=true", "-o", "id"), 30, "the worker")
    assert services.client("tasks", "run", ADD, "--invoke", "add", "10", "20").strip() == "30"
    stack.processes["manager"].stop()
    assert not Process("health-manager", [BIN / "propeller-cli", "health"], stack.folder, services.environment("manager")).popen.wait(120) == 0


def test_the_executor_works_as_it_is_composed(stack, compose, stages):
    services = Composed(stack, compose, stages)
    services.start("executor", EXECUTOR_HTTP_PORT=str(services.ports["8080"]), EXECUTOR_GRPC_PORT=str(services.ports["50051"]), EXECUTOR_ATTESTER="sample")
    wait_until(lambda: services.healthy("executor"), 30, "the executor is healthy")
    assert services.client("execute", ADD, "add", "10", "20").strip() == "30"


def test_secrets_that_are_there_stay(tmp_path):
    run = [DOCKER / "secrets", tmp_path / "secrets"]
    subprocess.run(run, check=True, capture_output=True)
    files = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o077 == (0o044 if path.suffix == ".crt" else 0), path
    subprocess.run(run, check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == files
