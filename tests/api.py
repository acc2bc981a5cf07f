# SPDX-License-Identifier: Apache-2.0
"""A small client of the manager's REST API that hides nothing: status, headers, bytes."""
import base64
import datetime
import http.client
import json
import re
import time
from dataclasses import dataclass

from wait import PATIENCE, patience

PENDING, SCHEDULED, RUNNING, COMPLETED, FAILED, SKIPPED, INTERRUPTED = range(7)
FINAL = {COMPLETED, FAILED, SKIPPED, INTERRUPTED}


def instant(text):
    """A time to compare: as text 10.5 s come after 10.51 s."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclass
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """What a problem says, after a look at its form (RFC 9457 and Propeller's `error`)."""
        assert self.headers.get("content-type", "").startswith("application/problem+json"), self
        problem = self.json
        assert problem["status"] == self.status and problem["type"] and problem["title"], problem
        assert isinstance(problem["error"], str) and problem["error"], problem
        assert re.fullmatch(r"(?!//)([A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-Fa-f]{2}){1,511}", problem["instance"]), problem
        for fault in problem.get("errors", []):
            assert problem["field"] and fault.pop("detail") == problem["detail"] and len(fault) == 1, problem
        return problem["error"]


class Rest:
    def __init__(self, port, token=None, tls=None):
        self.port = port
        self.token = token
        self.tls = tls  # an ssl.SSLContext: https

    def call(self, method, path, body=None, headers=None, timeout=60):
        """A dict or list goes out as JSON, bytes as they are, an iterator of bytes in chunks.

        Whatever keeps an answer from coming, also one that breaks off, is an OSError.
        """
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        connection = self.connect(timeout * PATIENCE)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                          answer.read())
        except http.client.HTTPException as error:
            if isinstance(error, OSError):
                raise
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def connect(self, timeout):
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def expect(self, status, method, path, body=None, **more):
        answer = self.call(method, path, body, **more)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body[:2000]!r}"
        return answer

    # What a user does with tasks.

    def create(self, name, module=None, **fields):
        body = dict(name=name, **fields)
        if module is not None:
            body["file"] = base64.b64encode(module).decode()
        answer = self.expect(201, "POST", "/tasks", body)
        task = answer.json
        assert answer.headers["location"] == f"/tasks/{task['id']}"
        return task

    def start(self, task_id):
        answer = self.expect(200, "POST", f"/tasks/{task_id}/start")
        assert answer.json["started"] is True
        return answer.json

    def stop(self, task_id):
        answer = self.expect(200, "POST", f"/tasks/{task_id}/stop")
        assert answer.json["stopped"] is True
        return answer.json

    def task(self, task_id):
        return self.expect(200, "GET", f"/tasks/{task_id}").json

    def wait(self, task_id, seconds=60):
        """The task, once its state is final."""
        deadline = time.monotonic() + patience(seconds)
        while True:
            left = deadline - time.monotonic()
            task = self.expect(200, "GET", f"/tasks/{task_id}?wait={max(1, min(20, int(left)))}").json
            if task["state"] in FINAL:
                return task
            assert left > 0, f"not final in {patience(seconds):g} s: {task}"

    def run(self, name, module, seconds=60, **fields):
        task = self.create(name, module, **fields)
        self.start(task["id"])
        return self.wait(task["id"], seconds)

    def states(self, task_id):
        """The history as [(attempt, state), ...]."""
        return [(move["attempt"], move["state"]) for move in self.task(task_id)["history"]]
