# SPDX-License-Identifier: Apache-2.0
"""lib/rpc beside gRPC's server for Go: both send the request back, the same client (ghz) asks them in turns.

The time of a server's processors is read from /proc, so that it counts nothing of the client's.
"""
import base64
import json
import statistics
import subprocess
import tempfile

from measure import TOP, cpu_seconds

SERVER = TOP / "build/main/tests/rpc/rpc_server"
ROUNDS, WARM = 3, 500
LOADS = [("32 bytes, 1 at a time", 32, 1, 5000), ("32 bytes, 32 at a time", 32, 32, 20000),
         ("1 MiB, 4 at a time", 1 << 20, 4, 400)]


def gotool(name):
    folder = subprocess.run([TOP / "tools/gotools", "--where"], capture_output=True, text=True, check=True)
    return f"{folder.stdout.strip()}/{name}"


class Server:
    """A process that prints its port."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def rss_mb(self):
        for line in open(f"/proc/{self.process.pid}/status", encoding="utf-8"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def ask(port, size, concurrency, count):
    """(p50, p99) in microseconds, calls a second."""
    words = ["--insecure", "--proto", TOP / "tests/rpc/echo.proto", "--call", "airscrew.test.Echo.Raw", "-c", concurrency,
             "--connections", 1, "-n", count, "-O", "json"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as data:
        json.dump({"payload": base64.b64encode(bytes(size)).decode()}, data)
        data.flush()
        done = subprocess.run([gotool("ghz"), *map(str, words), "-D", data.name, f"127.0.0.1:{port}"],
                              capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["statusCodeDistribution"]["OK"] >= count, answer["statusCodeDistribution"]
    at = {row["percentage"]: row["latency"] / 1000 for row in answer["latencyDistribution"]}
    return at[50], at[99], answer["rps"]


def one(server, size, concurrency, count):
    """The same, and microseconds of the server's processors for each call."""
    ask(server.port, size, concurrency, max(concurrency, min(WARM, count)))
    before = cpu_seconds(server.process.pid)
    numbers = ask(server.port, size, concurrency, count)
    return [*numbers, (cpu_seconds(server.process.pid) - before) / count * 1e6]


def run(report, new_stack, scale):
    del new_stack  # nothing of it is needed
    servers = {"ours": Server(SERVER, f"{SERVER}.pb"), "Go": Server(gotool("grpc-echo"))}
    rows, bars = [], []
    try:
        for name, size, concurrency, count in LOADS:
            rounds = {who: [] for who in servers}
            for _ in range(max(1, ROUNDS // scale)):
                for who, server in servers.items():
                    rounds[who].append(one(server, size, concurrency, max(50, count // scale)))
            for who, values in rounds.items():
                p50, p99, rps, cpu = (statistics.median(column) for column in zip(*values))
                rows.append([f"{name}, {who}", f"{p50:.0f} us", f"{p99:.0f} us", f"{rps:.0f}", f"{cpu:.0f} us"])
                bars.append((rows[-1][0], cpu, rows[-1][-1], who == "Go"))
        memory = ", ".join(f"{who} {server.rss_mb():.0f} MB" for who, server in servers.items())
    finally:
        for server in servers.values():
            server.end()
    report.table("gRPC, an echo", ["what", "p50", "p99", "calls a second", "CPU of the server per call"], rows, bars=bars,
                 note=f"One connection. The client shares the processors with the servers. Resident memory afterwards: {memory}.")
