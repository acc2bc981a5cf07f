# SPDX-License-Identifier: Apache-2.0
"""propeller-cli verify: receipts and reports, offline."""
import base64
import datetime
import hashlib
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

import evidence
from evidence import MEASUREMENT, PUBLIC
from receipts import ADD, CASES, Receipt, hash_of, hash_of_execution, leaf, sample_report, statement
from stack import BIN, clean_environment

NOW = "2026-11-20T12:00:00Z"


def cli(*arguments, code=0):
    done = subprocess.run([BIN / "propeller-cli", "verify", *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, env=clean_environment(), stdin=subprocess.DEVNULL)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def reason(*arguments, code=8):
    """Of a refusal."""
    done = cli(*arguments, "-o", "json", code=code)
    answer = json.loads(done.stdout)
    assert not answer["verified"]
    return answer["reason"]


# --- reports

REAL = ["--report", PUBLIC / "attestation.bin", "--vcek", PUBLIC / "vcek.testcer", "--chain", PUBLIC / "milan.testcer",
        "--at", NOW]
MEASURED = ("b07af9620f3b839b47996422ddec6058338951d984e312115131ea82705eaf5b6bdf8a9ece31a5a608eb0cf2e4872b01")


def test_a_report_of_real_hardware():
    answer = json.loads(cli(*REAL, "--allow-debug", "-o", "json").stdout)
    assert answer["verified"] and answer["reason"] == "verified"
    assert answer["report"]["measurement"] == MEASURED
    assert answer["report"]["debug"] is True
    table = cli(*REAL, "--allow-debug", "--report-data", "0102030405" + "00" * 59, "--measurement", f"{'0' * 96},{MEASURED}",
                "--min-tcb", "snp=5,microcode=68").stdout
    assert table.splitlines()[0].split() == ["verdict", "verified"]


@pytest.mark.parametrize("more,expected", [
    ([], "debug-enabled"),
    (["--allow-debug", "--report-data", "00" * 64], "report-data-mismatch"),
    (["--allow-debug", "--measurement", "00" * 48], "measurement-unknown"),
    (["--allow-debug", "--host-data", "01" * 32], "host-data-mismatch"),
    (["--allow-debug", "--min-tcb", "microcode=69"], "tcb-old"),
    (["--allow-debug", "--at", "2022-09-01T00:00:00Z"], "certificate-time"),
    (["--allow-debug", "--at", "2029-10-01T00:00:00Z"], "certificate-time"),
], ids=lambda value: value if isinstance(value, str) else None)
def test_why_it_is_refused(more, expected):
    assert reason(*REAL, *more) == expected


def test_a_refusal_is_said_to_people_too():
    done = cli(*REAL, code=8)
    assert done.stdout.splitlines()[0].split() == ["verdict", "refused"]
    assert done.stderr.startswith("error: it does not verify: the guest can be debugged")


def test_a_report_that_was_touched(tmp_path):
    report = bytearray((PUBLIC / "attestation.bin").read_bytes())
    report[0x90] ^= 1
    (tmp_path / "report").write_bytes(report)
    given = ["--report", tmp_path / "report", *REAL[2:], "--allow-debug"]
    assert reason(*given) == "signature-wrong"
    (tmp_path / "report").write_bytes(report[:-1])
    assert reason(*given) == "report-size"


def test_certificates_that_are_missing():
    assert reason(*REAL[:2], *REAL[4:]) == "certificate-missing"
    assert reason(*REAL[:4], *REAL[6:]) == "certificate-missing"


@pytest.mark.parametrize("arguments,code", [
    ([], 2),
    (["receipt.json", *REAL], 2),
    ([*REAL, "--measurement", "00"], 2),
    ([*REAL, "--measurement", ""], 2),
    ([*REAL, "--report-data", "0g" * 64], 2),
    ([*REAL, "--at", "yesterday"], 2),
    ([*REAL, "--vmpl", "4"], 2),
    ([*REAL, "--min-tcb", "cpu=1"], 2),
    ([*REAL, "--min-tcb", "snp=256"], 2),
    ([*REAL, "--nonce", "00"], 2),
    ([*REAL[:4], "--chain", PUBLIC / "attestation.bin"], 2),
    ([*REAL, "--crl", "/dev/null"], 2),
    (["nowhere.json"], 3),
    ([*REAL, "--roots", "nowhere"], 3),
], ids=range(14))
def test_wrong_use(arguments, code):
    done = cli(*arguments, code=code)
    assert done.stdout == "" and done.stderr.startswith("error: ")


# --- receipts

class Given:
    """A receipt in a batch, its file, and the flags with which it verifies."""

    def __init__(self, folder, said=ADD, platform=None, **report):
        self.folder = folder
        self.platform = platform or evidence.platform()
        others = [leaf(statement(other)) for _, other in CASES]
        encoded = statement(said)
        self.receipt = Receipt(encoded, 2, [*others[:2], leaf(encoded), *others[2:]])
        self.receipt.attest("sev-snp", self.platform.report(self.receipt.data(), **report), self.platform.certificates)
        (folder / "roots").write_text(f"# of this test\n{self.platform.product} {self.platform.root}\n")
        self.flags = ["--roots", folder / "roots", "--at", NOW]

    def write(self, **changes):
        file = self.folder / "receipt.json"
        file.write_text(json.dumps({**self.receipt.json(), **changes}))
        return file

    def reason(self, *more, **changes):
        return reason(self.write(**changes), *self.flags, *more)


@pytest.fixture
def given(tmp_path):
    return Given(tmp_path)


@pytest.mark.parametrize("product", ["Milan", "Genoa", "Turin"])
@pytest.mark.parametrize("version", [2, 3, 5])
@pytest.mark.parametrize("vlek", [False, True], ids=["vcek", "vlek"])
def test_a_receipt_is_true(tmp_path, product, version, vlek):
    given = Given(tmp_path, platform=evidence.platform(product, vlek), version=version)
    answer = json.loads(cli(given.write(), *given.flags, "-o", "json").stdout)
    assert answer["verified"]
    assert answer["receipt"]["inputs"] == ["i32:5", "i32:3"] and answer["receipt"]["outputs"] == ["i32:8"]
    assert answer["receipt"]["gas_used"] == 4 and answer["receipt"]["batch"] == len(given.receipt.leaves)
    assert answer["report"]["signer"] == ("VLEK" if vlek else "VCEK")


def test_what_was_asked_for(given, tmp_path):
    module = b"\0asm\1\0\0\0"
    (tmp_path / "module.wasm").write_bytes(module)
    given = Given(tmp_path, {**ADD, "wasm": hashlib.sha256(module).hexdigest()})
    cli(given.write(), *given.flags, "--nonce", ADD["nonce"], "--wasm", tmp_path / "module.wasm", "--measurement",
        MEASUREMENT.hex())
    (tmp_path / "module.wasm").write_bytes(module + b"\0")
    assert given.reason("--wasm", tmp_path / "module.wasm") == "wasm-mismatch"
    assert given.reason("--nonce", "00") == "nonce-mismatch"
    assert given.reason("--nonce", "") == "nonce-mismatch"
    assert given.reason("--measurement", "00" * 48) == "measurement-unknown"


def test_values_are_shown_as_they_are(tmp_path):
    said = dict(CASES)["every type, and numbers at their ends"]
    given = Given(tmp_path, said)
    answer = json.loads(cli(given.write(), *given.flags, "-o", "json").stdout)["receipt"]
    assert answer["inputs"] == ["i32:-1", "i64:-9223372036854775808", "f32:nan:0x7fc00000", "f64:-inf"]
    assert answer["outputs"] == ["f64:0.10000000000000001", "i64:-1"]
    assert answer["function"] == "añadir €"
    trapped = Given(tmp_path, dict(CASES)["a trap"])
    assert "out of gas" in cli(trapped.write(), *trapped.flags).stdout


def test_a_statement_that_was_changed(given):
    other = statement({**ADD, "outputs": [["i32", "00000009"]]})
    text = base64.b64encode(other).decode()
    assert given.reason(statement=text, leaf=leaf(other).hex()) == "path-mismatch"
    cut = base64.b64encode(other[:-1]).decode()
    assert given.reason(statement=cut, leaf=leaf(other[:-1]).hex()) == "statement-malformed"


def test_a_path_that_leads_elsewhere(given):
    path = [one.hex() for one in given.receipt.path]
    assert given.reason(index=3) == "path-mismatch"
    assert given.reason(path=path[:-1]) == "path-mismatch"
    assert given.reason(path=[*path, path[0]]) == "path-mismatch"
    assert given.reason(root="00" * 32) == "path-mismatch"
    # One leaf more at the end leaves this path and root as they are: the report knows the size.
    assert given.receipt.size == 6
    assert given.reason(size=5) == "report-data-mismatch"


def test_a_report_about_another_batch(given):
    other = given.platform.report(b"\0" * 64)
    assert given.reason(report=base64.b64encode(other).decode()) == "report-data-mismatch"


def test_only_a_trusted_root_counts(given):
    assert reason(given.write(), "--at", NOW) == "root-unknown"


def test_certificates_from_elsewhere(given, tmp_path):
    file = given.write(certificates={})
    assert reason(file, *given.flags) == "certificate-missing"
    (tmp_path / "vcek").write_bytes(given.platform.certificates["vcek"])
    (tmp_path / "chain").write_bytes(given.platform.chain)
    elsewhere = ["--vcek", tmp_path / "vcek", "--chain", tmp_path / "chain"]
    cli(file, *given.flags, *elsewhere)
    (tmp_path / "binary").write_bytes(given.receipt.binary(certificates=False))
    cli(tmp_path / "binary", *given.flags, *elsewhere)
    (tmp_path / "binary").write_bytes(given.receipt.binary())
    cli(tmp_path / "binary", *given.flags)


def test_debugging_and_privileges(tmp_path):
    debugged = Given(tmp_path, policy=0xb0000)
    assert debugged.reason() == "debug-enabled"
    cli(debugged.write(), *debugged.flags, "--allow-debug")
    moved = Given(tmp_path, policy=0x70000)
    assert moved.reason() == "migration-enabled"
    cli(moved.write(), *moved.flags, "--allow-migration")
    inner = Given(tmp_path, vmpl=2)
    assert inner.reason() == "vmpl"
    cli(inner.write(), *inner.flags, "--vmpl", 2)


def test_a_certificate_that_is_over(tmp_path):
    over = Given(tmp_path, platform=evidence.platform(end=2025))
    assert over.reason() == "certificate-time"
    cli(over.write(), "--roots", tmp_path / "roots", "--at", "2024-06-01T00:00:00Z")


def test_the_whole_answer_of_an_executor(given):
    file = given.folder / "answer.json"
    for receipt in (given.receipt.json(), base64.b64encode(given.receipt.binary()).decode()):  # of REST, and of gRPC
        file.write_text(json.dumps({"requestId": "1", "result": {}, "receipt": receipt}))
        cli(file, *given.flags)
    for receipt in (base64.b64encode(given.receipt.binary()[:-1]).decode(), "*", 1, None, []):
        file.write_text(json.dumps({"receipt": receipt}))
        assert reason(file, *given.flags) == "receipt-malformed"


def test_who_asks_for_no_measurement_is_told_what_that_means(given):
    assert "--measurement" in cli(given.write(), *given.flags).stderr
    assert cli(given.write(), *given.flags, "--measurement", MEASUREMENT.hex()).stderr == ""


def test_a_revocation_list(given, tmp_path):
    """By Python's cryptography: of this ARK, of now, with and without the serial number that all have."""
    def revoke(serial, until=datetime.datetime(2027, 1, 1)):
        begin = datetime.datetime(2024, 1, 1)
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begin).build()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ARK-Milan")])
        made = (x509.CertificateRevocationListBuilder().issuer_name(name).last_update(begin).next_update(until)
                .add_revoked_certificate(entry).sign(evidence.key("ark"), hashes.SHA384()))
        (tmp_path / "crl").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return ["--crl", tmp_path / "crl"]
    cli(given.write(), *given.flags, *revoke(2))
    assert given.reason(*revoke(1)) == "revoked"
    assert given.reason(*revoke(2, datetime.datetime(2025, 1, 1))) == "crl-unusable"
    (tmp_path / "crl").write_text("nothing")
    assert given.reason("--crl", tmp_path / "crl") == "crl-unusable"


