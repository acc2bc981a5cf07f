# SPDX-License-Identifier: Apache-2.0
"""AMD SEV-SNP for tests: public evidence of real hardware, and chains and reports below a root of the test."""
import base64
import datetime
import functools
import hashlib
import json
import os
import struct
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID, ObjectIdentifier

TCB = {"Milan": 0xd117000000000203, "Genoa": 0xd117000000000203, "Turin": 0xd100000017020301}
CPU = {"Milan": (0x19, 0x01, 1), "Genoa": (0x19, 0x11, 1), "Turin": (0x1a, 0x02, 1)}
MEASUREMENT = b"\x3e" * 48
UTC = datetime.timezone.utc


def cache(name):
    """Where tools/setup puts what tests/data.txt names."""
    place = os.environ.get("AIRSCREW_CACHE") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airscrew"
    return Path(place) / name


PUBLIC = cache("go-sev-guest-0.15.0") / "testdata"


@functools.cache
def key(name):
    """Of go-sev-guest's tests: known to everybody."""
    pem = (cache("go-sev-guest-keys-0.15.0") / f"{name}_private_key.pem").read_bytes()
    return serialization.load_pem_private_key(pem, None)


def integer(value):
    return b"\x02\x01" + bytes([value]) if value < 128 else b"\x02\x02\0" + bytes([value])


def levels(product):
    part = struct.pack("<Q", TCB[product])
    order = (1, 2, 3, 7, 0) if product == "Turin" else (0, 1, 6, 7, None)
    return {oid: part[at] for oid, at in zip(("3.1", "3.2", "3.3", "3.8", "3.9"), order) if at is not None}


def chip(product):
    return b"\xc5" * (8 if product == "Turin" else 64)


class Platform:
    """A processor of a product, with its certificates (DER, by role) and a key that signs reports."""

    def __init__(self, product="Milan", vlek=False, end=2040):
        self.product, self.vlek, self.end = product, vlek, end
        ark, ask, self.key = key("ark"), key("asvk" if vlek else "ask"), key("vlek" if vlek else "vcek")
        ask_name, leaf_name = f"SEV-{'VLEK-' if vlek else ''}{product}", f"SEV-{'VLEK' if vlek else 'VCEK'}"
        made = [self._certificate(f"ARK-{product}", f"ARK-{product}", ark, ark, 2040),
                self._certificate(ask_name, f"ARK-{product}", ask, ark, 2040),
                self._certificate(leaf_name, ask_name, self.key, ask, end, True)]
        roles = ("ark", "ask", "vlek" if vlek else "vcek")
        self.certificates = {role: one.public_bytes(serialization.Encoding.DER) for role, one in zip(roles, made)}
        self.chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in made[1::-1])
        public = ark.public_key().public_bytes(serialization.Encoding.DER,
                                               serialization.PublicFormat.SubjectPublicKeyInfo)
        self.root = hashlib.sha256(public).hexdigest()

    def _certificate(self, name, issuer, own, above, end, leaf=False):
        builder = x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), own.public_key(), 1,
            datetime.datetime(2020, 1, 1, tzinfo=UTC), datetime.datetime(end, 1, 1, tzinfo=UTC))
        if not leaf:
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        for oid, value in self._extensions() if leaf else ():
            builder = builder.add_extension(x509.UnrecognizedExtension(
                ObjectIdentifier(f"1.3.6.1.4.1.3704.1.{oid}"), value), False)
        return builder.sign(above, hashes.SHA384(), rsa_padding=padding.PSS(padding.MGF1(hashes.SHA384()), 48))

    def _extensions(self):
        yield "2", b"\x16" + bytes([len(self.product)]) + self.product.encode()
        for oid, level in levels(self.product).items():
            yield oid, integer(level)
        if not self.vlek:
            yield "4", chip(self.product)

    def report(self, data, version=3, policy=0x30000, vmpl=0):
        """A signed one about 64 bytes."""
        body = bytearray(0x2a0)
        struct.pack_into("<IIQ", body, 0, version, 0, policy)
        struct.pack_into("<II", body, 0x30, vmpl, 1)
        struct.pack_into("<I", body, 0x48, 4 if self.vlek else 0)
        body[0x50:0x90], body[0x90:0xc0] = data, MEASUREMENT
        struct.pack_into("<Q", body, 0x180, TCB[self.product])
        if version >= 3:
            body[0x188:0x18b] = bytes(CPU[self.product])
        body[0x1a0:0x1a0 + len(chip(self.product))] = chip(self.product)
        pair = decode_dss_signature(self.key.sign(bytes(body), ec.ECDSA(hashes.SHA384())))
        return bytes(body) + b"".join(one.to_bytes(72, "little") for one in pair) + bytes(512 - 144)


FIELDS = [("version", 0, 4), ("guestSvn", 4, 4), ("policy", 8, 8), ("familyId", 0x10, 16), ("imageId", 0x20, 16),
          ("vmpl", 0x30, 4), ("signatureAlgo", 0x34, 4), ("currentTcb", 0x38, 8), ("platformInfo", 0x40, 8),
          ("signerInfo", 0x48, 4), ("reportData", 0x50, 64), ("measurement", 0x90, 48), ("hostData", 0xc0, 32),
          ("idKeyDigest", 0xe0, 48), ("authorKeyDigest", 0x110, 48), ("reportId", 0x140, 32), ("reportIdMa", 0x160, 32),
          ("reportedTcb", 0x180, 8), ("chipId", 0x1a0, 64), ("committedTcb", 0x1e0, 8), ("launchTcb", 0x1f0, 8),
          ("signature", 0x2a0, 512), ("launchMitVector", 0x1f8, 8), ("currentMitVector", 0x200, 8)]
CERTIFICATES = {"vcek": "vcekCert", "ask": "askCert", "ark": "arkCert", "vlek": "vlekCert"}


def attestation(report, certificates):
    """The JSON of go-sev-guest, with the spaces that it puts in at times."""
    out = {}
    for name, at, size in FIELDS:
        part = report[at:at + size]
        if any(part):
            number = int.from_bytes(part, "little")
            out[name] = base64.b64encode(part).decode() if size > 8 else str(number) if size == 8 else number
    if out["version"] >= 3:
        family, model, stepping = report[0x188:0x18b]
        out["cpuid1eaxFms"] = (family - 0xf) << 20 | (model >> 4) << 16 | 0xf << 8 | (model & 15) << 4 | stepping
    chain = {CERTIFICATES[role]: base64.b64encode(one).decode() for role, one in certificates.items()}
    return json.dumps({"report": out, "certificateChain": chain, "product": {}}, separators=(", ", ": "))


@functools.cache
def platform(product="Milan", vlek=False, end=2040):
    """Its certificates take a moment to make."""
    return Platform(product, vlek, end)
