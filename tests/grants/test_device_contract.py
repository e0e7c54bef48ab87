"""The contract of grants over the device code, with a clock that does not wait."""

from __future__ import annotations

import itertools
from typing import ClassVar

from mcp_oauth_sync import CallbackPrompt, DeviceCodeGrant, Grant, Prompt
from mcp_oauth_sync.testing import GrantContract
from mcp_oauth_sync.testing.token_server import Answer, Asked


class TestDeviceCode(GrantContract):
    metadata: ClassVar = {"device_authorization_endpoint": "{issuer}/device"}

    def open_grant(self) -> Grant:
        return DeviceCodeGrant(clock=itertools.count(step=20).__next__, sleep=lambda seconds: None)

    def open_prompt(self) -> Prompt:
        return CallbackPrompt(print, show_code=lambda device: None)

    def serve(self, asked: Asked) -> Answer | None:
        if asked.path != "/device":
            return None
        answer = {
            "device_code": "device-code-Zq7XcV2bN9mK4jH6",
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://as.example.com/device",
            "expires_in": 900,
        }
        return Answer(200, answer)
