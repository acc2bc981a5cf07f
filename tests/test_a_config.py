# SPDX-License-Identifier: Apache-2.0
"""The settings file of the real programs: which one, what wins over it, and how it is refused."""
import os
import subprocess
import textwrap

import pytest

from stack import BIN, TOP, clean_environment, free_port
from wait import patience, wait_until

NAMES = {"propeller-manager": "manager", "proplet": "proplet", "propeller-proxy": "proxy"}
PROGRAMS = list(NAMES)
# /etc is ours alone in a mount namespace: $1 is what its propeller/config.toml should hold.
OWN_ETC = ('mount -t tmpfs none /etc && mkdir /etc/propeller && cat "$1" >/etc/propeller/config.toml '
           '&& shift && exec "$@"')


def write(path, text, mode=0o600):
    path.write_text(textwrap.dedent(text))
    path.chmod(mode)
    return path


def section(program, more="", **changes):
    """A whole section that the program would start with."""
    values = {"domain_id": "d", "channel_id": "c", "client_id": "one", "state_dir": "state",
              "mqtt_address": "tcp://127.0.0.1:1", **changes}
    lines = [f'{key} = "{value}"' for key, value in values.items()]
    return "\n".join([f"[{NAMES[program]}]", *lines, more, ""])


def run(program, folder, *arguments, before=(), **environment):
    return subprocess.run([*before, BIN / program, *arguments], capture_output=True, text=True,
                          timeout=patience(), cwd=folder, stdin=subprocess.DEVNULL,
                          env={**clean_environment(), **environment})


def refused(*arguments, **more):
    """What the program says when it does not start."""
    done = run(*arguments, **more)
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "hush" not in done.stderr
    return done.stderr


def prefix(program):
    return NAMES[program].upper()


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_says_it(program):
    text = run(program, "/", "--help").stdout
    for word in ["--config FILE", f"{prefix(program)}_CONFIG_FILE", "./config.toml",
                 "/etc/propeller/config.toml", f"[{NAMES[program]}]"]:
        assert word in text, word


def start(stack, name, program, folder, *arguments, **environment):
    """A program that has nothing in its environment but what is given here."""
    command = ["env", "-C", folder, BIN / program, *arguments]
    return stack.spawn(name, command, {k: str(v) for k, v in environment.items()})


def test_both_programs_run_from_one_file(stack, tmp_path):
    """[manager] and [proplet] of ./config.toml, one in each generation of names."""
    stack.start_broker()
    broker = f"tcp://127.0.0.1:{stack.mqtt_port}"
    write(tmp_path / "config.toml", f"""\
        [manager]
        domain_id = "{stack.domain}"
        channel_id = "{stack.channel}"
        client_id = "manager"
        client_key = "hush-manager"
        mqtt_address = "{broker}"
        http_host = "127.0.0.1"
        http_port = {stack.http_port}
        state_dir = "state-manager"

        [proplet]
        tenant_id = "{stack.domain}"
        channel_id = "{stack.channel}"
        entity_id = "worker-1"
        api_key = "hush-proplet"
        mqtt_address = "{broker}"
        liveliness_interval = 1
        state_dir = "state-proplet"
        slots = 3
        collect_system_info = false

        [proxy]
        registry_url = "nobody here knows this key"
        """)
    manager = start(stack, "manager", "propeller-manager", tmp_path)
    stack.manager_ready()
    proplet = start(stack, "worker-1", "proplet", tmp_path)
    stack.proplet_ready("worker-1")
    for process, name in [(manager, "manager"), (proplet, "proplet")]:
        assert f"settings read file=./config.toml section={name}" in process.text()
        assert "hush" not in process.text()


def test_the_environment_and_flags_win(stack, tmp_path):
    """The file's port is taken by nobody; it is only used when nothing else is said."""
    by_file, by_environment, by_flag = (free_port() for _ in range(3))
    file = write(tmp_path / "s.toml", section("propeller-manager", f"http_port = {by_file}",
                                              http_host="127.0.0.1"))
    for number, (arguments, environment, port) in enumerate([
            ([], {}, by_file),
            ([], {"MANAGER_HTTP_PORT": by_environment}, by_environment),
            (["--http-port", str(by_flag)], {"MANAGER_HTTP_PORT": by_environment}, by_flag)]):
        name = f"manager-{number}"
        process = start(stack, name, "propeller-manager", tmp_path, *arguments,
                        MANAGER_CONFIG_FILE=file, **environment)
        wait_until(lambda p=process: "listening" in p.text() or not p.alive, 20, "a manager")
        assert f"http://127.0.0.1:{port} " in process.text(), process.text()
        assert process.stop() == 0


def bad(program, folder, name, value):
    """A file that is refused with its own path and a value of its own."""
    return write(folder / name, section(program, more=f'mqtt_qos = "{value}"'))


