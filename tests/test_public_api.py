"""The public API: names, parameters and documentation as promised, and nothing loaded before it is needed."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import mcp_oauth_sync
from mcp_oauth_sync import exceptions

# What can be called: its parameters in order; "*" means that those after it go by keyword only.
SIGNATURES = {
    "OAuthHandler": "token_manager=None",
    "OAuthHandler.ensure_authenticated_mcp": "server_name, server_url, scopes=None",
    "OAuthHandler.ensure_authenticated": "server_name, oauth_config",
    "OAuthHandler.prepare_headers_for_mcp_server": "server_name, server_url, scopes=None, extra_headers=None",
    "OAuthHandler.prepare_headers_with_oauth_config": "server_name, oauth_config, extra_headers=None",
    "OAuthHandler.prepare_server_headers": "server_config, extra_headers=None",
    "OAuthHandler.get_authorization_header": "server_name",
    "OAuthHandler.authenticated_request": "server_name, server_url, url, method='GET', scopes=None, retry_on_401=True",
    "OAuthHandler.clear_tokens": "server_name",
    "OAuthHandler.logout": "server_name, server_url=None",
    "MCPOAuthClient": "server_url, redirect_uri=None, *, authorization_url=None, token_url=None",
    "MCPOAuthClient.discover_protected_resource": "prm_url=None",
    "MCPOAuthClient.discover_from_error_response": "response",
    "MCPOAuthClient.discover_authorization_server": "",
    "MCPOAuthClient.register_client": "client_name=None, redirect_uris=None",
    "MCPOAuthClient.get_authorization_url": "scopes=None",
    "MCPOAuthClient.authorize": "scopes=None",
    "MCPOAuthClient.exchange_code_for_token": "code",
    "MCPOAuthClient.refresh_token": "refresh_token=None",
    "MCPOAuthClient.revoke_token": "token, token_type_hint=None",
    "OAuthFlow": "oauth_config",
    "OAuthFlow.authorize": "",
    "OAuthFlow.refresh_token": "refresh_token=None",
    "OAuthTokens.get_authorization_header": "",
    "OAuthTokens.is_expired": "",
    "OAuthTokens.to_dict": "",
    "TokenManager": "token_dir=None, backend=<TokenStoreBackend.AUTO: 'auto'>, *, password=None, "
    "service_name=None, namespace='oauth', backend_config=None, vault_url=None, vault_token=None, "
    "vault_mount_point=None, vault_path_prefix=None, vault_namespace=None",
    "TokenManager.save_tokens": "name, tokens",
    "TokenManager.load_tokens": "name",
    "TokenManager.has_valid_tokens": "name",
    "TokenManager.delete_tokens": "name",
    "TokenManager.save_client_registration": "name, registration",
    "TokenManager.load_client_registration": "name",
    "TokenManager.delete_client_registration": "name",
    "TokenStoreFactory.create": "backend=<TokenStoreBackend.AUTO: 'auto'>",
    "SecureTokenStore.store_token": "name, tokens",
    "SecureTokenStore.retrieve_token": "name",
    "SecureTokenStore.delete_token": "name",
    "SecureTokenStore.has_token": "name",
    "SecureTokenStore.store_generic": "key, value, *, namespace='generic'",
    "SecureTokenStore.retrieve_generic": "key, *, namespace='generic'",
    "SecureTokenStore.delete_generic": "key, *, namespace='generic'",
    "OAuth": "server_url, *, name=None, scopes=None, extra_scopes=(), client_id=None, client_secret=None",
    "OAuth.headers": "",
    "OAuth.sign_in": "scopes=None",
    "OAuth.sign_out": "*, forget=False",
    "iter_events": "response",
    "parse_sse_json": "lines",
    "parse_sse_response": "text",
}
FIELDS = {
    "OAuthTokens": "access_token token_type expires_in refresh_token scope issued_at",
    "OAuthConfig": "authorization_url token_url registration_url client_id client_secret scopes redirect_uri use_pkce "
    "extra_auth_params",
}
ERRORS = (
    "OAuthError DiscoveryError RegistrationError AuthorizationError TokenExchangeError TokenRefreshError "
    "TokenStorageError"
).split()


def parameters_of(function: object) -> str:
    """Return the parameters as they are written, without annotations."""
    assert callable(function)
    shown, keyword_only = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            shown.append("*")
            keyword_only = True
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        shown.append(parameter.name + default)
    return ", ".join(shown)


def named(path: str) -> object:
    value: object = mcp_oauth_sync
    for part in path.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("path", SIGNATURES)
def test_what_is_promised_can_be_called_as_promised(path: str) -> None:
    """Further parameters may follow, by keyword only or with a default."""
    found, promised = named(path), SIGNATURES[path]
    assert callable(found)
    given = parameters_of(found)
    assert promised == "" or given == promised or given.startswith(f"{promised}, ")
    needed = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.name != "self"
        and parameter.kind is not parameter.VAR_KEYWORD
    ]
    assert needed == [part for part in promised.split(", ") if part and part != "*" and "=" not in part]


@pytest.mark.parametrize("name", FIELDS)
def test_the_records_have_the_fields_promised_in_order(name: str) -> None:
    fields = [field.name for field in attrs.fields(getattr(mcp_oauth_sync, name))]
    assert fields[: len(FIELDS[name].split())] == FIELDS[name].split()


def test_the_kinds_of_store_are_those_promised() -> None:
    assert [kind.name for kind in mcp_oauth_sync.TokenStoreBackend] == (
        "AUTO KEYCHAIN CREDENTIAL_MANAGER SECRET_SERVICE VAULT ENCRYPTED_FILE MEMORY".split()
    )


def test_the_names_of_the_async_original_are_the_same_classes() -> None:
    assert mcp_oauth_sync.MCPAuthorizationMetadata is mcp_oauth_sync.AuthorizationServerMetadata
    assert mcp_oauth_sync.DynamicClientRegistration is mcp_oauth_sync.ClientRegistration


def test_the_errors_promised_are_in_their_module() -> None:
    assert all(issubclass(getattr(exceptions, name), exceptions.OAuthError) for name in ERRORS)
    assert mcp_oauth_sync.OAuthError is exceptions.OAuthError
    assert mcp_oauth_sync.exceptions is exceptions


# Documentation


def public_methods(name: str, value: type) -> Iterator[tuple[str, object]]:
    for method, found in inspect.getmembers(value):
        if not method.startswith("_") and (inspect.isroutine(found) or isinstance(found, property)):
            module = getattr(found.fget if isinstance(found, property) else found, "__module__", "") or ""
            if module.startswith("mcp_oauth_sync"):
                yield f"{name}.{method}", found


def test_every_public_name_and_every_method_of_it_says_what_it_does() -> None:
    silent = []
    for name in mcp_oauth_sync.__all__:
        value = getattr(mcp_oauth_sync, name)
        if isinstance(value, str):
            continue
        documented = [(name, value), *(public_methods(name, value) if isinstance(value, type) else [])]
        silent += [path for path, found in documented if not inspect.getdoc(found)]
    assert silent == []


@pytest.mark.parametrize(
    "name",
    [
        *("OAuth", "OAuthHandler", "MCPOAuthClient", "OAuthFlow", "TokenManager", "SignInOptions"),
        *("iter_events", "parse_sse_json", "parse_sse_response"),
    ],
)
def test_a_door_says_what_every_argument_means(name: str) -> None:
    door = getattr(mcp_oauth_sync, name)
    said = inspect.getdoc(door) or ""
    missing = [given for given in inspect.signature(door).parameters if f"\n    {given}: " not in said]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    [
        *("OAuth", "OAuthHandler", "MCPOAuthClient", "OAuthFlow", "TokenManager", "SecureTokenStore"),
        *("iter_events", "parse_sse_json"),
    ],
)
def test_a_door_shows_an_example(name: str) -> None:
    assert "Example::\n" in (inspect.getdoc(getattr(mcp_oauth_sync, name)) or "")


# Loading


def fresh(code: str) -> object:
    """Return what a fresh interpreter prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_every_public_name_can_be_loaded_first() -> None:
    """Each in a namespace of its own: no name needs another to have been loaded before it."""
    code = (
        "import json, sys, mcp_oauth_sync\n"
        "failed = []\n"
        "for name in mcp_oauth_sync.__all__:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('mcp_oauth_sync')]:\n"
        "        del sys.modules[loaded]\n"
        "    try:\n"
        "        exec(f'from mcp_oauth_sync import {name}', {})\n"
        "    except Exception as error:\n"
        "        failed.append(f'{name}: {error!r}')\n"
        "print(json.dumps(failed))"
    )
    assert fresh(code) == []


