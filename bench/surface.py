# SPDX-License-Identifier: Apache-2.0
"""The REST surface: listeners to events, a page of a long list, and GETs beside nginx (nginx-light of
Debian, if it is there: only this script wants it)."""
import os
import pathlib
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import time

from measure import cpu_seconds, percentile

LISTENERS, EVENTS, TASKS, GETS, CONNECTIONS = 1000, 100, 100000, 20000, 16


def open_all(port, count, request):
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for connection in connections:
        connection.sendall(request)
    return connections


def fan_out(stack, listeners, events):
    """Milliseconds until each listener had each event; the manager's CPU for one of them, in us."""
    selector, heard = selectors.DefaultSelector(), {}
    for connection in open_all(stack.port, listeners, b"GET /events?type=task HTTP/1.1\r\nHost: x\r\n\r\n"):
        heard[connection] = b""
        selector.register(connection, selectors.EVENT_READ)

    def read():
        for key, _ in selector.select(1):
            heard[key.fileobj] = heard[key.fileobj][-40:] + key.fileobj.recv(1 << 16)
            yield key.fileobj
    while not all(b"id: " in text for text in heard.values()):
        list(read())
    times, before = [], cpu_seconds(stack.pids["manager"])
    for _ in range(events):
        begin = time.perf_counter()
        task, waiting = stack.call("POST", "/tasks", {"name": "x"})["id"].encode(), set(heard)
        while waiting:
            for connection in read():
                if task in heard[connection] and connection in waiting:
                    waiting.discard(connection)
                    times.append((time.perf_counter() - begin) * 1e3)
    cpu = (cpu_seconds(stack.pids["manager"]) - before) * 1e6 / events / listeners
    for connection in heard:
        connection.close()
    return times, cpu


def get_all(port, path, count):
    """Seconds for so many GETs, one after the other on each of some connections; and their bytes."""
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    selector, left, size = selectors.DefaultSelector(), count, 0
    begin = time.perf_counter()
    for connection in open_all(port, CONNECTIONS, request):
        selector.register(connection, selectors.EVENT_READ, [b""])
    while left > 0:
        for key, _ in selector.select(5):
            key.data[0] += key.fileobj.recv(1 << 18)
            head, found, body = key.data[0].partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) if found else 0
            if found and len(body) >= length:
                assert b" 200 " in head.split(b"\r\n")[0], head
                key.data[0], left, size = b"", left - 1, length
                key.fileobj.sendall(request)
    took = time.perf_counter() - begin
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return took, size


def per_core(port, path, count, pids):
    before = sum(cpu_seconds(pid) for pid in pids)
    _, size = get_all(port, path, count)
    return count / (sum(cpu_seconds(pid) for pid in pids) - before), size


class Nginx:
    """One worker that serves one file; None for `program` if it is not installed."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")

    def __init__(self, folder, content, kind="application/json"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "task").write_bytes(content)
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
            f"events {{ worker_connections 64; }} http {{ access_log off; keepalive_requests 1000000;"
            f" default_type {kind}; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;"
            f" fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;"
            f" server {{ listen 127.0.0.1:{self.port}; root {folder}; }} }}")
        self.process = subprocess.Popen([self.program, "-c", config, "-p", folder])
        while socket.socket().connect_ex(("127.0.0.1", self.port)) != 0:
            assert self.process.poll() is None, "nginx ended"

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def run(report, new_stack, scale):
    stack = new_stack()
    rows = []
    for listeners in (1, LISTENERS // scale):
        times, cpu = fan_out(stack, listeners, EVENTS // scale)
        rows.append([listeners, f"{statistics.median(times):.1f}", f"{percentile(times, .99):.1f}", f"{cpu:.1f}"])
    report.table("an event, from its POST to its listeners", ["listeners", "median ms", "99 % ms", "CPU us each"], rows,
                 note="GET /events. The client that reads them all is one Python process, and is in the times.")

    task = stack.call("POST", "/tasks", {"name": "bench", "env": {"A": "b"}})["id"]
    for number in range(TASKS // scale):
        stack.call("POST", "/tasks", {"name": f"task-{number}"})
    stack.call("GET", "/tasks?limit=100")
    rows = []
    for path in ("/tasks?limit=100", "/tasks?cursor=&limit=100", f"/tasks?limit=100&offset={TASKS // scale // 2}"):
        times = []
        for _ in range(100):
            begin = time.perf_counter()
            stack.call("GET", path)
            times.append((time.perf_counter() - begin) * 1e3)
        rows.append([path, f"{statistics.median(times):.2f}", f"{percentile(times, .99):.2f}"])
    report.table(f"a page of 100 out of {TASKS // scale} tasks", ["page", "median ms", "99 % ms"], rows)

    rate, size = per_core(stack.port, f"/tasks/{task}", GETS // scale, [stack.pids["manager"]])
    rows, bars, note = [["manager, GET /tasks/ID", size, f"{rate:.0f}"]], [("manager", rate, f"{rate:.0f} /s", False)], ""
    if Nginx.program:
        with socket.create_connection(("127.0.0.1", stack.port)) as connection:
            connection.sendall(f"GET /tasks/{task} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            content = connection.makefile("rb").read().partition(b"\r\n\r\n")[2]
        nginx = Nginx(stack.folder, content)
        theirs, size = per_core(nginx.port, "/task", GETS // scale, nginx.pids())
        nginx.end()
        rows.append(["nginx, the same bytes as a file", size, f"{theirs:.0f}"])
        bars.insert(0, ("nginx", theirs, f"{theirs:.0f} /s", True))
    else:
        note = "No reference: nginx is not installed (apt-get install nginx-light)."
    report.table("GETs for one second of CPU", ["server", "bytes", "GETs/s and core"], rows, bars=bars, note=note)
