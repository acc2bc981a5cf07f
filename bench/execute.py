# SPDX-License-Identifier: Apache-2.0
"""Calls of the executor by gRPC, beside a gRPC server of Go that only sends the request back.

The same client (ghz), the same requests, in turns; the time of the server's processors is read
from /proc, so that it counts nothing of the client's.
"""
import json
import socket
import statistics
import subprocess
import time

from measure import BIN, TOP, cpu_seconds

ADD = "AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags="
FIB = ("AGFzbQEAAAABCgJgAX8AYAF/AX8DAgEBBQMBAAEHBwEDZmliAAAKHgEcACAAQQJIBH9BAQUgAEEBaxAAIABBAmsQAGoL"
       "CwsHAQBBAAsBeA==")
CALLS = {"add(5, 3)": (ADD, "add", ["5", "3"]), "fib(10)": (FIB, "fib", ["10"])}
MODES = {"multipass": 2, "singlepass": 1, "interp": 0}
ROUNDS, CALLS_EACH, WARM = 3, {1: 2000, 32: 6000}, 300


def gotool(name):
    folder = subprocess.run([TOP / "tools/gotools", "--where"], capture_output=True, text=True, check=True)
    return f"{folder.stdout.strip()}/{name}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Go:
    """The echo."""

    def __init__(self):
        self.process = subprocess.Popen([gotool("grpc-echo")], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())


class Executor:
    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [BIN / "propeller-executor", f"--grpc-port={self.port}", "--no-enable-http", "--attester=sample"],
            stderr=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("the executor does not listen")


def ghz(port, call, mode, concurrency, count, profile):
    """(p50, p99) in microseconds and calls a second."""
    bytecode, function, inputs = call
    request = {"execution": {"version": "1.0", "request_id": "r1", "bytecode": bytecode, "fn_name": function,
                             "inputs": inputs}, "runtime_config": {"mode": mode}}
    words = ["--insecure", "--proto", TOP / "spec/dtvm.proto", "--call", "dtvm.WASMVMTeeService.Execute", "-d",
             json.dumps(request), "-c", concurrency, "--connections", min(concurrency, 8), "-n", count, "-O", "json",
             "-m", json.dumps({"airscrew-profile": str(profile)})]
    done = subprocess.run([gotool("ghz"), *map(str, words), f"127.0.0.1:{port}"], capture_output=True, text=True,
                          check=True)
    answer = json.loads(done.stdout)
    wrong = {words: n for words, n in answer.get("errorDistribution", {}).items()
             if "connection is draining" not in words}  # ghz begins some more and closes its own connection
    assert answer["statusCodeDistribution"]["OK"] >= count and not wrong, wrong
    at = {row["percentage"]: row["latency"] / 1000 for row in answer["latencyDistribution"]}
    return at[50], at[99], answer["rps"]


def one(server, call, mode, concurrency, scale, profile):
    count = CALLS_EACH[concurrency] // scale
    ghz(server.port, call, mode, concurrency, max(concurrency, WARM // scale), profile)
    before = cpu_seconds(server.process.pid)
    numbers = ghz(server.port, call, mode, concurrency, count, profile)
    return [*numbers, (cpu_seconds(server.process.pid) - before) / count * 1e6]


def row_of(label, values, echo):
    p50, p99, rps, cpu = (statistics.median(column) for column in zip(*values))
    return [label, f"{p50:.0f} us", f"{p99:.0f} us", f"{rps:.0f}", f"{cpu:.0f} us", f"{cpu / echo:.2f}"]


def report_calls(report, title, call, go, ours, scale):
    for concurrency in CALLS_EACH:
        what = {"a gRPC echo in Go": (go, 0, 1)}
        what |= {f"{mode}, profile 1": (ours, number, 1) for mode, number in MODES.items()}
        what["multipass, a receipt"] = (ours, 2, 2)
        seen = {label: [] for label in what}
        for _ in range(max(1, ROUNDS // scale)):
            for label, (server, mode, profile) in what.items():
                seen[label].append(one(server, call, mode, concurrency, scale, profile))
        echo = statistics.median(row[3] for row in seen["a gRPC echo in Go"])
        rows = [row_of(label, values, echo) for label, values in seen.items()]
        report.table(f"{title} by gRPC, {concurrency} at once", ["server", "p50", "p99", "calls/s", "CPU per call", "to the echo"],
                     rows, bars=[(row[0], float(row[4].split()[0]), row[4], row[0].endswith("Go")) for row in rows],
                     note="ghz, over at most 8 connections; it runs on the same processors. The module is cached; each "
                          "call is metered, has an instance of its own, and is attested (by the sample attester: "
                          "without the time of firmware). Aim: less CPU per call than the echo.")


def run(report, _new_stack, scale):
    go, ours = Go(), Executor()
    try:
        for title, call in CALLS.items():
            report_calls(report, title, call, go, ours, scale)
    finally:
        for server in (go, ours):
            server.process.terminate()
            server.process.wait(30)
