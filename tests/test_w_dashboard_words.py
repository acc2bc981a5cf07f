# SPDX-License-Identifier: Apache-2.0
"""What is pure in the dashboard, by itself: values as words, events from pieces of text."""
import pytest

from browser import SLOW, browser, tab

pytestmark = pytest.mark.timeout(SLOW)

@pytest.mark.parametrize("call,text", [
    ("age(-5000)", "0 s"), ("age(59999)", "59 s"), ("age(60000)", "1 min"), ("age(3600000)", "1 h"), ("age(172800000)", "2 d"),
    ("relative(999)", "now"), ("relative(-999)", "now"), ("relative(1000)", "1 s ago"), ("relative(-90000)", "in 1 min"),
    ("moment(Date.parse('2026-11-21T17:00:00.025Z')).slice(-9)", "00:00.025"), ("moment(NaN)", "not yet"), ("moment(undefined)", "not yet"),
    ("instant('2026-11-21T17:00:00.0255Z') - Date.parse('2026-11-21T17:00:00.025Z')", 0.5),
    ("instant('2026-11-21T17:00:00.5Z') - Date.parse('2026-11-21T17:00:00Z')", 500),
    ("instant('2026-11-21T17:00:00.025002Z') > window.all.instant('2026-11-21T17:00:00.025001Z')", True),
    ("duration(0.0004)", "0 ms"), ("duration(0.85)", "850 ms"), ("duration(59.94)", "59.9 s"), ("duration(60)", "1 min"),
    ("duration(3600)", "1 h"), ("duration(3661)", "1 h 1 min"), ("bytes(0)", "0 B"), ("bytes(1023)", "1023 B"), ("bytes(1536)", "1.5 KiB"),
    ("bytes(268435456)", "256 MiB"), ("count(1, 'task')", "1 task"), ("count(12345, 'task')", "12,345 tasks"),
    ("moment('0001-01-01T00:00:00Z')", "not yet"), ("moment('nonsense')", "not yet"), ("visible('a\\n\\x00b')", "a\u240a\u2400b"),
    ("visible('a\\n\\tb', true)", "a\n\tb"), ("visible(null)", "null"), ("stateOf({state: 9}).word", "State 9"),
    ("stateOf({state: 0, queued: true}).word", "Waiting"), ("stateOf({state: 2, stopping: true}).word", "Stopping"),
])
def test_words(tab, call, text):
    page = tab.open()
    assert page.evaluate("async ([call]) => { const all = await import('/dashboard/format.js'); window.all = all; }", [call]) is None
    assert page.evaluate(f"window.all.{call}") == text


@pytest.mark.parametrize("pieces,events", [
    (["data: a\n\n"], [["", "message", "a"]]),
    (["id: 1\nevent: task\nda", "ta: {}\n", "\ndata:b\n\n"], [["1", "task", "{}"], ["1", "message", "b"]]),
    (["data: a\r\ndata: b\r", "\n\r", "\n"], [["", "message", "a\nb"]]),
    (["data: a\r\r"], [["", "message", "a"]]),
    ([": beat\n\n", "event: x\n\n", "id: 7\n\n"], []),
    (["data\n\n"], [["", "message", ""]]),
    (["data:  two\n", "other: x\nretry: 5\n\n"], [["", "message", " two"]]),
    (["id: a\0b\ndata: x\n\n"], [["", "message", "x"]]),
    (["data: never ended\n"], []),
    (list("id: 9\nevent: e\ndata: \u00e9\U0001f680\n\n"), [["9", "e", "\u00e9\U0001f680"]]),
])
def test_events_in_pieces(tab, pieces, events):
    page = tab.open()
    seen = page.evaluate("""async (pieces) => { const {SseParser} = await import("/dashboard/sse.js");
        const parser = new SseParser(); return pieces.flatMap((piece) => parser.push(piece)).map(({id, type, data}) => [id, type, data]); }""", pieces)
    assert seen == events


def test_an_event_without_an_end_is_given_up(tab):
    page = tab.open()
    assert page.evaluate("""async () => { const {SseParser} = await import("/dashboard/sse.js"); const parser = new SseParser();
        try { for (let i = 0; i < 100; i++) parser.push("x".repeat(65536)); } catch (error) { return error.message; } }""") == "an event without an end"


@pytest.mark.parametrize("values,least,highest", [
    ([0, 0], 0, 54), ([0, 0], 5, 54), ([0.04, 0], 5, 53.6), ([5, 0], 5, 4), ([50, 5], 5, 4), ([1, 2], 0, 4),
])
def test_charts(tab, values, least, highest):
    """The highest point of the line, counted from the top; of 56, with 4 left free. Next to nothing is no peak."""
    page = tab.open()
    points = page.evaluate("""async ([values, least]) => { const {chart} = await import("/dashboard/parts.js");
        return chart("x", values.map((value, at) => [at, value]), String, least).querySelector("polyline").getAttribute("points"); }""", [values, least])
    assert min(float(point.split(",")[1]) for point in points.split()) == highest
