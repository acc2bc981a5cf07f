# SPDX-License-Identifier: Apache-2.0
"""The real programs as processes: a broker, a manager, workers; started, killed and looked at.

Each process has its own process group and log file and dies with the tests, whatever happens.
At the end of a test Stack.close() asks every process to end and says which of them did not die
the way they should: so each test also checks that nothing crashed or leaked.
"""
import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from api import Rest
from wait import patience, wait_until

TOP = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("AIRSCREW_BIN", TOP / "build" / "bin"))
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
PORT_MIN, PORTS_MIN = 10000, 2000
CLAIMS = []
CLAIMS_MAX = 100  # select() knows no descriptor from 1024 on
THEIRS = ("broker", "registry")  # end as they like


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port that stays ours, also while the program that listens there is being restarted.

    The kernel gives ports of its ephemeral range to any outgoing connection, so ours lie outside
    of it; a UDP socket of the same number keeps other runs of these tests away.
    """
    for port in random.sample(port_range(), 1000):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        CLAIMS.append(claim)
        if len(CLAIMS) > CLAIMS_MAX:
            CLAIMS.pop(0).close()  # of tests that ended long ago
        return port
    raise OSError(f"no free port in {port_range()}")


def port_range():
    """Below the ephemeral ports or above them; where they leave no room, wherever there are fewest."""
    first, last = (int(word) for word in EPHEMERAL.read_text().split())
    outside = [range(PORT_MIN, first), range(max(last + 1, PORT_MIN), 1 << 16)]
    return next((ports for ports in outside if len(ports) >= PORTS_MIN), range(PORT_MIN, 1 << 16))


def clean_environment():
    """Ours without anything that a program under test would listen to."""
    ours = ("MANAGER_", "PROPLET_", "PROXY_", "PROPELLER_", "EXECUTOR_")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


class Process:
    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self.ended_by_test = False
        self.popen = None
        self.command = [str(part) for part in command]
        self.environment = {**clean_environment(), **(environment or {})}
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, start_new_session=True,
                                          preexec_fn=die_with_parent)
        self.ended_by_test = False

    @property
    def pid(self):
        return self.popen.pid

    @property
    def alive(self):
        return self.popen.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """kill -9 of the whole group, and its end awaited."""
        self.ended_by_test = True
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()

    def stop(self, seconds=40):
        """SIGTERM; the exit code."""
        self.ended_by_test = True
        if self.alive:
            self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(patience(seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end in {patience(seconds):g} s after SIGTERM") from None

    def exit_code(self):
        """Of a process that ends by itself."""
        code = self.popen.wait(patience())
        self.ended_by_test = True
        return code

    def cpu_seconds(self, children=False):
        """Of a child it counts what it has used when it has ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15 if children else 13])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        """Resident memory; with a sanitizer it says nothing about the program, and is 0."""
        if os.environ.get("AIRSCREW_SANITIZED"):
            return 0
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0


def states(process):
    """Of its threads, as the kernel calls them."""
    try:
        return {file.read_text().rsplit(")", 1)[1].split()[0] for file in Path(f"/proc/{process.pid}/task").glob("*/stat")}
    except (FileNotFoundError, ProcessLookupError):
        return {"a thread that is ending"}


@contextlib.contextmanager
def held(process):
    """It does nothing meanwhile, in none of its threads: the signal alone may take its time to reach them all."""
    process.signal(signal.SIGSTOP)
    try:
        wait_until(lambda: states(process) == {"T"}, what=f"{process.name} to stand still")
        yield
    finally:
        process.signal(signal.SIGCONT)


