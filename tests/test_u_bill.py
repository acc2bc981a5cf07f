# SPDX-License-Identifier: Apache-2.0
"""The bills of materials: true to CycloneDX's schema, to what was built, and the same for the same."""
import hashlib
import importlib.util
import json
import re
import subprocess
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from packages import PROGRAMS, asked_for, library, run
from stack import TOP
from wait import PATIENCE

pytestmark = [pytest.mark.skipif(PATIENCE > 1, reason="packages have no sanitizers: once is enough"), pytest.mark.timeout(3600)]
SCHEMAS = "http://cyclonedx.org/schema/"


def validator():
    """CycloneDX's own schemas, which cyclonedx-python-lib carries."""
    folder = Path(importlib.util.find_spec("cyclonedx").submodule_search_locations[0]) / "schema" / "_res"
    read = {name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text(encoding="utf-8"))
            for name in ("bom-1.6", "spdx", "jsf-0.82", "cryptography-defs")}
    others = [(f"{SCHEMAS}{name}.SNAPSHOT.schema.json", schema) for name, schema in read.items()]
    registry = jsonschema_rs.Registry(others)
    return jsonschema_rs.validator_for(read["bom-1.6"], registry=registry, validate_formats=True)


@pytest.fixture(name="bills", scope="module")
def read_bills(made, tmp_path_factory):
    """By package: the bill inside, and "all"."""
    found = {}
    for package in PROGRAMS:
        folder = tmp_path_factory.mktemp(package)
        run("dpkg-deb", "-x", made.deb(package), folder)
        place = folder / "usr" / "share" / "doc" / package / f"{package}.cdx.json"
        found[package] = (json.loads(place.read_text(encoding="utf-8")), folder)
    whole, = made.folder().glob("*.cdx.json")
    found["all"] = (json.loads(whole.read_text(encoding="utf-8")), made.folder())
    return found


def references(bill):
    return [bill["metadata"]["component"]["bom-ref"], *(component["bom-ref"] for component in bill["components"])]


def test_true_to_the_schema(bills):
    schema = validator()
    for package, (bill, _) in bills.items():
        assert not [f"{package}: {error.instance_path} {error.message}" for error in schema.iter_errors(bill)]
        assert bill["specVersion"] == "1.6"
    broken = dict(bills["all"][0], components=[{"type": "libary", "name": "x"}])
    assert not schema.is_valid(broken)


def test_what_depends_is_there(bills):
    """Each reference is one component, each has its row, everything is reached from the top."""
    for bill, _ in bills.values():
        names = references(bill)
        assert len(set(names)) == len(names)
        rows = {row["ref"]: row["dependsOn"] for row in bill["dependencies"]}
        assert set(rows) == set(names) and {name for others in rows.values() for name in others} <= set(names)
        seen, ahead = set(), [names[0]]
        while ahead:
            name = ahead.pop()
            if name not in seen:
                seen.add(name)
                ahead += rows[name]
        assert seen == set(names)


def test_the_libraries_are_those_that_the_loader_brings(bills):
    for package, program in PROGRAMS.items():
        bill, folder = bills[package]
        path = folder / "usr" / "bin" / program
        opened = [library(name) for name in asked_for(path)[1]]
        loaded = set(opened) | {name for file in [path, *opened] for name in re.findall(r"(/\S+) \(0x", run("ldd", file))}
        listed = {file["name"]: file["hashes"][0]["content"] for component in bill["components"] for file in component.get("components", [])}
        assert set(listed) == loaded and len(loaded) > 3
        for name, digest in listed.items():
            assert hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest
        for component in bill["components"]:
            if component["bom-ref"].startswith("pkg:deb/"):
                assert run("dpkg-query", "-W", "-f", "${Version}", component["name"]) == component["version"]
        own = next(component for component in bill["components"] if component["name"] == program)
        assert own["hashes"][0]["content"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_crates_are_those_of_the_engine(bills):
    """In the programs that have it, with the digests and versions of Cargo.lock; nothing that only builds."""
    lock = tomllib.loads((TOP / "third_party" / "wasmtime" / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    sums = {(row["name"], row["version"]): row.get("checksum") for row in lock}
    for package in PROGRAMS:
        crates = {(row["name"], row["version"]): row for row in bills[package][0]["components"] if row["bom-ref"].startswith("pkg:cargo/")}
        if package not in ("airscrew-proplet", "airscrew-executor"):
            assert not crates
            continue
        assert ("wasmtime", "48.0.8") in crates and len(crates) > 100
        assert all(sums[key] == row["hashes"][0]["content"] and row["licenses"][0]["expression"] for key, row in crates.items())
        assert not {name for name, _ in crates} & {"syn", "proc-macro2", "cc", "serde_derive"}


def test_the_copyright_file_names_every_crate(made, bills, tmp_path):
    run("dpkg-deb", "-x", made.deb("airscrew-proplet"), tmp_path)
    text = (tmp_path / "usr/share/doc/airscrew-proplet/copyright").read_text(encoding="utf-8")
    for row in bills["airscrew-proplet"][0]["components"]:
        if row["bom-ref"].startswith("pkg:cargo/"):
            assert f"vendor/{row['name']}-{row['version']}/*" in text
    short = {name for line in re.findall(r"^License: (.*)$", text, re.M) for name in re.split(r",? (?:or|and) ", line)}
    explained = set(re.findall(r"^License: (.*)\n ", text, re.M))
    assert short == explained and len(explained) > 5


def test_all_packages_are_in_the_bill_of_all(made, bills):
    listed = {row["properties"][0]["value"]: row["hashes"][0]["content"] for row in bills["all"][0]["components"]
              if row["bom-ref"].startswith("package:")}
    assert listed == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made.debs()}


def test_the_bill_of_all_has_every_file(bills):
    files = {package: {file["name"] for row in bills[package][0]["components"] for file in row.get("components", [])} for package in bills}
    assert files["all"] == set().union(*(files[package] for package in PROGRAMS))


def test_a_licence_that_is_new_stops_the_build(tmp_path):
    """The list of the crates' licences is closed: one more is read by a person first."""
    engine = tmp_path / "engine"
    engine.mkdir()
    script = TOP / "third_party" / "wasmtime" / "crates"
    text = script.read_text(encoding="utf-8").replace('"Zlib": ', '"Zlob": ')
    changed = tmp_path / "crates"
    changed.write_text(text.replace("Path(__file__).resolve().parent", f"Path({str(script.parent)!r})"), encoding="utf-8")
    done = subprocess.run(["python3", changed, engine], capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 1 and "foldhash 0.2.0 has a licence that is new here, Zlib" in done.stderr
    assert not list(engine.iterdir())