def test_certificates_of_an_executor(given, tmp_path):
    file = given.write(certificates={})
    chain = {role: base64.b64encode(one).decode() for role, one in given.platform.certificates.items()}
    (tmp_path / "chain.json").write_text(json.dumps({"tee": "sev-snp", "certificates": chain}))
    cli(file, *given.flags, "--chain", tmp_path / "chain.json")
    (tmp_path / "chain.json").write_text('{"certificates":{}}')
    cli(file, *given.flags, "--chain", tmp_path / "chain.json", code=2)


# --- answers of version 1, which have their report as JSON

@pytest.mark.parametrize("version", [2, 3, 5])
@pytest.mark.parametrize("vlek", [False, True], ids=["vcek", "vlek"])
def test_an_answer_of_version_1(tmp_path, given, version, vlek):
    machine = evidence.platform("Genoa", vlek)
    data = bytes(range(64))
    text = evidence.attestation(machine.report(data, version), machine.certificates)
    (tmp_path / "roots").write_text(f"Genoa {machine.root}\n")
    file = tmp_path / "answer.json"
    for content in (text, json.dumps({"requestId": "1", "result": {"attestation": text, "reportData": data.hex()}})):
        file.write_text(content)
        cli("--report", file, *given.flags, "--report-data", data.hex())
        assert reason("--report", file, *given.flags, "--report-data", "00" * 64) == "report-data-mismatch"
    file.write_text(text.replace('"measurement": "Pj4', '"measurement": "Pj5'))
    assert reason("--report", file, *given.flags) == "signature-wrong"
    file.write_text('{"report":{"version":"x"}}')
    assert "version" in cli("--report", file, *given.flags, code=8).stderr