def test_a_star_import_gives_every_public_name() -> None:
    names: dict[str, object] = {}
    exec("from mcp_oauth_sync import *", names)
    assert set(mcp_oauth_sync.__all__) <= set(names)


def test_the_package_alone_loads_nothing_slow() -> None:
    loaded = fresh("import json, sys, mcp_oauth_sync; print(json.dumps(sorted(sys.modules)))")
    assert isinstance(loaded, list)
    assert {"requests", "attr", "cryptography", "ssl", "http.server", "logging"} & set(loaded) == set()


def test_a_name_is_loaded_once_and_then_simply_there() -> None:
    assert mcp_oauth_sync.OAuth is vars(mcp_oauth_sync)["OAuth"]


def test_names_not_loaded_yet_are_listed_too() -> None:
    listed = fresh("import json, mcp_oauth_sync; print(json.dumps(dir(mcp_oauth_sync)))")
    assert isinstance(listed, list)
    assert set(mcp_oauth_sync.__all__) <= set(listed)


def test_a_name_that_is_not_there_is_an_attribute_error_with_its_name() -> None:
    with pytest.raises(AttributeError, match=r"^module 'mcp_oauth_sync' has no attribute 'OAuth2'$"):
        _ = mcp_oauth_sync.OAuth2  # type: ignore[attr-defined]


def test_the_type_checker_and_the_interpreter_are_told_the_same_names() -> None:
    """The imports for the checker, the table for the interpreter, and ``__all__`` name the same things."""
    module = ast.parse(Path(mcp_oauth_sync.__file__).read_text(encoding="utf-8"))
    [guarded] = [node for node in module.body if isinstance(node, ast.If)]
    told = {
        alias.asname or alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    public = set(mcp_oauth_sync.__all__) - {"__version__"}
    assert told == public
    assert list(mcp_oauth_sync.__all__) == sorted(mcp_oauth_sync.__all__)
    assert set(mcp_oauth_sync._HOME) | set(mcp_oauth_sync._ALIASES) == public - {"exceptions"}
    assert not any(isinstance(getattr(mcp_oauth_sync, name), types.ModuleType) for name in public - {"exceptions"})
