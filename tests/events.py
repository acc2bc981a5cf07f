# SPDX-License-Identifier: Apache-2.0
"""A listener to GET /events, as a browser's EventSource is one."""
import json
from dataclasses import dataclass

from wait import patience


@dataclass
class Event:
    id: str
    type: str
    data: dict


class Listener:
    """`last_id` is what the next one would send as Last-Event-ID."""

    def __init__(self, rest, query="", last_id=None, timeout=60):
        headers = {"Last-Event-ID": last_id} if last_id else {}
        if rest.token:
            headers["Authorization"] = f"Bearer {rest.token}"
        self.connection = rest.connect(patience(timeout))
        self.connection.request("GET", f"/events{query}", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["content-type"] == "text/event-stream"
        self.last_id = last_id
        self.comments = 0
        self.ended = False
        self.fields = {}
        if last_id is None:
            while self.last_id is None:  # the first thing that is said is where we are
                self.read_line()

    def read_line(self):
        """The next event, if this line was its end."""
        line = self.answer.readline()
        if not line:
            self.ended = True
            return None
        line = line.decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            self.comments += name == ":"
            self.fields[name] = value
            return None
        fields, self.fields = self.fields, {}
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return None
        return Event(self.last_id, fields["event"], json.loads(fields["data"]))

    def next(self):
        """The next event; None at the end. TimeoutError when nothing comes."""
        while not self.ended:
            event = self.read_line()
            if event:
                return event
        return None

    def until(self, condition):
        """All events up to the first for which condition(event) holds, with it."""
        events = []
        while not events or not condition(events[-1]):
            event = self.next()
            assert event, f"the end came after {events}"
            events.append(event)
        return events

    def rest(self):
        """All events up to the end."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
        return events

    def close(self):
        self.connection.close()
        self.answer.close()