@pytest.mark.parametrize("program", PROGRAMS)
def test_which_file_is_read(program, tmp_path):
    flag = bad(program, tmp_path, "flag.toml", 1)
    environment = {f"{prefix(program)}_CONFIG_FILE":
                   str(bad(program, tmp_path, "environment.toml", 2))}
    bad(program, tmp_path, "config.toml", 3)
    assert f"{flag}:7:12: mqtt_qos" in refused(program, tmp_path, "--config", flag, **environment)
    assert "environment.toml:7:12: " in refused(program, tmp_path, **environment)
    assert ": ./config.toml:7:12: " in refused(program, tmp_path)
    assert "_DOMAIN_ID is required" in refused(program, tmp_path, "--config=", **environment)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_file_in_etc_is_the_last(program, tmp_path):
    before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", OWN_ETC, "sh",
              bad(program, tmp_path, "for-etc.toml", 1)]
    try:
        able = subprocess.run([*before, "true"], capture_output=True, text=True, timeout=patience())
    except FileNotFoundError:
        pytest.skip("unshare (util-linux) is not here, and /etc is not ours to write to")
    if able.returncode != 0:
        pytest.skip(f"no mount namespace for an /etc of our own: {able.stderr.strip()}")
    here = tmp_path / "here"
    here.mkdir()
    assert ": /etc/propeller/config.toml:7:12: mqtt_qos" in refused(program, here, before=before)
    bad(program, here, "config.toml", 2)
    assert ": ./config.toml:7:12: mqtt_qos" in refused(program, here, before=before)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_named_file_has_to_be_there(program, tmp_path):
    said = refused(program, tmp_path, "--config", "missing.toml")
    assert "missing.toml" in said and "--config" in said and "No such file" in said
    name = f"{prefix(program)}_CONFIG_FILE"
    said = refused(program, tmp_path, **{name: "missing.toml"})
    assert "missing.toml" in said and name in said
    assert "not a regular file" in refused(program, tmp_path, "--config", tmp_path)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("lines,says", [
    ("slot = hush", ":2:8: a value is needed"),
    ('domain_id = "a"\ndomain_id = "b"', ':3:1: "domain_id" is here for the second time'),
    ('domian_id = "a"', ":2:1: unknown key domian_id in [{}]; did you mean domain_id?"),
    ("completely_different = 1", ":2:1: unknown key completely_different in [{}]; {} --help"),
    ("mqtt_qos = true", ":2:12: mqtt_qos is true or false; it takes a whole number"),
    ("mqtt_qos = 3", 'MQTT_QOS: "3" (from mqtt_qos in ./config.toml:2:12)'),
    ('mqtt_timeout = "soon"', 'MQTT_TIMEOUT: "soon" (from mqtt_timeout in ./config.toml:2:16)'),
    ("client_key = 12", ":2:14: client_key is a whole number; it takes a string"),
    ('client_key = "hush', ":2:14: the string that begins here has no end"),
    ('domain_id = "a"\ntenant_id = "b"', "tenant_id in ./config.toml:3:13 are names of one"),
    ('client_id = "a"\n[{}]', ':3:2: "{}" is defined a second time'),
])
def test_what_is_refused(program, lines, says, tmp_path):
    name = NAMES[program]
    write(tmp_path / "config.toml", f"[{name}]\n" + lines.replace("{}", name) + "\n")
    assert says.replace("{}", name, 1).replace("{}", program) in refused(program, tmp_path)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_with_a_secret_is_for_its_owner(program, tmp_path):
    file = write(tmp_path / "config.toml", section(program, client_key="hush"), 0o644)
    said = refused(program, tmp_path)
    assert "./config.toml:7:1: client_key is a secret" in said and "chmod 600" in said
    file.chmod(0o640)
    assert "client_key is a secret" in refused(program, tmp_path)
    write(tmp_path / "key", "hush\n", 0o644)
    write(file, section(program, client_key_file="key"), 0o644)
    said = refused(program, tmp_path)
    assert "secret file key" in said and "client_key_file in ./config.toml:7:" in said


def test_a_section_of_another_name(stack, tmp_path):
    """Several workers in one file, as Propeller's `provision add-proplets` writes them."""
    stack.start_broker()
    stack.start_manager()
    text = "\n".join(section("proplet", "liveliness_interval = 1", client_id=f"worker-{number}",
                             domain_id=stack.domain, channel_id=stack.channel,
                             state_dir=f"state-worker-{number}",
                             mqtt_address=f"tcp://127.0.0.1:{stack.mqtt_port}")
                     .replace("[proplet]", f"[proplet{number}]") for number in (1, 2))
    write(tmp_path / "config.toml", text)
    start(stack, "worker-1", "proplet", tmp_path, "--config-section=proplet1")
    start(stack, "worker-2", "proplet", tmp_path, PROPLET_CONFIG_SECTION="proplet2")
    stack.proplet_ready("worker-1")
    stack.proplet_ready("worker-2")
    assert "has no section [proplet3]" in refused("proplet", tmp_path, "--config-section=proplet3")