def test_an_answer_of_version_1_from_a_sample(tmp_path):
    data = bytes(64)
    file = tmp_path / "answer.json"
    file.write_text(json.dumps({"sample": True, "report": {"reportData": base64.b64encode(data).decode()}}))
    assert reason("--report", file) == "not-attested"
    assert reason("--report", file, "--report-data", "01" * 64) == "report-data-mismatch"


class Told:
    """An answer of version 1 and its request, in files, under a report of true hardware."""

    def __init__(self, folder, version=3):
        self.folder = folder
        self.execution = {"version": "1.0", "requestId": "r1", "bytecode": base64.b64encode(MODULE).decode(),
                          "fnName": "add", "inputs": ["5", "3"], "timestamp": "1700000000"}
        self.outputs = [{"type": "VALUE_TYPE_INT32", "int32Value": 8}]
        data = bytes.fromhex(hash_of_execution(self.execution) + hash_of([b"\x08\x01\x10\x08"]))
        machine = evidence.platform("Genoa")
        self.data = data.hex()
        self.attestation = evidence.attestation(machine.report(data, version), machine.certificates)
        (folder / "roots").write_text(f"Genoa {machine.root}\n")
        (folder / "add.wasm").write_bytes(MODULE)
        self.flags = ["--roots", folder / "roots", "--at", NOW]

    def files(self, request=None, cut=0, **changes):
        """What is verified; the request, or the answer's result, changed."""
        answer = {"requestId": "r1", "result": {"inputs": ["5", "3"], "outputValues": self.outputs, "attestation": self.attestation,
                                                "reportData": self.data}}
        answer["requestId"] = changes.pop("requestId", "r1")
        answer["result"].update(changes)
        text = json.dumps(answer)
        (self.folder / "answer.json").write_text(text[:len(text) - cut])
        (self.folder / "request.json").write_text(json.dumps({"execution": {**self.execution, **(request or {})}}))
        return [self.folder / "answer.json", "--request", self.folder / "request.json", *self.flags]

    def refused(self, expected, **changes):
        files = self.files(**changes)
        assert reason(*files) == expected
        return cli(*files, code=8).stderr


