# SPDX-License-Identifier: Apache-2.0
"""GET /tasks in pages by cursor: nothing twice, nothing left out, whatever comes and goes meanwhile."""
import re

import pytest

from modules import example


@pytest.fixture
def rest(stack):
    stack.start_broker()
    stack.start_manager()
    return stack.rest


def walk(rest, limit, between=lambda ids: None):
    ids, path = [], f"/tasks?cursor=&limit={limit}"
    while path:
        answer = rest.expect(200, "GET", path)
        page = answer.json
        assert page["limit"] == limit and len(page["tasks"]) <= limit
        ids += [task["id"] for task in page["tasks"]]
        link = answer.headers.get("link")
        assert (link is None) == ("next_cursor" not in page)
        path = link and re.fullmatch(r'<(/tasks\?cursor=\d+&limit=\d+)>; rel="next"', link)[1]
        assert path is None or f"cursor={page['next_cursor']}&" in path
        between(page["tasks"])
    return ids


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 11, 100])
def test_all_pages(rest, limit):
    ids = [rest.create(f"task-{number}")["id"] for number in range(10)]
    assert walk(rest, limit) == ids[::-1]


def test_what_comes_and_goes(rest):
    ids = [rest.create("x")["id"] for _ in range(12)]

    def between(tasks):
        rest.create("new")
        rest.expect(204, "DELETE", f"/tasks/{tasks[-1]['id']}")
    assert walk(rest, 3, between) == ids[::-1]


def test_an_empty_list(rest):
    assert rest.get("/tasks?cursor=").json == {"limit": 100, "tasks": []}


@pytest.mark.parametrize("query", ["cursor=x", "cursor=-1", "cursor=1&offset=0", "cursor=&metadata={}",
                                   "cursor=99999999999999999999", "cursor=1&limit=101"])
def test_bad_cursors(rest, query):
    answer = rest.get(f"/tasks?{query}")
    assert answer.status == (422 if "&offset" in query or "&metadata" in query else 400) and answer.error


def test_both_ways_show_the_same(rest):
    rest.create("add", example("add"), metadata={"k": "v"})
    assert rest.get("/tasks?cursor=").json["tasks"] == rest.get("/tasks").json["tasks"]
