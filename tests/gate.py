# SPDX-License-Identifier: Apache-2.0
"""Tasks that end when a test says so, and so for certain before or after something else: they wait for a file."""
from api import RUNNING
from modules import guest
from wait import wait_until


class Gate:
    """Its workers are started with `settings`; they offer the folder in which its tasks look for the file."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = stack.folder / "gate"
        self.folder.mkdir()
        self.settings = {"PROPLET_DIRS": f"{self.folder}=ro"}

    def task(self, **fields):
        """The id of a task that runs, and gives 1 when the gate is open."""
        rest = self.stack.rest
        task_id = rest.create("until", guest("until"), dirs=[{"host": str(self.folder), "guest": "/gate"}], **fields)["id"]
        self.start(task_id)
        return task_id

    def start(self, task_id):
        rest = self.stack.rest
        rest.start(task_id)
        wait_until(lambda: rest.task(task_id)["state"] == RUNNING, 30, "Running")

    def open(self):
        (self.folder / "go").touch()

    def close(self):
        (self.folder / "go").unlink()