MODULE = b"\0asm\1\0\0\0"


@pytest.fixture
def told(tmp_path):
    return Told(tmp_path)


@pytest.mark.parametrize("version", [2, 3, 5])
def test_an_answer_is_true(tmp_path, version):
    told = Told(tmp_path, version)
    done = cli(*told.files(), "--wasm", tmp_path / "add.wasm", "--measurement", MEASUREMENT.hex(), "-o", "json")
    answer = json.loads(done.stdout)
    assert answer["verified"] and answer["receipt"] == {
        "wasm": hashlib.sha256(MODULE).hexdigest(), "function": "add", "inputs": ["5", "3"], "outputs": ["i32:8"],
        "request_id": "r1", "timestamp": 1700000000}
    assert answer["report"]["report_data"] == told.data
    table = cli(*told.files()).stdout
    assert "function     add" in table and "outputs      i32:8" in table
    # As the messages have their names, which some clients print.
    text = (tmp_path / "answer.json").read_text()
    for camel, snake in (("requestId", "request_id"), ("outputValues", "output_values"), ("int32Value", "int32_value"),
                         ('"reportData"', '"report_data"')):
        text = text.replace(camel, snake, 1)
    (tmp_path / "answer.json").write_text(text)
    cli(tmp_path / "answer.json", "--request", tmp_path / "request.json", *told.flags)


