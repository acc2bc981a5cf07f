# SPDX-License-Identifier: Apache-2.0
"""spec/seal.md once more, written from the page alone; `sealed.py --write` makes its vectors.

What is random in an envelope is given here, so that the vectors are always the same.
"""
import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VECTORS = Path(__file__).resolve().parent.parent / "spec" / "seal-vectors.json"
LABEL = b"airscrew-seal-v2"
DIRECTIONS = ["command", "module", "result", "announce", "notice", "request", "image", "store"]


class Refused(Exception):
    """With the slug of spec/errors.def."""


def derive(key, info, size=32):
    return HKDF(hashes.SHA256(), size, LABEL, info).derive(key)


def worker_key(root, worker):
    return derive(root, b"worker\0" + worker.encode())


def direction_key(key, direction):
    return derive(key, b"direction\0" + direction.encode())


def key_id(key):
    return derive(key, b"id", 8)


def xaes_key(key, nonce):
    def block(counter):
        cmac = CMAC(algorithms.AES256(key))
        cmac.update(bytes([0, counter]) + b"X\0" + nonce[:12])
        return cmac.finalize()
    return block(1) + block(2)


def xaes_seal(key, nonce, plain, aad):
    return AESGCM(xaes_key(key, nonce)).encrypt(nonce[12:], plain, aad)


def xaes_open(key, nonce, sealed, aad):
    return AESGCM(xaes_key(key, nonce)).decrypt(nonce[12:], sealed, aad)


def additional(identity, context):
    """`context`: direction, worker, boot, number, task, attempt, subject, index, count; the rest empty."""
    def number(name):
        return context.get(name, 0).to_bytes(8, "big")

    def text(name):
        return context.get(name, "").encode()
    fields = [LABEL, identity, text("direction"), text("worker"), text("boot"), number("number"), text("task"),
              number("attempt"), text("subject"), number("index"), number("count")]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def seal(key, context, plain, nonce):
    """With a worker key."""
    identity = key_id(key)
    sealed = xaes_seal(direction_key(key, context["direction"]), nonce, plain, additional(identity, context))
    return b"\x02" + identity + nonce + sealed


def unseal(keys, context, envelope):
    """With the worker key that fits."""
    if len(envelope) < 49 or envelope[0] != 2:
        raise Refused("integrity")
    identity = envelope[1:9]
    for key in keys:
        if key_id(key) == identity:
            try:
                return xaes_open(direction_key(key, context["direction"]), envelope[9:33], envelope[33:],
                                 additional(identity, context))
            except InvalidTag:
                raise Refused("integrity") from None
    raise Refused("key-mismatch")


def sign(keys, context, text, nonces):
    digest = hashlib.sha256(text.encode()).digest()
    envelopes = [base64.b64encode(seal(key, context, digest, nonce)).decode() for key, nonce in zip(keys, nonces)]
    return text[:-1] + ',"auth":[' + ",".join(f'"{envelope}"' for envelope in envelopes) + "]}"


def verify(keys, context, message):
    """The text as it was before it was signed."""
    head, mark, tail = message.rpartition(',"auth":[')
    if not mark or not tail.endswith("]}"):
        raise Refused("integrity")
    text, why = head + "}", "key-mismatch"
    for envelope in json.loads("[" + tail[:-1]):
        try:
            if unseal(keys, context, base64.b64decode(envelope)) == hashlib.sha256(text.encode()).digest():
                return text
            why = "integrity"
        except Refused as refused:
            why = "integrity" if str(refused) == "integrity" else why
    raise Refused(why)


def seal_v1(key, plain, nonce):
    return nonce + AESGCM(key).encrypt(nonce, plain, None)


def unseal_v1(key, envelope):
    try:
        return AESGCM(key).decrypt(envelope[:12], envelope[12:], None)
    except InvalidTag:
        raise Refused("integrity") from None


# What the vectors are about.
ROOT = bytes(range(32))
SECOND = hashlib.sha256(b"the second root of the vectors").digest()
WORKER = "5f0c0f2e-58b4-4d0e-9d2a-0c3c2e8b6a11"
BOOT = "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"
TASK = "c0ffee00-1111-4222-8333-444455556666"
DIGEST = hashlib.sha256(b"\0asm\1\0\0\0").hexdigest()
IMAGE = "registry.example:5000/team/äpp:1.2"


def nonce_of(name, size=24):
    return hashlib.sha256(name.encode()).digest()[:size]


