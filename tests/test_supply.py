"""What the library stands on is new enough, is looked up, and no file of the tree holds a credential."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from detect_secrets import SecretsCollection
from detect_secrets.core.scan import get_plugins
from detect_secrets.settings import default_settings, transient_settings
from packaging.version import Version

from . import supply
from .test_house import ROOT, repository_files

#: Each release mends what an advisory tells of: CVE-2024-47081 and CVE-2026-25645, CVE-2026-44431 and -44432,
#: CVE-2025-68146 and CVE-2026-22701, CVE-2024-53861.
SAFE_FROM = {"requests": "2.33", "urllib3": "2.7", "filelock": "3.20.3", "pyjwt": "2.10.1"}
#: Not used: detectors that guess by entropy or by the names of variables, or find addresses, see nothing but
#: false alarms in a library about tokens.
GUESSES = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}
#: Addresses with a password that is none, and the first line of a key without the key.
NOT_ONE = [
    r"//[\w.{}]+:(?:\w{1,8}@|\{\w+\}@|[\w-]+@127\.0\.0\.1|canary-)",
    r"-----BEGIN PRIVATE" + r" KEY-----(?:\"|\\nAAAA\\n)",
]
FAKE_TOOL = """
import json, pathlib, sys
said = next(word.split("=", 1)[1] for word in sys.argv if word.startswith("--output="))
pathlib.Path(said).write_text(json.dumps({"dependencies": json.loads(%r)}))
"""


def secrets_in(paths: list[Path]) -> list[str]:
    plugins = [{"name": name} for name in sorted(ALL_PLUGINS - GUESSES)]
    filters = [{"path": "detect_secrets.filters.regex.should_exclude_line", "pattern": NOT_ONE}]
    with transient_settings({"plugins_used": plugins, "filters_used": filters}):
        found = SecretsCollection()
        for path in paths:
            found.scan_file(str(path))
        return [f"{one.filename}:{one.line_number}: {one.type}" for _, one in found]


with default_settings():
    ALL_PLUGINS = {type(plugin).__name__ for plugin in get_plugins()}


def test_no_file_holds_a_credential_of_a_known_form() -> None:
    found = secrets_in(repository_files())
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "token = 'gh" + "p_" + "a1B2" * 9 + "'",
        "AWS: AK" + "IA" + "ABCDEFGHIJ234567",
        "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow",
        "url = 'https://somebody:" + "password-of-theirs@intranet.net/'",
        "jwt = '" + "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'",
    ],
    ids=["a token", "a cloud's key", "a private key", "a password in a URL", "a signed token"],
)
def test_a_credential_in_a_file_is_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.py"
    path.write_text(text)
    assert len(secrets_in([path])) == 1


@pytest.mark.parametrize("name", SAFE_FROM)
def test_no_release_with_an_advisory_is_allowed(name: str) -> None:
    floors = supply.floors(*supply.EXTRAS)
    assert Version(floors[name]) >= Version(SAFE_FROM[name])
    assert Version(metadata.version(name)) >= Version(floors[name])


def test_what_is_installed_is_what_setup_cfg_asks_for_and_what_that_needs() -> None:
    found = supply.installed(supply.required())
    asked = supply.required()
    assert {requirement.name for requirement in asked} < set(found)
    assert {"certifi", "idna", "cffi"} < set(found)
    assert not {"pytest", "hvac", "pysocks"} & set(found)
    assert all(requirement.specifier.contains(found[requirement.name]) for requirement in asked)


KNOWN = {"name": "requests", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]}
SAFE = {"name": "attrs", "version": "23.2", "vulns": []}
SKIPPED = {"name": "segno", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("answers", "exit_code", "said"),
    [
        ([SAFE, KNOWN], 1, r"error: installed: requests 2\.0: PYSEC-1, mended in 2\.1"),
        ([SAFE, SKIPPED], 0, r"installed: none known of 1 of \d+ releases"),
        ([SKIPPED], 0, "installed: not looked up, the package index gives no advisories here"),
        (None, 0, "installed: not looked up, pip-audit failed: .*JSONDecodeError"),
    ],
    ids=["one known", "none known", "no data", "no tool"],
)
def test_an_advisory_is_an_error_and_a_look_that_was_not_possible_is_said(
    tmp_path: Path, answers: object, exit_code: int, said: str
) -> None:
    (tmp_path / "pip_audit.py").write_text(FAKE_TOOL % ("" if answers is None else json.dumps(answers)))
    done = subprocess.run(
        [sys.executable, "-m", "tests.supply", "advisories"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == exit_code
    assert re.search(said, done.stdout + done.stderr)
