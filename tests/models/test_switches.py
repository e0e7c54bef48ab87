"""Where a server is met halfway: off by default, stored as it is, named as the arguments that turn it on."""

from __future__ import annotations

import json

import attrs
import pytest

from mcp_oauth_sync import ServerRecord, SignInOptions, Switches
from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.models.document import MalformedDocument

ALL = Switches(
    assume_pkce=True,
    allow_missing_iss=True,
    resource="api://notes",
    expected_resource="https://h/mcp",
    metadata_url="https://as.example.com/m.json?key=canary",
    issuer="https://as.example.com",
    scopes=("a", "b"),
    extra_scopes=("c",),
    no_offline_access=True,
)


def test_none_is_on_unless_asked_for() -> None:
    assert not Switches()
    assert (str(Switches()), Switches().to_record(), Switches().names) == ("", {}, ())
    assert all(attrs.evolve(Switches(), **{name: value}) for name, value in ALL.to_record().items())


@pytest.mark.parametrize("switches", [Switches(), ALL, Switches(no_resource=True), Switches(scopes=())])
def test_they_are_stored_as_they_are(switches: Switches) -> None:
    assert Switches.from_record(json.loads(json.dumps(switches.to_record()))) == switches


def test_they_are_named_as_the_arguments_that_set_them_without_a_query() -> None:
    assert str(ALL) == (
        "assume_pkce=True, allow_missing_iss=True, resource='api://notes', expected_resource='https://h/mcp', "
        "metadata_url='https://as.example.com/m.json', issuer='https://as.example.com', scopes='a b', "
        "extra_scopes='c', offline_access=False"
    )
    assert str(Switches(no_resource=True, scopes=())) == "resource=None, scopes=''"
    assert ALL.relaxations == ALL.names[:6]
    assert "canary" not in repr(ALL) + repr(SignInOptions(metadata_url=ALL.metadata_url))


def test_what_is_named_can_move_no_cursor() -> None:
    assert "\x1b" not in str(Switches(issuer="https://x\x1b[2J", scopes=("a\x07",)))


@pytest.mark.parametrize("damaged", [{"resource": 1}, {"scopes": "a b"}, {"extra_scopes": [1]}, {"issuer": []}])
def test_a_damaged_one_is_refused_by_type(damaged: dict[str, object]) -> None:
    with pytest.raises(MalformedDocument):
        Switches.from_record(damaged)


def test_only_true_turns_one_on() -> None:
    assert Switches.from_record({"assume_pkce": "yes", "no_resource": 1, "allow_missing_iss": None}) == Switches()


def test_a_choice_of_scopes_alone_leaves_the_record_readable_for_an_older_installation() -> None:
    for switches, schema in ((Switches(scopes=("a",), no_offline_access=True), 1), (ALL, 2)):
        record = ServerRecord(server_url="https://h/mcp", switches=switches)
        assert record.to_record()["schema"] == schema
        assert ServerRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("resource", ["https://h", "https://h/", "api://b0d7", "urn:example:notes", "https://h/?x=1"])
def test_a_resource_is_an_absolute_uri_taken_to_the_letter(resource: str) -> None:
    assert SignInOptions(resource=resource, expected_resource=resource).resource == resource


@pytest.mark.parametrize(
    "resource", ["", " ", "h/mcp", "https://h#x", "https://h/a b", "https://h/\n", "none", "https:"]
)
@pytest.mark.parametrize("name", ["resource", "expected_resource"])
def test_what_is_no_absolute_uri_is_refused_at_once(name: str, resource: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an absolute URI without a fragment"):
        SignInOptions(**{name: resource})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["assume_pkce", "allow_missing_iss"])
def test_issuers_are_true_or_named(name: str) -> None:
    assert getattr(SignInOptions(**{name: "https://as"}), name) == ("https://as",)  # type: ignore[arg-type]
    assert getattr(SignInOptions(**{name: ["https://a", "https://b"]}), name) == ("https://a", "https://b")  # type: ignore[arg-type]
    for value in (True, False, ()):
        assert getattr(SignInOptions(**{name: value}), name) == value  # type: ignore[arg-type]
    for value in ("yes", "", "http://as.example.com", ["https://as", "https://u:p@as"]):
        with pytest.raises(InsecureURLError, match=f"{name} issuer"):
            SignInOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["http://as.example.com/m", "as.example.com/m", "javascript:1", "https://as/m#x", ""])
def test_a_place_of_metadata_that_may_not_be_contacted_is_refused_at_once(url: str) -> None:
    with pytest.raises(InsecureURLError, match="metadata_url"):
        SignInOptions(metadata_url=url)
