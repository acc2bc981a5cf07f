# SPDX-License-Identifier: Apache-2.0
"""spec/receipt.md once more, written from the page alone; `receipts.py --write` makes its vectors."""
import base64
import hashlib
import json
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

VECTORS = Path(__file__).resolve().parent.parent / "spec" / "receipt-vectors.json"
TYPES = {"i32": 1, "i64": 2, "f32": 3, "f64": 4}
MODES = ["interp", "singlepass", "multipass"]
TEES = ["sample", "sev-snp"]
ROLES = ["vcek", "vlek", "ask", "ark"]
SAMPLE_TEXT = b"AIRSCREW SAMPLE REPORT: made without hardware, proves nothing\n\0\0"


def sized(data):
    return struct.pack(">I", len(data)) + data


def values(items):
    """Each is [type, bits in hex]."""
    return struct.pack(">I", len(items)) + b"".join(
        bytes([TYPES[kind]]) + bytes.fromhex(bits) for kind, bits in items)


def statement(said):
    if said["trap"] is None:
        outcome = b"\0" + values(said["outputs"])
    else:
        outcome = b"\1" + sized(said["trap"].encode())
    limit = said["gas_limit"]
    return (b"airscrew-statement-v2\0" + sized(bytes.fromhex(said["nonce"])) + bytes.fromhex(said["wasm"])
            + sized(said["function"].encode()) + values(said["inputs"]) + outcome
            + bytes([MODES.index(said["mode"]), limit is not None])
            + struct.pack(">QQ", limit or 0, said["gas_used"])
            + sized(said["engine"].encode()) + sized(said["program"].encode()))


def leaf(encoded):
    return hashlib.sha256(b"\0" + encoded).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def split(count):
    """The largest power of two below it (RFC 6962)."""
    return 1 << (count - 1).bit_length() - 1


def root(leaves):
    """By RFC 6962's own words, top down, where lib/attest goes bottom up."""
    if len(leaves) == 1:
        return leaves[0]
    half = split(len(leaves))
    return node(root(leaves[:half]), root(leaves[half:]))


def path(leaves, index):
    if len(leaves) == 1:
        return []
    half = split(len(leaves))
    if index < half:
        return path(leaves[:half], index) + [root(leaves[half:])]
    return path(leaves[half:], index - half) + [root(leaves[:half])]


def report_data(top, size):
    return hashlib.sha512(b"airscrew-report-v2\0" + struct.pack(">I", size) + top).digest()


def sample_report(data):
    return SAMPLE_TEXT + data


@dataclass
class Receipt:
    """One of a batch; `attest` gives the report for report_data."""
    statement: bytes
    index: int = 0
    leaves: list = None
    tee: str = "sample"
    report: bytes = b""
    certificates: dict = field(default_factory=dict)

    def __post_init__(self):
        self.leaves = self.leaves or [leaf(self.statement)]
        self.path, self.root, self.size = path(self.leaves, self.index), root(self.leaves), len(self.leaves)

    def data(self):
        return report_data(self.root, self.size)

    def attest(self, tee, report, certificates):
        self.tee, self.report, self.certificates = tee, report, certificates
        return self

    def binary(self, certificates=True):
        chain = [(ROLES.index(role), self.certificates[role]) for role in ROLES if role in self.certificates]
        chain = chain if certificates else []
        return (b"ASR\2" + sized(self.statement) + struct.pack(">IIB", self.index, self.size, len(self.path))
                + b"".join(self.path) + self.root + bytes([TEES.index(self.tee)]) + sized(self.report)
                + bytes([len(chain)]) + b"".join(bytes([role]) + sized(data) for role, data in chain))

    def json(self):
        out = {"version": 2, "statement": base64.b64encode(self.statement).decode(), "leaf": leaf(self.statement).hex(),
               "index": self.index, "size": self.size, "path": [one.hex() for one in self.path],
               "root": self.root.hex(), "tee": self.tee}
        if self.tee == "sample":
            out["sample"] = True
        out["report"] = base64.b64encode(self.report).decode()
        if self.certificates:
            out["certificates"] = {role: base64.b64encode(self.certificates[role]).decode()
                                   for role in ROLES if role in self.certificates}
        return out


# --- vectors

ADD = {"nonce": "6e6f6e6365", "wasm": "11" * 32, "function": "add", "inputs": [["i32", "00000005"], ["i32", "00000003"]], "trap": None,
       "outputs": [["i32", "00000008"]], "mode": "interp", "gas_limit": 1000, "gas_used": 4, "engine": "wasmtime 48.0.8",
       "program": "propeller-executor 0.1.0"}
CASES = [
    ("add", ADD),
    ("a trap", {**ADD, "trap": "out of gas", "outputs": [], "gas_used": 1000, "mode": "multipass"}),
    ("no limit, no nonce, nothing given or returned", {**ADD, "nonce": "", "inputs": [], "outputs": [], "gas_limit": None,
                                                       "mode": "singlepass"}),
    ("a limit of nothing", {**ADD, "trap": "out of gas", "outputs": [], "gas_limit": 0, "gas_used": 0}),
    ("every type, and numbers at their ends", {
        **ADD, "inputs": [["i32", "ffffffff"], ["i64", "8000000000000000"], ["f32", "7fc00000"], ["f64", "fff0000000000000"]],
        "outputs": [["f64", "3fb999999999999a"], ["i64", "ffffffffffffffff"]], "gas_limit": (1 << 63) - 1,
        "gas_used": (1 << 63) - 1, "function": "añadir €", "nonce": "ff" * 64}),
]


def trees():
    out = []
    for count in (1, 2, 3, 5, 8, 13):
        leaves = [leaf(b"statement %d" % i) for i in range(count)]
        out.append({"leaves": [one.hex() for one in leaves], "root": root(leaves).hex(),
                    "paths": [[one.hex() for one in path(leaves, i)] for i in range(count)],
                    "report_data": report_data(root(leaves), count).hex()})
    return out


def receipts():
    batch = [statement(said) for _, said in CASES]
    leaves = [leaf(encoded) for encoded in batch]
    out = []
    for index, encoded in enumerate(batch):
        receipt = Receipt(encoded, index, leaves)
        receipt.attest("sample", sample_report(receipt.data()), {})
        out.append({"binary": receipt.binary().hex(), "json": json.dumps(receipt.json(), separators=(",", ":"))})
    return out


# --- version 1

def proto_field(number, content):
    """A field of a message; one that has its default is left out."""
    def varint(value):
        value &= 2**64 - 1
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])
    if isinstance(content, int):
        return varint(number << 3) + varint(content) if content else b""
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content if content else b""


def hash_of(messages):
    return hashlib.sha256(b"".join(struct.pack(">II", i, len(message)) + message
                                   for i, message in enumerate(messages))).hexdigest()


def hash_of_execution(execution):
    """Of its JSON."""
    one = [proto_field(number, execution.get(name, "")) for number, name in enumerate(
        ("version", "requestId", "bytecode", "fnName"), 1)]
    inputs = [proto_field(5, text) for text in execution.get("inputs", [])]
    return hash_of([b"".join(one + inputs) + proto_field(6, int(execution.get("timestamp", 0)))])


def text():
    cases = [{"name": name, "statement": said, "encoded": statement(said).hex(), "leaf": leaf(statement(said)).hex()}
             for name, said in CASES]
    return json.dumps({"statements": cases, "trees": trees(), "receipts": receipts()}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(text(), encoding="utf-8")
    else:
        sys.exit(__doc__)