@pytest.mark.parametrize("outputs", [
    [{"type": "VALUE_TYPE_INT32", "int32Value": 9}], [{"type": "VALUE_TYPE_INT64", "int64Value": "8"}], [],
    [{"type": "VALUE_TYPE_INT32", "int32Value": 8}] * 2,
], ids=["value", "type", "none", "twice"])
def test_an_answer_with_another_result(told, outputs):
    assert "something else has come out" in told.refused("outputs-mismatch", outputValues=outputs)


def test_an_answer_to_another_question(told):
    for request in ({"fnName": "sub"}, {"bytecode": base64.b64encode(MODULE + b"\0").decode()}, {"timestamp": "1700000001"},
                    {"version": ""}):
        said = told.refused("execution-mismatch", request=request)
        assert "something else than what was asked for" in said
    assert 'function "sub"' in told.refused("execution-mismatch", request={"fnName": "sub"})
    assert "other inputs" in told.refused("execution-mismatch", request={"inputs": ["5", "4"]})
    assert "other inputs" in told.refused("execution-mismatch", inputs=["5", "4"])
    told.refused("execution-mismatch", request={"inputs": ["5", "4"]}, inputs=["5", "4"])
    assert '"r2"' in told.refused("execution-mismatch", requestId="r2")
    told.refused("execution-mismatch", request={"requestId": "r2"}, requestId="r2")


def test_an_answer_whose_hash_was_made_again(told):
    """Then the report does not know it."""
    other = hash_of_execution(told.execution) + hash_of([b"\x08\x01\x10\x09"])
    told.refused("report-data-mismatch", outputValues=[{"type": "VALUE_TYPE_INT32", "int32Value": 9}], reportData=other)
    other = hash_of_execution({**told.execution, "fnName": "sub"}) + told.data[64:]
    told.refused("report-data-mismatch", request={"fnName": "sub"}, reportData=other)