CASES = [
    ("a start command", {"direction": "command", "worker": WORKER, "boot": BOOT, "number": 17, "task": TASK,
                         "attempt": 3}, b'{"inputs":["20","22"]}'),
    ("a stop command", {"direction": "command", "worker": WORKER, "boot": BOOT, "task": TASK, "attempt": 3}, b"{}"),
    ("the second of two chunks of a module", {"direction": "module", "worker": WORKER, "boot": BOOT, "subject": DIGEST,
                                              "index": 1, "count": 2}, b"\0asm\1\0\0\0"),
    ("a result", {"direction": "result", "worker": WORKER, "boot": BOOT, "task": TASK, "attempt": 3},
     b'{"results":"42"}'),
    ("an empty result", {"direction": "result", "worker": WORKER, "boot": BOOT, "task": TASK, "attempt": 3}, b""),
    ("a request", {"direction": "request", "worker": WORKER, "boot": BOOT, "number": 1}, IMAGE.encode()),
    ("a chunk of an image", {"direction": "image", "worker": WORKER, "boot": BOOT, "number": 1, "subject": IMAGE,
                             "index": 0, "count": 1}, bytes(range(256)) * 5),
    ("a file", {"direction": "store", "subject": DIGEST, "index": 0, "count": 1}, b"kept"),
    ("the largest numbers", {"direction": "module", "worker": "w", "number": 2**63 - 1, "attempt": 2**63 - 2,
                             "index": 2**63 - 3, "count": 2**63 - 1}, b"x"),
    ("a long name", {"direction": "announce", "worker": "n" * 1024, "subject": "s" * 1024}, b"long"),
]
MESSAGE = f'{{"proplet_id":"{WORKER}","boot":"{BOOT}","note":"\\"auth\\":["}}'


def key_vectors():
    for name, root in (("first", ROOT), ("second", SECOND)):
        for worker in (WORKER, "wörker"):
            own = worker_key(root, worker)
            yield {"name": name, "root": root.hex(), "worker": worker, "worker_key": own.hex(), "id": key_id(own).hex(),
                   "directions": {direction: direction_key(own, direction).hex() for direction in DIRECTIONS}}


def envelope_vectors():
    """In the root form all of them, the first one in the own form as well."""
    for form, cases in (("root", CASES), ("own", CASES[:1])):
        for name, context, plain in cases:
            key = worker_key(ROOT, context.get("worker", "")) if form == "root" else ROOT
            nonce = nonce_of(form + name)
            yield {"name": name, "key": ROOT.hex(), "form": form, "context": context, "nonce": nonce.hex(),
                   "plain": plain.hex(), "aad": additional(key_id(key), context).hex(),
                   "envelope": base64.b64encode(seal(key, context, plain, nonce)).decode()}


def refused_vectors():
    """The first case, spoilt; each is opened with ROOT alone."""
    name, context, plain = CASES[0]
    good = seal(worker_key(ROOT, WORKER), context, plain, nonce_of("root" + name))
    spoilt = [("cut by a byte", good[:-1], "integrity"), ("only a header", good[:48], "integrity"),
              ("nothing", b"", "integrity"), ("version 1", b"\1" + good[1:], "integrity"),
              ("a byte more", good + b"\0", "integrity"),
              ("another root", seal(worker_key(SECOND, WORKER), context, plain, nonce_of(name)), "key-mismatch"),
              ("another id over the same", good[:1] + key_id(worker_key(SECOND, WORKER)) + good[9:], "key-mismatch"),
              ("for another worker", seal(worker_key(ROOT, "other"), {**context, "worker": "other"}, plain,
                                          nonce_of(name)), "key-mismatch")]
    for what, envelope, error in spoilt:
        yield {"name": what, "key": ROOT.hex(), "context": context, "envelope": base64.b64encode(envelope).decode(),
               "error": error}
    for field, value in {"direction": "result", "boot": "", "number": 18, "task": BOOT, "attempt": 2, "subject": "x",
                         "index": 1, "count": 1}.items():
        yield {"name": f"taken for another {field}", "key": ROOT.hex(), "context": {**context, field: value},
               "envelope": base64.b64encode(good).decode(), "error": "integrity"}


def signed_vectors():
    context = {"direction": "announce", "worker": WORKER, "boot": BOOT, "subject": "control/proplet/create"}
    keys = [worker_key(ROOT, WORKER), ROOT]
    yield {"name": "an announcement in both forms", "key": ROOT.hex(), "context": context, "text": MESSAGE,
           "message": sign(keys, context, MESSAGE, [nonce_of("sign 0"), nonce_of("sign 1")])}


def v1_vectors():
    nist = seal_v1(bytes(32), bytes(16), bytes(12))
    assert nist.hex() == "00" * 12 + "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"
    own = seal_v1(ROOT, b"\0asm\1\0\0\0", nonce_of("v1", 12))
    empty = seal_v1(ROOT, b"", nonce_of("v1 empty", 12))
    for name, key, plain, envelope in (("GCM's own test case 14", bytes(32), bytes(16), nist),
                                       ("a module", ROOT, b"\0asm\1\0\0\0", own), ("nothing", ROOT, b"", empty)):
        yield {"name": name, "key": key.hex(), "plain": plain.hex(), "envelope": base64.b64encode(envelope).decode(),
               "checksum": hashlib.sha256(envelope).hexdigest()}


def vectors():
    return {"about": "spec/seal.md; made by tests/sealed.py --write",
            "keys": list(key_vectors()), "envelopes": list(envelope_vectors()), "refused": list(refused_vectors()),
            "signed": list(signed_vectors()), "v1": list(v1_vectors())}


def text():
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(text(), encoding="utf-8")
    else:
        sys.stdout.write(text())
