"""What makes the command line sign in as a caller would."""

from __future__ import annotations

from pathlib import Path

from ..models.options import AS_PUBLISHED, SignInOptions


def flags_for(options: SignInOptions) -> list[str]:
    """Return the flags of ``mcp-oauth-sync auth`` that stand for a caller's choices.

    Args:
        options: The choices; what can only be said in a program is left out.
    """
    yes = {"--assume-pkce": options.assume_pkce, "--allow-missing-iss": options.allow_missing_iss}
    named = [value[0] for value in yes.values() if isinstance(value, tuple) and len(value) == 1]
    resource = None if options.resource is AS_PUBLISHED else options.resource or "none"
    key = options.client_key.key if options.client_key else None
    valued = {
        "--client-id": options.client_id,
        "--client-document": options.client_id_metadata_url,
        "--client-key": key if isinstance(key, Path) else None,
        "--auth-method": options.token_endpoint_auth_method,
        "--port": ",".join(str(port) for port in options.callback_port),
        "--host": options.callback_host,
        "--bind": options.callback_bind,
        "--redirect-uri": options.redirect_uri,
        "--extra-scopes": " ".join(options.extra_scopes),
        "--issuer": options.issuer or next(iter(named), None),
        "--metadata-url": options.metadata_url,
        "--resource": resource,
        "--expected-resource": options.expected_resource,
    }
    return [
        *(part for flag, value in valued.items() if value for part in (flag, str(value))),
        *(flag for flag, value in yes.items() if value),
        *([] if options.offline_access else ["--no-offline-access"]),
        *(["--dpop"] if options.dpop else []),
        *(["--public-only"] if options.public_only else []),
    ]
