"""The rooms, and the tests that belong to each. ``python -m tests.mutation.rooms`` lists the files for coverage."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class Room:
    """Files that do one thing together.

    Attributes:
        files: The files, below the package.
        tests: Tests and folders of tests, below ``tests``.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]


ROOMS: Mapping[str, Room] = {
    "locks": Room(
        files=("stores/locks.py",),
        tests=("stores/test_locks.py", "stores/test_manager.py", "stores/test_damage.py"),
    ),
    "urls": Room(
        files=("urls.py",),
        tests=("test_urls.py", "fuzz", "vectors", "models", "protocol", "attacks/test_authorization_urls.py"),
    ),
    "callback": Room(
        files=("models/callback.py", "models/redirect.py", "prompts/answer.py", "prompts/loopback.py"),
        tests=("models", "prompts", "fuzz", "protocol/test_authorization.py", "grants/test_authorization_code.py"),
    ),
    "tokens": Room(
        files=(
            *("models/tokens.py", "grants/refresh_token.py"),
            *("authorizer/held.py", "authorizer/keeping.py", "authorizer/refresh.py"),
        ),
        tests=("models", "grants", "authorizer", "protocol/test_token_endpoint.py", "auth", "stories/test_next_day.py"),
    ),
    "stores": Room(
        files=(
            *("stores/encrypted_file.py", "stores/entry_files.py", "stores/file_names.py", "stores/key_file.py"),
            *("stores/private_files.py", "stores/sealing.py"),
        ),
        tests=(
            *("stores/test_encrypted_file.py", "stores/test_file_format.py", "stores/test_file_names.py"),
            *("stores/test_private_files.py", "stores/test_damage.py", "stores/test_password_change.py"),
            *("stores/test_store_check.py", "stores/test_save_faults.py", "stores/test_manager.py"),
            *("stores/test_other_secrets.py", "stores/test_many_entries.py", "fuzz"),
        ),
    ),
}

if __name__ == "__main__":
    print(",".join(f"mcp_oauth_sync/{file}" for room in ROOMS.values() for file in room.files))
