# SPDX-License-Identifier: Apache-2.0
"""What the manager serves as its dashboard: files, tags, headers, weight; no browser."""
import gzip
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "dashboard"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)
BUDGET = 60 * 1024  # bytes of all files, as gzip


@pytest.mark.parametrize("name", FILES)
def test_a_file(rest, name):
    """In both forms, each with its own tag, and with the headers that keep strangers out."""
    content = (FOLDER / name).read_bytes()
    plain = rest.expect(200, "GET", f"/dashboard/{name}")
    packed = rest.expect(200, "GET", f"/dashboard/{name}", headers={"Accept-Encoding": "br, gzip"})
    assert plain.body == content and gzip.decompress(packed.body) == content
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer, asked in ((plain, {}), (packed, {"Accept-Encoding": "gzip"})):
        assert answer.headers["content-type"] == TYPES[Path(name).suffix]
        assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy == {"default-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
                          "frame-ancestors": "'none'", "object-src": "'none'",
                          "require-trusted-types-for": "'script'", "trusted-types": "'none'"}
        tag = answer.headers["etag"]
        assert re.fullmatch('"[0-9a-f]{32}"', tag)
        for known in (tag, f'"x", W/{tag}', "*"):
            same = rest.expect(304, "GET", f"/dashboard/{name}", headers={**asked, "If-None-Match": known})
            assert same.body == b"" and same.headers["etag"] == tag
        other = (packed if answer is plain else plain).headers["etag"]
        assert rest.get(f"/dashboard/{name}", headers={**asked, "If-None-Match": other}).status == 200
    head = rest.expect(200, "HEAD", f"/dashboard/{name}")
    assert head.body == b"" and head.headers["content-length"] == str(len(content))


def test_where_it_is(rest):
    page = rest.expect(200, "GET", "/dashboard/")
    assert page.body == (FOLDER / "index.html").read_bytes()
    for path in ("/", "/dashboard"):
        moved = rest.expect(302, "GET", path)
        assert moved.headers["location"] == "dashboard/"
    for path in ("/dashboard/x.js", "/dashboard/..%2fopenapi.yaml", "/dashboard/style.css/", "/dashboard//"):
        assert rest.expect(404, "GET", path).error
    assert rest.expect(405, "POST", "/dashboard/").error


def test_its_weight(rest):
    size = sum(len(rest.get(f"/dashboard/{name}", headers={"Accept-Encoding": "gzip"}).body) for name in FILES)
    assert size <= BUDGET


def test_nothing_is_written_into_the_page_but_text():
    """Neither inline scripts and styles, nor a way from text to markup."""
    page = (FOLDER / "index.html").read_text()
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|<script(?![^>]*\ssrc=)|https?://", page)
    for name in FILES:
        text = (FOLDER / name).read_text()
        assert not re.search(r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment",
                             re.sub(r"//.*", "", text)), name


def test_all_modules_are_asked_for_at_once():
    """Else the page would only learn of some from others, trip by trip."""
    page = (FOLDER / "index.html").read_text()
    named = re.findall(r'<(?:script src|link rel="modulepreload" href)="([a-z]+\.js)"', page)
    assert sorted(named) == [name for name in FILES if name.endswith(".js")]
