"""A secret is a string that does not show itself."""

from __future__ import annotations

import json

from mcp_oauth_sync.models.secret import Secret, secret_or_none


def test_a_secret_is_a_string_with_nothing_to_show() -> None:
    secret = Secret("canary-0123456789")
    assert repr(secret) == "<secret, 17 characters>"
    assert "canary" not in repr({"token": secret, "list": [secret]})
    assert secret == "canary-0123456789"
    assert json.dumps({"token": secret}) == '{"token": "canary-0123456789"}'


def test_nothing_is_no_secret() -> None:
    assert secret_or_none(None) is None
    assert secret_or_none("") is None
    assert isinstance(secret_or_none("x"), Secret)
