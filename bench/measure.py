# SPDX-License-Identifier: Apache-2.0
"""What the numbers are measured with: a stack of its own, references of this machine, the report."""
import base64
import datetime
import html
import json
import os
import pathlib
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

import paho.mqtt.client as mqtt

TOP = pathlib.Path(__file__).resolve().parent.parent
BIN = TOP / "build/bin"
LOAD = TOP / "build/main/bench/load"
RUNNING, COMPLETED = 2, 3


def example(name):
    (path,) = (TOP / "examples" / name / "build").glob("*.wasm")
    return path


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Stack:
    """All programs on loopback, with their state in a folder of build/ (so: on this disk)."""

    def __init__(self, folder, flags=(), **settings):
        folder.mkdir()
        self.folder = folder
        self.process = subprocess.Popen(
            [BIN / "propeller-cli", "up", "--state", folder, "--http-port", "0", "--mqtt-port", "0",
             *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **settings})
        for line in self.process.stdout:
            if "tasks list" in line:
                break
        chosen = json.loads((folder / "up.json").read_text())
        self.port, self.broker = chosen["http_port"], chosen["mqtt_port"]
        self.pids = chosen["children"]

    def call(self, method, path, body=None, kind="application/json"):
        data = body if isinstance(body, bytes) else body and json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=data, headers={"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.loads(answer.read() or b"null")

    def create(self, module, **fields):
        """The id of a task; the module as raw bytes, which has no limit but the manager's."""
        task = self.call("POST", "/tasks", {"name": "bench", **fields})["id"]
        self.call("PUT", f"/tasks/{task}/upload", module, "application/wasm")
        return task

    def start(self, task):
        self.call("POST", f"/tasks/{task}/start")

    def wait(self, task, state=None):
        """Its end, or another state."""
        while True:
            seen = self.call("GET", f"/tasks/{task}" + ("" if state else "?wait=20"))
            if seen["state"] == state or (state is None and seen["state"] >= COMPLETED):
                return seen

    def timed(self, task):
        """Seconds from start to Completed."""
        begin = time.perf_counter()
        self.start(task)
        done = self.wait(task)
        took = time.perf_counter() - begin
        assert done["state"] == COMPLETED, done
        return took

    def memory(self, name):
        """(RSS, anonymous RSS) in kB."""
        text = pathlib.Path(f"/proc/{self.pids[name]}/status").read_text()
        return tuple(int(re.search(rf"{field}:\s+(\d+)", text)[1]) for field in ("VmRSS", "RssAnon"))

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def fdatasync(folder, count):
    """Microseconds of a 4 KiB write made durable, where the manager's database lies."""
    times, path = [], folder / "fsync"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    for n in range(count):
        os.pwrite(fd, bytes(4096), n % 1000 * 4096)
        begin = time.perf_counter()
        os.fdatasync(fd)
        times.append((time.perf_counter() - begin) * 1e6)
    os.close(fd)
    path.unlink()
    return times


def echo(broker, count):
    """Microseconds of an MQTT message to a peer and back through the broker, QoS 1."""
    times, back = [], threading.Event()

    def client(topic, on_message):
        peer = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        ready = threading.Event()
        peer.on_message = on_message
        peer.on_subscribe = lambda *_: ready.set()
        peer.on_socket_open = lambda _, __, sock: sock.setsockopt(  # else 40 ms of Nagle
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.connect("127.0.0.1", broker)
        peer.subscribe(topic, 1)
        peer.loop_start()
        ready.wait(10)
        return peer
    there = client("echo/there", lambda peer, _, message: peer.publish("echo/back", message.payload, 1))
    here = client("echo/back", lambda *_: back.set())
    for _ in range(count):
        back.clear()
        begin = time.perf_counter()
        here.publish("echo/there", b"x" * 200, 1)
        back.wait(10)
        times.append((time.perf_counter() - begin) * 1e6)
    for peer in (there, here):
        peer.disconnect()
        peer.loop_stop()
    return times


def load(stack, *arguments):
    done = subprocess.run([LOAD, str(stack.port), *map(str, arguments)], capture_output=True, text=True,
                          check=True)
    return [float(line) for line in done.stdout.split()]


def megabytes(kb):
    return f"{kb / 1024:.1f} MB"


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms" if value >= 0.001 else f"{value * 1e6:.0f} us"


class Report:
    """Tables as they come, then a page with bars and one of text. `name`: the script that makes them."""

    def __init__(self):
        self.parts, self.name = [], ""

    def table(self, title, head, rows, bars=(), note=""):
        """`bars`: (label, value, text, True for a reference) to be drawn."""
        rows = [[str(cell) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        print(f"\n{title}\n")
        for row in [head, *rows]:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if note:
            print(f"\n  {note}")
        sys.stdout.flush()
        origin = f"`make bench ARGS={self.name}`, {datetime.date.today()}, load {os.getloadavg()[0]:.1f} at its end."
        self.parts.append((title, head, rows, list(bars), note, origin))

    @staticmethod
    def machine():
        cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                    if line.startswith("model name")), platform.machine())
        return f"{os.cpu_count()} processors ({cpu}), Linux {platform.release()}"

    def sections(self):
        """Each table as a section of a page, by its title."""
        made = {}
        for title, head, rows, _, note, origin in self.parts:
            lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
            lines += ["| " + " | ".join(row) + " |" for row in rows]
            made[title] = "\n".join([*lines, "", *([note, ""] if note else []), origin])
        return made

    def text(self, sections):
        return "\n\n".join(["# Numbers", "Made by `make bench`, each beside its reference from the same run. Medians, where nothing "
                            f"else is said.\n{self.machine()}.", *sections.values()]) + "\n"

    def publish(self, page):
        """Into a page that keeps what other runs have put there, but not what these scripts said before."""
        ours = {f"`make bench ARGS={origin.split('=', 1)[1].split('`')[0]}`" for *_, origin in self.parts}
        kept, made = {}, self.sections()
        for section in page.read_text(encoding="utf-8").split("\n## ")[1:]:
            title = section.split("\n", 1)[0]
            if title in made or not any(one in section for one in ours):
                kept[title] = made.get(title, "## " + section.rstrip())
        page.write_text(self.text(kept | made), encoding="utf-8")

    @staticmethod
    def drawing(bars):
        most, rows = max(value for _, value, _, _ in bars) or 1, []
        for i, (label, value, text, reference) in enumerate(bars):
            y, colour = i * 26, "#9aa5b1" if reference else "#2f6f9f"
            rows.append(f'<text x="300" y="{y + 17}" text-anchor="end">{html.escape(label)}</text>'
                        f'<rect x="310" y="{y + 4}" width="{max(1, value / most * 420):.0f}" height="18" '
                        f'fill="{colour}"/><text x="{318 + value / most * 420:.0f}" y="{y + 17}">'
                        f'{html.escape(text)}</text>')
        return (f'<svg viewBox="0 0 860 {len(bars) * 26 + 4}" width="860" role="img">' + "".join(rows) +
                "</svg>")

    def page(self):
        out = ["<!doctype html><meta charset=utf-8><title>Airscrew: numbers</title><style>"
               "body{font:15px/1.5 system-ui;max-width:60em;margin:2em auto;padding:0 1em}"
               "table{border-collapse:collapse}td,th{padding:.2em 1em .2em 0;text-align:left;"
               "border-bottom:1px solid #8884}svg text{font:13px system-ui;fill:currentColor}"
               "@media(prefers-color-scheme:dark){body{background:#15181c;color:#dde}}</style>"
               f"<h1>Numbers</h1><p>{html.escape(self.machine())}. Grey: the reference."]
        for title, head, rows, bars, note, origin in self.parts:
            out.append(f"<h2>{html.escape(title)}</h2>" + (self.drawing(bars) if bars else ""))
            out.append("<table><tr>" + "".join(f"<th>{html.escape(cell)}" for cell in head))
            out += ["<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in rows]
            out.append(f"</table><p>{html.escape(note)}<p><small>{html.escape(origin)}</small>")
        return "\n".join(out) + "\n"

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "numbers.md").write_text(self.text(self.sections()), encoding="utf-8")
        (folder / "numbers.html").write_text(self.page(), encoding="utf-8")