@pytest.mark.parametrize("program,flag,wrong", [("propeller-manager", "--http-port", "99999"),
                                                ("proplet", "--slots", "0")])
def test_the_file_in_the_docs_is_good(program, flag, wrong, tmp_path):
    """Nothing but the flag is wrong."""
    page = (TOP / "docs" / "settings.md").read_text()
    write(tmp_path / "worker-1.key", "change-me\n")
    write(tmp_path / "config.toml", page.partition("```toml\n")[2].partition("```")[0])
    assert f'"{wrong}" (from flag {flag})' in refused(program, tmp_path, flag, wrong)


def test_up_reads_no_file_that_lies_around(tmp_path):
    """`propeller-cli up` starts its programs with what it chose itself."""
    write(tmp_path / "config.toml", "[manager]\nnonsense = 1\n[proplet]\nnonsense = 1\n")
    ports = [word for name in ("http", "mqtt", "proxy", "executor", "grpc") for word in (f"--{name}-port", str(free_port()))]
    done = subprocess.run(
        [BIN / "propeller-cli", "up", "--samples", "--exit", "--state", tmp_path / "up", *ports],
        capture_output=True, text=True, timeout=patience(300), cwd=tmp_path, stdin=subprocess.DEVNULL,
        env={**clean_environment(), "HOME": os.fspath(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr


# --- docs/migration.md: what Propeller's own settings do here -----------------------------------------

PROPELLERS = {
    "propeller-manager": {"MANAGER_LOG_LEVEL": "info", "MANAGER_MQTT_QOS": "2", "MANAGER_MQTT_TIMEOUT": "30s", "MANAGER_HTTP_PORT": "0",
                          "MANAGER_HTTP_SERVER_READ_TIMEOUT": "15s", "MANAGER_HTTP_SERVER_MAX_HEADER_BYTES": "1048576", "MANAGER_STORAGE_TYPE": "sqlite",
                          "MANAGER_SQLITE_PATH": "./own.db", "MANAGER_COORDINATOR_URL": "", "MANAGER_OTEL_URL": "", "MANAGER_TRACE_RATIO": "0"},
    "proplet": {"PROPLET_LOG_LEVEL": "info", "PROPLET_MQTT_TIMEOUT": "30", "PROPLET_MQTT_QOS": "2", "PROPLET_MQTT_KEEP_ALIVE": "30",
                "PROPLET_MQTT_MAX_PACKET_SIZE": "10485760", "PROPLET_MQTT_INFLIGHT": "10", "PROPLET_LIVELINESS_INTERVAL": "10s",
                "PROPLET_METRICS_INTERVAL": "10", "PROPLET_ENABLE_MONITORING": "true", "PROPLET_HTTP_ENABLED": "false", "PROPLET_STATE_DIR": "state"},
    "propeller-proxy": {"PROXY_LOG_LEVEL": "info", "PROXY_MQTT_TIMEOUT": "30s", "PROXY_MQTT_QOS": "2", "PROXY_HTTP_PORT": "0", "PROXY_CHUNK_SIZE": "512000",
                        "PROXY_AUTHENTICATE": "false", "PROXY_REGISTRY_URL": "docker.io", "PROXY_OTEL_URL": "", "PROXY_STATE_DIR": "state"},
}


def propellers(program, **more):
    prefix = {"propeller-manager": "MANAGER", "proplet": "PROPLET", "propeller-proxy": "PROXY"}[program]
    return {f"{prefix}_MQTT_ADDRESS": "tcp://127.0.0.1:1", f"{prefix}_TENANT_ID": "t", f"{prefix}_CHANNEL_ID": "c", f"{prefix}_ENTITY_ID": "e",
            f"{prefix}_API_KEY": "k", **PROPELLERS[program], **more}


@pytest.mark.parametrize("program", PROGRAMS)
def test_propellers_environment_is_enough(program, tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as file, subprocess.Popen([BIN / program], cwd=tmp_path, stderr=file, stdin=subprocess.DEVNULL,
                                                   env={**clean_environment(), **propellers(program)}) as process:
        try:
            wait_until(lambda: "no connection to the broker" in log.read_text() or process.poll() is not None, 20, "a look for the broker")
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()


@pytest.mark.parametrize("program, change, says", [
    ("propeller-manager", {"MANAGER_STORAGE_TYPE": "postgres"}, "neither sqlite nor memory"),
    ("propeller-manager", {"MANAGER_HTTP_HOST": "0.0.0.0"}, "MANAGER_HTTP_TOKEN"),
    ("propeller-proxy", {"PROXY_MQTT_TLS_INSECURE_SKIP_VERIFY": "true"}, "PROXY_MQTT_TLS_CA_CERT"),
    ("proplet", {"PROPLET_EXTERNAL_WASM_RUNTIME": "no-such-runtime"}, "is not there or not executable"),
])
def test_what_of_it_is_refused(program, change, says, tmp_path):
    done = run(program, tmp_path, **propellers(program, **change))
    assert done.returncode != 0 and says in done.stderr, done.stderr