class Stack:
    domain, channel = "domain-1", "channel-1"

    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = {}
        self.http_port = free_port()
        self.mqtt_port = free_port()
        self.token = None
        self.tls = None  # an ssl.SSLContext: the manager speaks https
        self.tracers = {}  # words before a program's own, by its name here
        self.problems = []

    @property
    def rest(self):
        return Rest(self.http_port, self.token, self.tls)

    @property
    def broker(self):
        return self.processes["broker"]

    @property
    def manager(self):
        return self.processes["manager"]

    def proplet(self, name="worker-1"):
        return self.processes[name]

    def topic(self, path):
        return f"m/{self.domain}/c/{self.channel}/{path}"

    def spawn(self, name, command, environment=None):
        assert name not in self.processes or not self.processes[name].alive
        command = [*self.tracers.get(name, []), *command]
        self.processes[name] = Process(name, command, self.folder, environment)
        return self.processes[name]

    def start_broker(self, *lines):
        """`lines` are for its listener."""
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\n"
                          "persistence false\nset_tcp_nodelay true\nmax_queued_messages 0\n"
                          "max_inflight_messages 0\n" + "".join(f"{line}\n" for line in lines))
        program = "/usr/sbin/mosquitto" if os.path.exists("/usr/sbin/mosquitto") else "mosquitto"
        self.spawn("broker", [program, "-c", config])
        wait_until(self.broker_answers, 30, "the broker", pause=0.005)

    def broker_answers(self):
        if not self.broker.alive:
            raise AssertionError(f"mosquitto ended: {self.broker.text()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.mqtt_port)) == 0

    def environment(self, prefix, client, more):
        environment = {
            f"{prefix}_DOMAIN_ID": self.domain,
            f"{prefix}_CHANNEL_ID": self.channel,
            f"{prefix}_CLIENT_ID": client,
            f"{prefix}_CLIENT_KEY": f"key-of-{client}",
            f"{prefix}_MQTT_ADDRESS": f"tcp://127.0.0.1:{self.mqtt_port}",
            f"{prefix}_LOG_LEVEL": "debug",
            f"{prefix}_STATE_DIR": str(self.folder / f"state-{client}"),
        }
        environment.update(more)
        return {k: str(v) for k, v in environment.items() if v is not None}

    def start_manager(self, ready=True, **more):
        environment = self.environment("MANAGER", "manager", {
            "MANAGER_HTTP_HOST": "127.0.0.1", "MANAGER_HTTP_PORT": self.http_port, **more})
        self.token = more.get("MANAGER_HTTP_TOKEN")
        self.spawn("manager", [BIN / "propeller-manager"], environment)
        if ready:
            self.manager_ready()

    def restart_manager(self):
        """The same command again, after a kill or an end."""
        self.manager.start()
        self.manager_ready()

    def manager_ready(self):
        def ready():
            if not self.manager.alive:
                raise AssertionError(f"the manager ended: {self.manager.text()[-4000:]}")
            try:
                return self.rest.get("/health").status == 200
            except OSError:
                return False
        wait_until(ready, 60, "the manager's /health")

    def start_proplet(self, name="worker-1", ready=True, **more):
        more.setdefault("PROPLET_LIVELINESS_INTERVAL", "3")
        earlier = self.proplet_view(name).get("boot") if ready else None
        self.spawn(name, [BIN / "proplet"], self.environment("PROPLET", name, more))
        if ready:
            self.proplet_ready(name, earlier=earlier)

    def start_proxy(self, ready=True, **more):
        self.proxy_port = free_port()
        self.spawn("proxy", [BIN / "propeller-proxy"], self.environment("PROXY", "proxy", {
            "PROXY_HTTP_HOST": "127.0.0.1", "PROXY_HTTP_PORT": self.proxy_port, **more}))
        if ready:
            self.proxy_ready()

    def proxy_health(self):
        """The status of /health; None: nobody listens."""
        try:
            return Rest(self.proxy_port).get("/health").status
        except OSError:
            return None

    def proxy_ready(self):
        def ready():
            assert self.processes["proxy"].alive, self.processes["proxy"].text()[-4000:]
            return self.proxy_health() == 200
        wait_until(ready, 60, "the proxy's /health")

    def proplet_ready(self, name="worker-1", seconds=20, earlier=None):
        """`earlier`: a boot that the manager may still take for alive, since nobody told it of its end."""
        def ready():
            assert self.processes[name].alive, self.processes[name].text()[-4000:]
            view = self.proplet_view(name)
            return view.get("alive") and (earlier is None or view.get("boot") != earlier)
        wait_until(ready, seconds, f"proplet {name} alive")

    def proplet_view(self, name="worker-1"):
        page = self.rest.expect(200, "GET", "/proplets?limit=100").json
        return next((view for view in page["proplets"] if view["id"] == name), {})

    def start(self, workers=1, **proplet_settings):
        self.start_broker()
        self.start_manager()
        for number in range(1, workers + 1):
            self.start_proplet(f"worker-{number}", ready=False, **proplet_settings)
        for number in range(1, workers + 1):
            self.proplet_ready(f"worker-{number}")
        return self

    def all_alive(self):
        """Fails with the log of who died."""
        for process in self.processes.values():
            if not process.ended_by_test and not process.alive:
                raise AssertionError(f"{process.name} died with {process.popen.returncode}:\n"
                                     f"{process.text()[-4000:]}")

    def close(self):
        """Ends everything, workers first; AssertionError if something did not end well."""
        try:
            for name, process in reversed(list(self.processes.items())):
                self.end_one(name, process)
        finally:
            for process in self.processes.values():
                process.kill()
        assert not self.problems, "\n".join(self.problems)

    def end_one(self, name, process):
        if process.ended_by_test:
            return
        if not process.alive:
            self.problems.append(f"{name} died with {process.popen.returncode}: "
                                 f"{process.text()[-3000:]}")
            return
        try:
            code = process.stop()
        except AssertionError as error:
            self.problems.append(str(error))
            return
        if not self.ended_well(name, process, code):
            self.problems.append(f"{name} ended with {code} after SIGTERM: {process.text()[-6000:]}")

    def ended_well(self, name, _process, code):
        return name in THEIRS or code == 0


def measure(call):
    """(what call() returns, seconds it took)"""
    begin = time.monotonic()
    value = call()
    return value, time.monotonic() - begin
