"""What is in force at one authorization server: the caller's choice, else what is remembered for that very one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import AuthorizationServerMetadata, ProtectedResourceMetadata, ServerRecord, SignInOptions, Switches
from mcp_oauth_sync.concessions import (
    Concessions,
    Directions,
    accepted_resource,
    choose_concessions,
    choose_directions,
    recall,
    select_used,
)
from mcp_oauth_sync.models.options import AS_PUBLISHED

URL = "https://mcp.example.com/mcp"
OURS, OTHER = "https://as.example.com", "https://other.example.com"
PLACE = "https://as.example.com/published.json"
PUBLISHED = ProtectedResourceMetadata(resource=URL, authorization_servers=(OURS,))
ALL = Switches(
    assume_pkce=True,
    allow_missing_iss=True,
    no_resource=True,
    metadata_url=PLACE,
    scopes=("a",),
    extra_scopes=("b",),
    no_offline_access=True,
)


def record(issuer: str = OURS, switches: Switches = ALL) -> ServerRecord:
    return ServerRecord(server_url=URL, issuer=issuer, switches=switches)


def concede(
    kept: ServerRecord | None = None,
    published: ProtectedResourceMetadata | None = PUBLISHED,
    **options: Any,
) -> Concessions:
    return choose_concessions(
        SignInOptions(**options), kept or ServerRecord(), OURS, server_url=URL, published=published
    )


def test_by_default_nothing_is_conceded() -> None:
    assert concede() == Concessions()
    assert concede(published=None) == Concessions()


def test_what_is_remembered_holds_at_its_issuer_and_at_no_other() -> None:
    assert concede(record()).switches == ALL
    assert concede(record(OURS + "/")).switches == ALL
    assert concede(record(OTHER)) == Concessions()
    assert concede(record(OURS + "/tenant")) == Concessions()


def test_a_choice_of_the_caller_wins_over_what_is_remembered() -> None:
    changed = concede(
        record(), assume_pkce=(), allow_missing_iss=OTHER, resource="api://x", metadata_url=OURS + "/m", scopes="s"
    ).switches
    assert changed == Switches(
        resource="api://x", metadata_url=OURS + "/m", scopes=("s",), extra_scopes=("b",), no_offline_access=True
    )


@pytest.mark.parametrize("name", ["assume_pkce", "allow_missing_iss"])
@pytest.mark.parametrize(
    ("value", "kept", "options", "on", "lapsed"),
    [
        (True, ServerRecord(), {}, True, False),
        (True, record(switches=Switches()), {}, True, False),
        (True, record(OTHER), {}, False, True),
        (True, record(OTHER), {"issuer": OURS}, True, False),
        (True, ServerRecord(), {"issuer": OTHER}, False, True),
        (OURS, record(OTHER), {}, True, False),
        (OURS + "/", ServerRecord(), {}, True, False),
        ([OTHER, OURS], ServerRecord(), {}, True, False),
        (OTHER, ServerRecord(), {}, False, False),
        (OTHER, record(), {}, False, False),
        ((), record(), {}, False, False),
        (False, record(), {}, True, False),
        (False, record(OTHER), {}, False, False),
    ],
)
def test_a_yes_is_for_one_issuer(
    name: str, value: Any, kept: ServerRecord, options: dict[str, str], on: bool, lapsed: bool
) -> None:
    found = concede(kept, **{name: value}, **options)
    assert getattr(found.switches, name) is on
    assert found.lapsed == ((f"{name}=True",) if lapsed else ())


def test_no_resource_is_a_yes_too_and_a_resource_is_the_callers_word() -> None:
    assert concede(resource=None).switches == Switches(no_resource=True)
    assert concede(record(OTHER), resource=None) == Concessions(lapsed=("resource=None",))
    assert concede(record(OTHER), resource=None, issuer=OURS).switches == Switches(no_resource=True)
    assert concede(record(OTHER), resource="api://x").switches == Switches(resource="api://x")
    assert concede(record(switches=Switches(resource="api://x")), resource=URL).switches == Switches()


def test_a_resource_is_accepted_where_it_is_published_and_does_not_cover_the_server() -> None:
    other = attrs.evolve(PUBLISHED, resource="https://h.example.com/mcp")
    named = {"expected_resource": other.resource}
    remembered = record(switches=Switches(**named))
    assert concede(published=other, **named).switches == Switches(**named)
    assert concede(remembered, published=other).switches == Switches(**named)
    assert concede(published=PUBLISHED, **named).switches == Switches()
    assert concede(remembered, published=PUBLISHED).switches == Switches()
    assert accepted_resource(SignInOptions(), remembered, other) == other.resource
    assert accepted_resource(SignInOptions(), record(OTHER, Switches(**named)), other) is None
    assert accepted_resource(SignInOptions(issuer=OTHER), remembered, other) is None
    nameless = attrs.evolve(other, authorization_servers=())
    assert accepted_resource(SignInOptions(), remembered, nameless) == other.resource


def test_an_issuer_is_a_concession_only_where_the_server_names_none() -> None:
    assert concede(issuer=OURS).switches == Switches()
    for nobody in (None, attrs.evolve(PUBLISHED, authorization_servers=())):
        found = choose_concessions(
            SignInOptions(issuer=OURS), ServerRecord(), OURS + "/", server_url=URL, published=nobody
        )
        assert found.switches == Switches(issuer=OURS)
        assert concede(record(switches=Switches(issuer=OURS)), published=nobody).switches == Switches(issuer=OURS)


@pytest.mark.parametrize(
    ("options", "kept", "named", "told"),
    [
        ({}, ServerRecord(), (), Directions()),
        ({}, ServerRecord(), (OURS,), Directions()),
        ({"issuer": OURS}, ServerRecord(), (OURS,), Directions(issuer=OURS)),
        ({"issuer": OURS}, record(OTHER), (), Directions(issuer=OURS)),
        ({"metadata_url": PLACE}, record(), (), Directions(metadata_url=PLACE)),
        ({"metadata_url": PLACE, "issuer": OURS}, record(), (), Directions(metadata_url=PLACE, issuer=OURS)),
        ({}, record(), (OTHER, OURS), Directions(metadata_url=PLACE, recalled_for=OURS)),
        ({}, record(), (OTHER,), Directions()),
        ({}, record(), (), Directions(metadata_url=PLACE, recalled_for=OURS)),
        ({"issuer": OTHER}, record(), (OTHER, OURS), Directions(issuer=OTHER)),
        ({}, record(switches=Switches(issuer=OURS)), (), Directions(issuer=OURS)),
        ({}, record(switches=Switches(issuer=OURS)), (OURS,), Directions()),
    ],
)
def test_where_to_look_is_what_the_caller_says_else_what_is_remembered_for_the_issuer_named(
    options: dict[str, str], kept: ServerRecord, named: tuple[str, ...], told: Directions
) -> None:
    assert choose_directions(SignInOptions(**options), kept, named) == told  # type: ignore[arg-type]


def test_only_what_makes_a_difference_at_a_server_counts_as_used() -> None:
    plain = AuthorizationServerMetadata(issuer=OURS)
    proper = attrs.evolve(
        plain,
        code_challenge_methods_supported=("S256",),
        authorization_response_iss_parameter_supported=True,
    )
    elsewhere = f"metadata_url='{PLACE}'"
    assert select_used(ALL, plain) == ("assume_pkce=True", "resource=None", elsewhere)
    assert select_used(ALL, proper) == ("allow_missing_iss=True", "resource=None", elsewhere)
    assert select_used(Switches(scopes=("a",), no_offline_access=True), plain) == ()


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (None, None),
        ("Try again.", "Try again."),
        (
            "pass assume_pkce=True.",
            f"pass assume_pkce='{OURS}'. (assume_pkce=True alone is for {OTHER}, which was used before.)",
        ),
        (
            "pass resource=None to",
            f"pass resource=None and issuer='{OURS}' to (resource=None alone is for {OTHER}, which was used before.)",
        ),
    ],
)
def test_a_hint_names_the_issuer_where_a_yes_has_lapsed(hint: str | None, expected: str | None) -> None:
    lapsed = Concessions(lapsed=("assume_pkce=True", "resource=None"))
    assert lapsed.remind(hint, issuer=OURS, before=OTHER) == expected
    assert Concessions().remind(hint, issuer=OURS, before=OTHER) == hint


# In general

issuers = st.sampled_from([OURS, OTHER, OURS + "/", OURS + "/tenant", "https://third.example.com"])
flags = st.one_of(st.booleans(), issuers, st.lists(issuers, max_size=3))
uris = st.sampled_from([URL, "https://mcp.example.com", "api://x", "https://h.example.com/mcp"])
switches = st.builds(
    Switches,
    assume_pkce=st.booleans(),
    allow_missing_iss=st.booleans(),
    no_resource=st.booleans(),
    resource=st.none() | uris,
    expected_resource=st.none() | uris,
    metadata_url=st.none() | st.just(PLACE),
    issuer=st.none() | issuers,
    scopes=st.none() | st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    extra_scopes=st.lists(st.sampled_from("abc"), max_size=2).map(tuple),
    no_offline_access=st.booleans(),
).filter(lambda one: not (one.no_resource and one.resource))
records = st.builds(record, st.just("") | issuers, switches)
options = st.builds(
    SignInOptions,
    assume_pkce=flags,
    allow_missing_iss=flags,
    resource=st.none() | uris | st.just(AS_PUBLISHED),
    expected_resource=st.none() | uris,
    metadata_url=st.none() | st.just(PLACE),
    issuer=st.none() | issuers,
    scopes=st.none() | st.lists(st.sampled_from("abc"), max_size=2),
    extra_scopes=st.lists(st.sampled_from("abc"), max_size=2),
    offline_access=st.booleans(),
)
documents = st.none() | st.builds(
    ProtectedResourceMetadata, resource=uris, authorization_servers=st.lists(issuers, max_size=2).map(tuple)
)
thoroughly = settings(max_examples=400, derandomize=True, deadline=None, database=None)


@thoroughly
@given(options=options, kept=records, issuer=issuers, published=documents)
def test_whatever_is_chosen_is_remembered_as_it_was(
    options: SignInOptions, kept: ServerRecord, issuer: str, published: ProtectedResourceMetadata | None
) -> None:
    def choose(by: SignInOptions, of: ServerRecord) -> Concessions:
        return choose_concessions(by, of, issuer, server_url=URL, published=published)

    first = choose(options, kept)
    found = first.switches
    later = attrs.evolve(kept, issuer=issuer, switches=found)
    assert ServerRecord.from_json(later.to_json()) == later
    assert choose(SignInOptions(), later) == Concessions(switches=found)
    if not first.lapsed:  # a yes that had lapsed is one for the issuer that is in use now
        assert choose(options, later).switches == found
    assert not (found.no_resource and found.resource)


@thoroughly
@given(options=options, kept=records, issuer=issuers, published=documents)
def test_no_relaxation_is_on_that_neither_the_caller_nor_a_sign_in_there_has_asked_for(
    options: SignInOptions, kept: ServerRecord, issuer: str, published: ProtectedResourceMetadata | None
) -> None:
    found = choose_concessions(options, kept, issuer, server_url=URL, published=published)
    told = recall(kept, [issuer])
    for name in ("assume_pkce", "allow_missing_iss"):
        said = getattr(options, name)
        named = said if isinstance(said, tuple) else ()
        bound = options.issuer or kept.issuer or issuer
        asked = (said is True and issuer.rstrip("/") == bound.rstrip("/")) or issuer.rstrip("/") in [
            one.rstrip("/") for one in named
        ]
        assert getattr(found.switches, name) <= (asked or getattr(told, name))
    if found.switches.expected_resource:
        assert published is not None
        assert found.switches.expected_resource == published.resource
    assert found.switches.resource in (None, options.resource, told.resource)
    assert found.switches.metadata_url in (None, options.metadata_url, told.metadata_url)


@thoroughly
@given(kept=records, issuer=issuers, published=documents)
def test_without_a_word_of_the_caller_another_issuer_gets_no_concession(
    kept: ServerRecord, issuer: str, published: ProtectedResourceMetadata | None
) -> None:
    if recall(kept, [issuer]) == Switches():
        assert choose_concessions(SignInOptions(), kept, issuer, server_url=URL, published=published) == Concessions()