def test_an_answer_that_is_cut_off(told):
    for cut in (1, 10, 1000):
        assert "not well-formed" in told.refused("answer-malformed", cut=cut)
    for changes in ({"reportData": told.data[:-2]}, {"attestation": ""}, {"attestation": told.attestation[:-1]},
                    {"outputValues": [{"type": "VALUE_TYPE_INT32"}]}, {"inputs": [5]}):
        told.refused("answer-malformed", **changes)


def test_an_answer_about_another_module(told, tmp_path):
    (tmp_path / "add.wasm").write_bytes(MODULE + b"\0")
    assert reason(*told.files(), "--wasm", tmp_path / "add.wasm") == "wasm-mismatch"
    assert reason(*told.files(), "--nonce", "00") == "nonce-mismatch"


def test_an_answer_without_its_question(told, tmp_path):
    """It says neither module nor function: nobody shall think that it was looked at."""
    files = told.files()
    assert "--request FILE" in cli(files[0], *told.flags, code=2).stderr
    cli("--report", *files, code=2)
    for text, words in (("", "not JSON"), ("{}", "no execution"), ('{"execution":{"inputs":[5]}}', "inputs")):
        (tmp_path / "request.json").write_text(text)
        assert words in cli(*files, code=2).stderr
    (tmp_path / "request.json").unlink()
    cli(*files, code=3)


# --- samples

@pytest.fixture
def sample(tmp_path):
    receipt = Receipt(statement(ADD))
    receipt.attest("sample", sample_report(receipt.data()), {})

    def write(**changes):
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps({**receipt.json(), **changes}))
        return file
    return write


def test_a_sample_is_not_attested(sample):
    done = cli(sample(), code=8)
    assert done.stdout.splitlines()[0].split() == ["verdict", "not", "attested"]
    assert "NOT ATTESTED" in done.stdout and "NOT ATTESTED" in done.stderr
    assert reason(sample()) == "not-attested"


def test_a_sample_that_is_allowed_is_still_not_attested(sample):
    done = cli(sample(), "--allow-sample", "-o", "json")
    assert json.loads(done.stdout)["verified"] is False
    assert "NOT ATTESTED" in done.stderr


def test_a_sample_that_is_not_even_intact(sample):
    assert reason(sample(root="00" * 32), "--allow-sample") == "path-mismatch"
    other = base64.b64encode(sample_report(b"\0" * 64)).decode()
    assert reason(sample(report=other), "--allow-sample") == "report-data-mismatch"
    assert reason(sample(), "--allow-sample", "--nonce", "00") == "nonce-mismatch"
    cut = base64.b64encode(sample_report(b"\0" * 63)).decode()
    assert reason(sample(report=cut), "--allow-sample") == "report-size"


def test_a_sample_is_never_taken_for_more(sample, given):
    """Nor more for a sample: the TEE, the mark and the report have to fit."""
    for changes in ({"sample": False}, {"tee": "sev-snp"}, {"tee": "none"}):
        assert reason(sample(**changes)) == "receipt-malformed"
    assert reason(sample(tee="sev-snp", sample=False)) == "report-size"
    assert given.reason("--allow-sample", tee="sample", sample=True) == "report-size"


def test_what_is_no_receipt(tmp_path):
    for text in ("", "[]", "{", "{}", "\0", '{"receipt":1}', "ASR\2", "ASR\1"):
        (tmp_path / "file").write_text(text)
        assert reason(tmp_path / "file") == "receipt-malformed"
        assert "receipt" in cli(tmp_path / "file", code=8).stderr
    (tmp_path / "file").write_text("[" * 300000)
    cli(tmp_path / "file", code=2)
