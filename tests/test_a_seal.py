# SPDX-License-Identifier: Apache-2.0
"""spec/seal.md, written twice: lib/seal and tests/sealed.py understand each other, and nobody else."""
import base64
import json
import os
import subprocess

import pytest

import sealed
from sealed import BOOT, CASES, IMAGE, MESSAGE, ROOT, SECOND, TASK, WORKER, Refused
from stack import BIN
from wait import patience

TOOL = BIN.parent / ("main" if BIN.parent.name == "build" else "") / "tests" / "seal" / "seal_tool"
ORDER = ["direction", "worker", "boot", "number", "task", "attempt", "subject", "index", "count"]
NUMBERS = {"number", "attempt", "index", "count"}
OWN = sealed.worker_key(ROOT, WORKER)
NAMES = [name for name, _, _ in CASES]


def tool(deed, keys, holder, context, given):
    """What it writes; Refused with the slug."""
    words = [str(context.get(name, 0 if name in NUMBERS else "")) for name in ORDER]
    done = subprocess.run([TOOL, deed, ",".join(key.hex() for key in keys), holder, *words], input=given,
                          capture_output=True, timeout=patience())
    if done.returncode:
        raise Refused(done.stderr.decode().split()[0])
    return done.stdout


def refused(deed, keys, holder, context, given):
    with pytest.raises(Refused) as caught:
        tool(deed, keys, holder, context, given)
    return str(caught.value)


def case(name):
    return next((context, plain) for other, context, plain in CASES if other == name)


def test_the_vectors_are_what_the_page_says():
    written = sealed.VECTORS.read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(sealed.text()), "run tools/python tests/sealed.py --write"
    assert written == sealed.text()


@pytest.mark.parametrize("vector", sealed.vectors()["refused"], ids=lambda vector: vector["name"])
def test_the_second_implementation_refuses_as_well(vector):
    context = vector["context"]
    keys = [sealed.worker_key(bytes.fromhex(vector["key"]), context["worker"])]
    with pytest.raises(Refused) as caught:
        sealed.unseal(keys, context, base64.b64decode(vector["envelope"]))
    assert str(caught.value) == vector["error"]


@pytest.mark.parametrize("name", NAMES)
def test_what_ours_seals_python_opens(name):
    context, plain = case(name)
    envelope = tool("box", [ROOT, SECOND], "manager", context, plain)
    keys = [sealed.worker_key(SECOND, context.get("worker", "")), sealed.worker_key(ROOT, context.get("worker", ""))]
    assert len(envelope) == 49 + len(plain)
    assert sealed.unseal(keys, context, envelope) == plain
    assert tool("box", [ROOT, SECOND], "manager", context, plain) != envelope


@pytest.mark.parametrize("name", NAMES)
def test_what_python_seals_ours_opens(name):
    context, plain = case(name)
    key = sealed.worker_key(ROOT, context.get("worker", ""))
    envelope = sealed.seal(key, context, plain, os.urandom(24))
    assert tool("open", [SECOND, ROOT], "manager", context, envelope) == plain


@pytest.mark.parametrize("held", [ROOT, OWN], ids=["the root", "its own key"])
def test_a_worker_opens_with_either_key(held):
    context, plain = case("a start command")
    envelope = sealed.seal(OWN, context, plain, os.urandom(24))
    assert tool("open", [SECOND, held], "worker", context, envelope) == plain
    other = {**context, "worker": "another"}
    assert refused("open", [OWN], "worker", other, sealed.seal(sealed.worker_key(ROOT, "another"), other, plain,
                                                               os.urandom(24))) == "key-mismatch"


def test_a_large_chunk():
    context, plain = case("a chunk of an image")[0], os.urandom(1 << 20)
    assert sealed.unseal([OWN], context, tool("box", [ROOT], "manager", context, plain)) == plain
    assert tool("open", [ROOT], "manager", context, sealed.seal(OWN, context, plain, os.urandom(24))) == plain


@pytest.mark.parametrize("field", ORDER)
def test_every_field_of_the_context_counts(field):
    context = {"direction": "module", "worker": WORKER, "boot": BOOT, "number": 5, "task": TASK, "attempt": 1,
               "subject": IMAGE, "index": 2, "count": 3}
    other = {"direction": "image", "worker": "another"}.get(field, 7 if field in NUMBERS else "x")
    envelope = sealed.seal(OWN, context, b"secret", os.urandom(24))
    assert tool("open", [ROOT], "manager", context, envelope) == b"secret"
    assert refused("open", [ROOT], "manager", {**context, field: other}, envelope) == (
        "key-mismatch" if field == "worker" else "integrity")


ANNOUNCED = {"direction": "announce", "worker": WORKER, "boot": BOOT, "subject": "control/proplet/create"}


@pytest.mark.parametrize("held", [ROOT, OWN], ids=["the root", "its own key"])
def test_python_verifies_an_announcement(held):
    message = tool("sign", [held], "worker", ANNOUNCED, MESSAGE.encode()).decode()
    parsed = json.loads(message)
    assert len(parsed.pop("auth")) == 2 and parsed == json.loads(MESSAGE)
    assert sealed.verify([OWN], ANNOUNCED, message) == MESSAGE
    with pytest.raises(Refused, match="integrity"):
        sealed.verify([OWN], ANNOUNCED, message.replace(BOOT, TASK))
    with pytest.raises(Refused, match="key-mismatch"):
        sealed.verify([sealed.worker_key(SECOND, WORKER)], ANNOUNCED, message)


def test_ours_verifies_pythons_announcement():
    message = sealed.sign([SECOND, OWN], ANNOUNCED, MESSAGE, [os.urandom(24), os.urandom(24)])
    assert tool("verify", [ROOT], "manager", ANNOUNCED, message.encode()).decode() == MESSAGE
    assert refused("verify", [ROOT], "manager", ANNOUNCED, message.replace("note", "nope").encode()) == "integrity"
    assert refused("verify", [ROOT], "manager", {**ANNOUNCED, "boot": TASK}, message.encode()) == "integrity"
    assert refused("verify", [ROOT], "manager", {**ANNOUNCED, "subject": "control/proplet/alive"},
                   message.encode()) == "integrity"
    assert refused("verify", [ROOT], "manager", ANNOUNCED, MESSAGE.encode()) == "integrity"


def test_version_1():
    for plain in (b"", b"\0asm\1\0\0\0", os.urandom(100000)):
        envelope = tool("v1box", [ROOT], "manager", {}, plain)
        assert len(envelope) == 28 + len(plain)
        assert sealed.unseal_v1(ROOT, envelope) == plain
        theirs = sealed.seal_v1(ROOT, plain, os.urandom(12))
        assert tool("v1open", [SECOND, ROOT], "manager", {}, theirs) == plain
        assert refused("v1open", [SECOND], "manager", {}, theirs) == "integrity"
        assert refused("v1open", [ROOT], "manager", {}, theirs[:-1]) == "integrity"


def test_a_key_that_is_none():
    context, plain = case("a start command")
    assert refused("box", [ROOT[:31]], "manager", context, plain) == "invalid"
