"""Servers that have to be met halfway: refused by default, accepted when asked to, and never at another issuer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import CallbackPrompt, NoPrompt, OAuth, SignInOptions, Switches
from mcp_oauth_sync.exceptions import (
    AuthorizationError,
    AuthorizationTimeoutError,
    DiscoveryError,
    InvalidRedirectError,
    MetadataMismatchError,
    OAuthError,
    RegistrationRequiredError,
    TokenExchangeError,
)
from tests.scene import WRITE, Scene, paths, stored
from tests.servers import ABSENT, AuthorizationServer, CombinedServer, json_reply, reply

CANONICAL = "https://notes.example.com/mcp"
METADATA = "/published/elsewhere.json"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def new() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as made:
        yield made
        assert made.violations == []


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# What is wrong with a server


def no_pkce(scene: Scene, az: AuthorizationServer) -> None:
    az.metadata_overrides = {"code_challenge_methods_supported": ABSENT}


def no_iss(scene: Scene, az: AuthorizationServer) -> None:
    az.iss_mode = "absent"


def no_resource(scene: Scene, az: AuthorizationServer) -> None:
    az.reject_resource = True


def other_resource(scene: Scene, az: AuthorizationServer) -> None:
    scene.mcp.prm_overrides = {"resource": CANONICAL}


def no_resource_metadata(scene: Scene, az: AuthorizationServer) -> None:
    scene.mcp.prm_at = set()


def metadata_elsewhere(scene: Scene, az: AuthorizationServer) -> None:
    az.serve_at = set()
    az.route("GET", METADATA, lambda exchange: json_reply(az.metadata()))


class Case(NamedTuple):
    """A fault, what is raised for it, and the arguments that help."""

    fault: Callable[[Scene, AuthorizationServer], None]
    error: type[OAuthError]
    options: Callable[[AuthorizationServer], dict[str, Any]]
    named: Callable[[AuthorizationServer], str]
    asked: int = 0  # how often a person is asked before the fault shows

    def record(self, az: AuthorizationServer) -> Switches:
        """Return what is to be remembered."""
        given = self.options(az)
        if given.get("resource", "") is None:
            given = {"no_resource": True}
        return Switches(**given)


CASES = {
    "PKCE": Case(no_pkce, AuthorizationError, lambda az: {"assume_pkce": True}, lambda az: "assume_pkce=True"),
    "iss": Case(
        *(no_iss, InvalidRedirectError, lambda az: {"allow_missing_iss": True}),
        named=lambda az: "allow_missing_iss=True",
        asked=1,
    ),
    "resource": Case(
        no_resource, AuthorizationError, lambda az: {"resource": None}, lambda az: "resource=None", asked=1
    ),
    "expected": Case(
        other_resource,
        MetadataMismatchError,
        lambda az: {"expected_resource": CANONICAL},
        lambda az: f"expected_resource={CANONICAL!r}",
    ),
    "issuer": Case(
        no_resource_metadata, RegistrationRequiredError, lambda az: {"issuer": az.issuer}, lambda az: "issuer="
    ),
    "metadata": Case(
        metadata_elsewhere,
        DiscoveryError,
        lambda az: {"metadata_url": az.url + METADATA},
        lambda az: "metadata_url=",
    ),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
def test_by_default_it_is_refused_by_an_error_that_names_the_argument(scene: Scene, case: Case) -> None:
    case.fault(scene, scene.az)
    before = stored()
    with pytest.raises(case.error) as refused:
        scene.post(scene.oauth())
    assert case.named(scene.az) in (refused.value.hint or "")
    assert (len(scene.shown), scene.asked("/token"), stored()) == (case.asked, [], before)


@cases
def test_with_the_argument_it_works_is_logged_once_and_remembered(
    scene: Scene, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.fault(scene, scene.az)
    assert scene.post(scene.oauth(**case.options(scene.az))).status_code == 200
    switches = case.record(scene.az)
    assert scene.record().switches == switches
    said = [note.getMessage() for note in caplog.records if "halfway" in note.getMessage()]
    assert said == [f"{scene.az.issuer} is met halfway: {switches}"]
    assert [note.levelno for note in caplog.records if "halfway" in note.getMessage()] == [logging.WARNING]
    assert query(scene.shown[0])["code_challenge_method"] == "S256"


@cases
def test_a_later_process_needs_no_argument_to_refresh_nor_to_sign_in_again(scene: Scene, case: Case) -> None:
    case.fault(scene, scene.az)
    scene.sign_in(**case.options(scene.az))
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    assert paths(scene.az.log) == ["POST /token 200"]
    scene.oauth().sign_out()
    scene.forget_log()
    assert scene.post(scene.oauth()).status_code == 200
    assert len(scene.shown) == 1
    assert scene.record().switches == case.record(scene.az)


@cases
def test_at_another_authorization_server_nothing_of_it_is_remembered(
    scene: Scene, case: Case, new: AuthorizationServer
) -> None:
    case.fault(scene, scene.az)
    scene.sign_in(**case.options(scene.az))
    case.fault(scene, new)
    scene.mcp.authorization_server = new
    if case is CASES["issuer"]:
        scene.mcp.prm_at = {"path"}  # it says now where it is; that it is another one is no reason to be lenient
        assert scene.post(scene.oauth()).status_code == 200
        assert scene.record().switches == Switches()
        return
    with pytest.raises(case.error) as refused:
        scene.post(scene.oauth())
    assert case.named(new) in (refused.value.hint or "")
    assert (scene.record().issuer, new.requests("/token")) == (scene.az.issuer, [])


@pytest.mark.parametrize(
    ("name", "yes", "named"),
    [
        ("PKCE", {"assume_pkce": True}, "assume_pkce='{}'"),
        ("iss", {"allow_missing_iss": True}, "allow_missing_iss='{}'"),
        ("resource", {"resource": None}, "resource=None and issuer='{}'"),
    ],
)
def test_a_yes_that_names_no_issuer_is_for_the_one_that_was_used_first(
    scene: Scene, new: AuthorizationServer, name: str, yes: dict[str, Any], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = CASES[name]
    case.fault(scene, scene.az)
    scene.sign_in(**yes)
    case.fault(scene, new)
    scene.mcp.authorization_server = new
    with pytest.raises(case.error) as refused:
        scene.post(scene.oauth(**yes))
    assert named.format(new.issuer) in (refused.value.hint or "")
    assert f"is for {scene.az.issuer}, not for {new.issuer}" in caplog.text
    scene.forget_log()
    for_new = {"resource": None, "issuer": new.issuer} if name == "resource" else {next(iter(yes)): new.issuer}
    assert scene.post(scene.oauth(**for_new, name="again")).status_code == 200
    kept = scene.manager.load_record("again")
    assert kept is not None
    assert (kept.issuer, kept.switches) == (new.issuer, case.record(new))


def test_pkce_that_is_offered_without_s256_is_never_assumed(scene: Scene) -> None:
    for methods in ([], ["plain"]):
        scene.az.metadata_overrides = {"code_challenge_methods_supported": methods}
        with pytest.raises(AuthorizationError, match="not the method S256") as refused:
            scene.post(scene.oauth(assume_pkce=True))
        assert "assume_pkce" not in (refused.value.hint or "")
    assert scene.shown == []


@pytest.mark.parametrize("mode", ["wrong", "slash"])
def test_a_wrong_iss_is_refused_even_where_a_missing_one_is_not(scene: Scene, mode: str) -> None:
    scene.az.iss_mode = mode
    with pytest.raises(InvalidRedirectError, match="iss differs"):
        scene.post(scene.oauth(allow_missing_iss=True))
    assert scene.asked("/token") == []


def test_what_makes_no_difference_is_not_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.az.iss_advertised = False
    scene.sign_in(assume_pkce=True, allow_missing_iss=True, expected_resource=CANONICAL, resource=scene.url)
    assert "halfway" not in caplog.text
    assert scene.record().switches == Switches(assume_pkce=True, allow_missing_iss=True)


def test_what_is_remembered_can_be_taken_back(scene: Scene) -> None:
    no_pkce(scene, scene.az)
    scene.az.resource_required = False
    scene.sign_in(assume_pkce=True, resource=None, allow_missing_iss=scene.az.issuer)
    scene.az.metadata_overrides, scene.az.resource_required = {}, True
    scene.oauth(assume_pkce=(), allow_missing_iss=(), resource=scene.url).sign_in()
    assert scene.record().switches == Switches()
    assert query(scene.shown[-1])["resource"] == scene.url


# The resource


def sent_resources(scene: Scene) -> list[str | None]:
    return [query(url).get("resource") for url in scene.shown] + [x.param("resource") for x in scene.asked("/token")]


@pytest.mark.parametrize("resource", [None, "https://h", "api://0b0d7a11-notes", "https://notes.example.com/"])
def test_the_resource_of_the_caller_is_the_same_in_every_request_to_the_letter(
    scene: Scene, resource: str | None
) -> None:
    scene.az.resource_required = resource is not None
    scene.mcp.known_as = {resource} if resource else set()
    assert scene.post(scene.oauth(resource=resource)).status_code == 200
    scene.expire()
    assert scene.post(scene.oauth()).status_code == 200
    assert sent_resources(scene) == [resource] * 3
    assert scene.record().resource == resource
    scene.oauth().sign_out()
    assert scene.post(scene.oauth()).status_code == 200
    assert sent_resources(scene) == [resource] * 5


ENTRA = "AADSTS9010010: The resource parameter provided in the request doesn't match with the requested scopes."


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": "invalid_target"},
        {"error": "invalid_request", "error_description": "AADSTS901002: The 'resource' parameter isn't supported."},
        {"error": "invalid_target", "error_description": ENTRA},
        {"error": "invalid_client", "error_description": ENTRA},
    ],
)
@pytest.mark.parametrize("where", ["authorize", "token"])
def test_a_refused_resource_is_an_error_that_names_the_argument_wherever_it_is_refused(
    scene: Scene, refusal: dict[str, str], where: str
) -> None:
    if where == "token":
        scene.az.fault("/token", reply(400, refusal))
    else:
        scene.az.before_redirect = lambda answer: {"state": answer["state"], "iss": answer["iss"], **refusal}
    with pytest.raises((AuthorizationError, TokenExchangeError)) as refused:
        scene.post(scene.oauth())
    assert "resource=None" in (refused.value.hint or "")
    assert "resource= with" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "refusal", [{"error": "invalid_target"}, {"error": "invalid_request", "error_description": ENTRA}, {"message": "?"}]
)
def test_a_refresh_refused_for_its_resource_is_tried_once_without_it_and_that_is_logged(
    scene: Scene, refusal: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    scene.sign_in()
    scene.az.resource_required = False
    scene.az.fault("/token", reply(400, refusal), times=1)
    scene.expire()
    assert scene.post(scene.oauth()).status_code == 200
    assert [sent.param("resource") for sent in scene.asked("/token")] == [scene.url, None]
    said = [note for note in caplog.records if "without it" in note.getMessage()]
    assert [note.levelno for note in said] == [logging.WARNING]
    assert scene.shown == []


def test_a_refresh_refused_with_and_without_its_resource_is_not_tried_a_third_time(scene: Scene) -> None:
    scene.sign_in()
    scene.az.fault("/token", reply(400, {"error": "invalid_target"}))
    scene.expire()
    before = stored()
    with pytest.raises(OAuthError):
        scene.oauth(prompt=NoPrompt()).headers()
    assert len(scene.asked("/token")) % 2 == 0
    assert len(scene.asked("/token")) <= 4  # an early one, and one that counts
    assert stored() == before


# The published resource


def test_the_message_of_another_resource_says_both_and_where(scene: Scene) -> None:
    other_resource(scene, scene.az)
    with pytest.raises(MetadataMismatchError) as refused:
        scene.post(scene.oauth())
    for part in (repr(CANONICAL), repr(scene.url), str(scene.mcp.prm_url)):
        assert part in refused.value.message
    assert (refused.value.expected, refused.value.received) == (scene.url, CANONICAL)
    assert scene.az.log == []


def test_an_accepted_resource_is_sent_as_published(scene: Scene) -> None:
    other_resource(scene, scene.az)
    assert scene.post(scene.oauth(expected_resource=CANONICAL)).status_code == 200
    assert sent_resources(scene) == [CANONICAL] * 2


@pytest.mark.parametrize(
    "named", [CANONICAL + "/", CANONICAL.upper(), "https://notes.example.com", "HTTPS" + CANONICAL[5:]]
)
def test_a_resource_is_accepted_only_when_it_is_named_exactly(scene: Scene, named: str) -> None:
    other_resource(scene, scene.az)
    with pytest.raises(MetadataMismatchError):
        scene.post(scene.oauth(expected_resource=named))
    assert scene.az.log == []


@pytest.mark.parametrize(
    "hostile", ["https://x'; rm -rf ~ #", "https://x/\x1b[2J", "https://x/$(id)", "https://" + "x" * 300]
)
def test_a_hostile_resource_is_not_offered_to_be_copied(scene: Scene, hostile: str) -> None:
    scene.mcp.prm_overrides = {"resource": hostile}
    with pytest.raises(MetadataMismatchError) as refused:
        scene.post(scene.oauth())
    assert (refused.value.hint or "").endswith("pass expected_resource=.")
    assert "\x1b" not in str(refused.value)


# Where the authorization server is


def test_a_caller_who_names_another_authorization_server_than_the_server_does_is_told(scene: Scene) -> None:
    with pytest.raises(MetadataMismatchError, match="which the caller named") as refused:
        scene.post(scene.oauth(issuer="https://login.example.com"))
    assert (refused.value.expected, refused.value.received) == ("https://login.example.com", scene.az.issuer)
    assert f"issuer={scene.az.issuer!r}" in (refused.value.hint or "")
    assert (scene.az.log, scene.shown) == ([], [])


def test_of_several_authorization_servers_the_one_that_the_caller_names_is_taken(
    scene: Scene, new: AuthorizationServer
) -> None:
    scene.mcp.authorization_servers = [new.issuer, scene.az.issuer]
    assert scene.post(scene.oauth(issuer=scene.az.issuer + "/")).status_code == 200
    assert new.log == []
    assert scene.record().switches == Switches()  # the server names it too


def test_metadata_that_names_no_authorization_server_leaves_it_to_the_caller(scene: Scene) -> None:
    scene.mcp.prm_overrides = {"authorization_servers": ABSENT}
    with pytest.raises(DiscoveryError, match="names no authorization server") as refused:
        scene.post(scene.oauth())
    assert "issuer=" in (refused.value.hint or "")
    assert scene.post(scene.oauth(issuer=scene.az.issuer)).status_code == 200
    assert scene.record().switches == Switches(issuer=scene.az.issuer)


def test_the_metadata_of_the_named_authorization_server_is_fetched_and_not_the_servers_own(scene: Scene) -> None:
    no_resource_metadata(scene, scene.az)
    scene.post(scene.oauth(issuer=scene.az.issuer))
    own = [sent.path for sent in scene.mcp.log if "authorization-server" in sent.path or "openid" in sent.path]
    assert own == []


def test_a_named_authorization_server_without_metadata_has_no_default_endpoints(scene: Scene) -> None:
    no_resource_metadata(scene, scene.az)
    scene.az.serve_at = set()
    with pytest.raises(DiscoveryError, match="publishes no") as refused:
        scene.post(scene.oauth(issuer=scene.az.issuer))
    assert "metadata_url=" in (refused.value.hint or "")
    assert scene.shown == []


def test_where_nobody_names_an_issuer_it_is_the_one_of_the_metadata_given(scene: Scene) -> None:
    no_resource_metadata(scene, scene.az)
    metadata_elsewhere(scene, scene.az)
    place = scene.az.url + METADATA
    assert scene.post(scene.oauth(metadata_url=place)).status_code == 200
    assert (scene.record().issuer, scene.record().switches) == (scene.az.issuer, Switches(metadata_url=place))
    scene.oauth().sign_out()
    scene.az.metadata_overrides = {"issuer": "https://login.example.com"}
    with pytest.raises(MetadataMismatchError) as refused:  # remembered for that issuer and for no other
        scene.post(scene.oauth())
    assert refused.value.expected == scene.az.issuer


@pytest.mark.parametrize("issuer", [None, "given"])
def test_metadata_from_another_place_has_to_be_of_the_issuer_all_the_same(scene: Scene, issuer: str | None) -> None:
    metadata_elsewhere(scene, scene.az)
    scene.az.metadata_overrides = {"issuer": "https://login.example.com"}
    named = {"issuer": scene.az.issuer} if issuer else {}
    with pytest.raises(MetadataMismatchError, match="of the issuer 'https://login"):
        scene.post(scene.oauth(metadata_url=scene.az.url + METADATA, **named))
    assert (scene.asked("/authorize"), scene.shown) == ([], [])


def test_a_place_without_metadata_is_an_error_and_no_other_place_is_tried(scene: Scene) -> None:
    with pytest.raises(DiscoveryError, match="There is no authorization server metadata at") as refused:
        scene.post(scene.oauth(metadata_url=scene.az.url + METADATA + "?key=canary-0123456789"))
    assert "metadata_url=" in (refused.value.hint or "")
    assert "canary" not in str(refused.value)
    assert [sent.path for sent in scene.az.log] == [METADATA]


def test_a_remembered_place_that_is_empty_leads_back_to_the_well_known_ones(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for fault in (
        metadata_elsewhere,
        lambda scene, az: (no_resource_metadata(scene, az), metadata_elsewhere(scene, az)),
    ):
        scene.az.clear_faults()
        fault(scene, scene.az)
        scene.sign_in(metadata_url=scene.az.url + METADATA)
        scene.oauth().sign_out()
        scene.az.fault(METADATA, reply(404))
        scene.az.serve_at = {"oauth"}
        scene.forget_log()
        assert scene.post(scene.oauth()).status_code == 200
        assert scene.az.well_knowns["oauth"] in [sent.path for sent in scene.az.log]
        assert f"is no longer at {scene.az.url}{METADATA}" in caplog.text


def test_metadata_of_another_issuer_at_the_servers_own_origin_says_which_one_to_name() -> None:
    with CombinedServer() as combined:
        combined.metadata_overrides = {"issuer": "https://login.example.com"}
        with pytest.raises(MetadataMismatchError) as refused:
            OAuth(combined.mcp_url, prompt=CallbackPrompt(print)).sign_in()
        assert "issuer='https://login.example.com'" in (refused.value.hint or "")


# Scopes


def scopes_of(url: str) -> set[str]:
    return set(query(url).get("scope", "").split())


def test_scopes_of_the_caller_win_over_the_challenge_and_stay_in_a_step_up(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:read notes:admin"
    scene.mcp.prm_scopes = ["notes:everything"]
    scene.mcp.scope_for = {"tools/call": "notes:write"}
    scene.az.scopes_supported = ["offline_access"]
    auth = scene.oauth(scopes="notes:read", extra_scopes="profile")
    assert scene.post(auth).status_code == 200
    assert scene.post(auth, WRITE).status_code == 200
    assert [scopes_of(url) for url in scene.shown] == [
        {"notes:read", "profile"},
        {"notes:read", "profile", "notes:write"},
    ]


def test_scopes_of_the_caller_are_asked_for_again_by_a_process_that_names_none(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:all"
    scene.az.scopes_supported = ["offline_access"]
    scene.sign_in(scopes="notes:read", extra_scopes=["profile"])
    scene.oauth().sign_out()
    scene.forget_log()
    scene.post(scene.oauth())
    assert scopes_of(scene.shown[0]) == {"notes:read", "profile"}
    assert scene.record().switches == Switches(scopes=("notes:read",), extra_scopes=("profile",))
    scene.oauth(scopes="notes:write").sign_in()
    assert scopes_of(scene.shown[1]) == {"notes:write", "profile"}


def test_offline_access_stays_left_out(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:read"
    scene.az.scopes_supported = ["notes:read", "offline_access"]
    scene.sign_in(offline_access=False)
    scene.oauth().sign_out()
    scene.forget_log()
    scene.post(scene.oauth())
    assert scopes_of(scene.shown[0]) == {"notes:read"}


def test_refused_scopes_name_the_argument(scene: Scene) -> None:
    scene.mcp.challenge_scope = "notes:admin"
    scene.az.allowed_scopes = ["notes:read"]
    with pytest.raises(AuthorizationError, match="invalid_scope") as refused:
        scene.post(scene.oauth())
    assert "scopes=" in (refused.value.hint or "")
    assert "offline_access=False" in (refused.value.hint or "")


# Several at once


def test_several_can_be_combined(scene: Scene) -> None:
    no_resource_metadata(scene, scene.az)
    metadata_elsewhere(scene, scene.az)
    no_pkce(scene, scene.az)
    no_iss(scene, scene.az)
    no_resource(scene, scene.az)
    place = scene.az.url + METADATA
    options = {"assume_pkce": scene.az.issuer, "allow_missing_iss": [scene.az.issuer], "resource": None}
    scene.sign_in(**options, metadata_url=place, issuer=scene.az.issuer)
    assert str(scene.record().switches) == (
        f"assume_pkce=True, allow_missing_iss=True, resource=None, metadata_url='{place}', issuer='{scene.az.issuer}'"
    )
    scene.expire()
    assert scene.post(scene.oauth()).status_code == 200
    scene.oauth().sign_out()
    assert scene.post(scene.oauth()).status_code == 200


def test_every_step_by_hand_goes_by_them_too(scene: Scene) -> None:
    no_pkce(scene, scene.az)
    no_iss(scene, scene.az)
    client = scene.client(options=SignInOptions(assume_pkce=True, resource=None))
    scene.az.resource_required = False
    url = client.get_authorization_url()
    assert "resource" not in query(url)
    assert client.resource is None
    redirect = scene.person.redirect_only(url) or ""
    with pytest.raises(InvalidRedirectError) as refused:
        client.read_authorization_response(redirect)
    assert "allow_missing_iss=True" in (refused.value.hint or "")
    client = scene.client(options=SignInOptions(assume_pkce=True, resource=None, allow_missing_iss=True))
    redirect = scene.person.redirect_only(client.get_authorization_url()) or ""
    client.exchange_code_for_token(client.read_authorization_response(redirect))
    assert client.record.switches == Switches(assume_pkce=True, allow_missing_iss=True, no_resource=True)
    assert client.refresh_token().access_token
    assert [sent.param("resource") for sent in scene.asked("/token")] == [None, None]


def test_a_refresh_token_that_the_caller_kept_is_used_the_same_way(scene: Scene) -> None:
    scene.az.add_client("app")
    no_resource(scene, scene.az)
    options = SignInOptions(client_id="app", resource=None)
    kept = scene.client(options=options).authorize().refresh_token
    scene.forget_log()
    client = scene.client(options=options)
    client.refresh_token(kept)
    assert [sent.param("resource") for sent in scene.asked("/token")] == [None]
    assert client.record.switches == Switches(no_resource=True)


def test_a_wait_in_vain_at_endpoints_that_were_guessed_says_what_may_be_wrong() -> None:
    with CombinedServer(serve_as_metadata=False) as combined:
        combined.add_client("app")
        guessing = OAuth(combined.mcp_url, client_id="app", prompt=CallbackPrompt(len), sign_in_timeout=0.1)
        with pytest.raises(AuthorizationTimeoutError) as refused:
            guessing.sign_in()
        assert "pass issuer= with it, or metadata_url=" in (refused.value.hint or "")


def test_a_started_sign_in_goes_by_them_wherever_it_is_finished(scene: Scene) -> None:
    no_pkce(scene, scene.az)
    no_iss(scene, scene.az)
    no_resource(scene, scene.az)
    options: dict[str, Any] = {"assume_pkce": True, "allow_missing_iss": True, "resource": None}
    started = scene.oauth(**options, redirect_uri="http://127.0.0.1:8765/callback").start_sign_in()
    redirect = scene.person.redirect_only(str(started.url)) or ""
    scene.oauth().finish_sign_in(redirect)
    assert str(scene.record().switches) == "assume_pkce=True, allow_missing_iss=True, resource=None"


def test_finishing_a_started_sign_in_fails_with_the_same_hints(scene: Scene) -> None:
    scene.az.fault("/token", reply(400, {"error": "invalid_target"}), times=1)
    auth = scene.oauth(redirect_uri="http://127.0.0.1:8765/callback")
    redirect = scene.person.redirect_only(str(auth.start_sign_in().url)) or ""
    with pytest.raises(TokenExchangeError) as refused:
        auth.finish_sign_in(redirect)
    assert "resource=None" in (refused.value.hint or "")
    assert "Start the sign-in again" in (refused.value.hint or "")


def test_metadata_that_the_challenge_names_and_that_is_not_there_leaves_it_to_the_caller(scene: Scene) -> None:
    scene.mcp.fault(scene.mcp.prm_paths["path"], reply(404))
    with pytest.raises(DiscoveryError, match="but there is none") as refused:
        scene.post(scene.oauth())
    assert "issuer=" in (refused.value.hint or "")
    assert scene.post(scene.oauth(issuer=scene.az.issuer)).status_code == 200
    scene.oauth().sign_out()
    assert scene.post(scene.oauth()).status_code == 200
    assert scene.record().switches == Switches(issuer=scene.az.issuer)


def test_an_issuer_named_with_another_slash_finds_the_same_sign_in(scene: Scene) -> None:
    scene.sign_in(issuer=scene.az.issuer + "/")
    assert scene.post(scene.oauth(issuer=scene.az.issuer + "/", prompt=NoPrompt())).status_code == 200
    assert scene.oauth(issuer=scene.az.issuer + "/").name == scene.url


def test_metadata_that_cannot_be_fetched_where_it_should_be_may_be_taken_from_elsewhere(scene: Scene) -> None:
    metadata_elsewhere(scene, scene.az)
    scene.az.fault(scene.az.well_knowns["oauth"], reply(500))
    with pytest.raises(DiscoveryError, match="could not be fetched") as refused:
        scene.post(scene.oauth())
    assert "try again. If its metadata is elsewhere, pass metadata_url=" in (refused.value.hint or "")
    assert scene.post(scene.oauth(metadata_url=scene.az.url + METADATA)).status_code == 200


def test_what_is_not_for_this_server_is_logged_once(
    scene: Scene, new: AuthorizationServer, caplog: pytest.LogCaptureFixture
) -> None:
    scene.sign_in(assume_pkce=True)
    scene.mcp.authorization_server = new
    client = scene.client(options=SignInOptions(assume_pkce=True), record=scene.record())
    client.register_client()
    client.get_authorization_url()
    assert [note.getMessage() for note in caplog.records if "is for" in note.getMessage()] == [
        f"assume_pkce=True is for {scene.az.issuer}, not for {new.issuer}"
    ]
