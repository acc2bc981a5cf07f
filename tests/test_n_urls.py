# SPDX-License-Identifier: Apache-2.0
"""Modules that a worker gets from a web server itself: only from where the operator allows it."""
import hashlib
import http.server
import threading

import pytest

from api import COMPLETED, FAILED, INTERRUPTED
from modules import example
from wait import patience, wait_until


class Shelf(http.server.ThreadingHTTPServer):
    """What it has, by path: bytes, or a status and a Location; `asked` is what came."""
    daemon_threads = True

    def __init__(self):
        self.things, self.asked, self.release = {}, [], threading.Event()
        super().__init__(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.server_address[1]}{path}"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802, the name is http.server's
        thing = self.server.things.get(self.path.split("?")[0])
        self.server.asked.append(self.path)
        if thing == "silence":
            self.server.release.wait(patience())
        elif isinstance(thing, bytes):
            self.send_response(200)
            self.send_header("Content-Length", str(len(thing)))
            self.end_headers()
            self.wfile.write(thing)
        else:
            status, location = thing or (404, None)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture(name="shelf")
def shelf_fixture():
    with Shelf() as shelf:
        shelf.things["/add.wasm"] = example("add")
        yield shelf
        shelf.release.set()
        shelf.shutdown()


def start(stack, shelf, **settings):
    stack.start(PROPLET_FETCH_HOSTS=f"127.0.0.1:{shelf.server_address[1]}", **settings)
    return stack.rest


def run(rest, url, **fields):
    return rest.run("add", None, image_url=url, invoke="add", inputs=[1, 2], **fields)


def test_a_module_comes_from_its_address(stack, shelf):
    rest = start(stack, shelf)
    done = run(rest, shelf.url("/add.wasm?signature=hidden"))
    assert (done["state"], done.get("results")) == (COMPLETED, "3"), done
    assert shelf.asked == ["/add.wasm?signature=hidden"]
    run(rest, shelf.url("/add.wasm"))
    assert len(shelf.asked) == 2, "without a digest it may have changed: it is asked for again"


def test_with_a_digest_it_comes_once(stack, shelf):
    rest = start(stack, shelf)
    digest = hashlib.sha256(example("add")).hexdigest()
    for _ in range(3):
        done = run(rest, shelf.url("/add.wasm"), digest=digest)
        assert (done["state"], done.get("results")) == (COMPLETED, "3"), done
    assert len(shelf.asked) == 1


def test_what_is_not_what_was_promised_does_not_run(stack, shelf):
    rest = start(stack, shelf)
    done = run(rest, shelf.url("/add.wasm"), digest="0" * 64)
    assert done["state"] == FAILED and "what came has the digest" in done["error"], done
    assert not done.get("results")


def test_redirects_go_where_the_list_allows(stack, shelf):
    rest = start(stack, shelf)
    port = shelf.server_address[1]
    shelf.things["/moved"] = (302, "/add.wasm")
    shelf.things["/out"] = (302, f"http://localhost:{port}/add.wasm")
    shelf.things["/loop"] = (307, "/loop")
    shelf.things["/file"] = (301, "file:///etc/passwd")
    assert run(rest, shelf.url("/moved"))["results"] == "3"
    for path, words in (("/out", f"nothing may be fetched from localhost:{port}"),
                        ("/loop", "more than 5 redirects"), ("/file", "not an http")):
        done = run(rest, shelf.url(path))
        assert done["state"] == FAILED and words in done["error"], done


@pytest.mark.parametrize("answers,settings", [
    ({"/none": "the server answered 404", "/large": "larger than 1000 bytes", "/text": "not a WebAssembly module"}, {}),
    ({"/slow": "did not come within"}, {"PROPLET_FETCH_TIMEOUT": "3"}),
], ids=["answered", "silent"])
def test_what_goes_wrong_is_told_without_the_query(stack, shelf, answers, settings):
    rest = start(stack, shelf, PROPLET_MODULE_MAX="1000", **settings)
    shelf.things["/large"] = b"\0asm\1\0\0\0" + bytes(2000)
    shelf.things["/text"] = b"<html>"
    shelf.things["/slow"] = "silence"
    for path, words in answers.items():
        done = run(rest, shelf.url(path + "?key=hidden"))
        assert done["state"] == FAILED and words in done["error"], done
        assert "hidden" not in done["error"]
    log = stack.proplet().log.read_text()
    assert "hidden" not in log


def test_a_stop_ends_a_fetch(stack, shelf):
    rest = start(stack, shelf)
    shelf.things["/slow"] = "silence"
    task = rest.create("add", None, image_url=shelf.url("/slow"))
    rest.start(task["id"])
    wait_until(lambda: shelf.asked, 30, "the request")
    rest.stop(task["id"])
    assert rest.wait(task["id"])["state"] == INTERRUPTED


def test_without_a_list_nothing_is_fetched(stack, shelf):
    stack.start()
    done = run(stack.rest, shelf.url("/add.wasm"))
    assert done["state"] == FAILED and "PROPLET_FETCH_HOSTS" in done["error"], done
    assert shelf.asked == []
