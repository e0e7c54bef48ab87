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
        files=("interrupts.py", "stores/locks.py"),
        tests=("test_interrupts.py", "stores/test_locks.py", "stores/test_damage.py"),
    ),
    "urls": Room(
        files=("urls.py",),
        tests=("test_urls.py", "fuzz/test_urls.py", "vectors/test_well_knowns.py", "models/test_callback.py"),
    ),
    "callback": Room(
        files=("models/callback.py", "models/redirect.py", "prompts/answer.py", "prompts/loopback.py"),
        tests=(
            *("models/test_callback.py", "models/test_redirect.py", "vectors/test_redirects.py"),
            *("prompts/test_loopback.py", "prompts/test_callback.py", "fuzz/test_redirects.py"),
        ),
    ),
    "tokens": Room(
        files=(
            *("models/tokens.py", "grants/refresh_token.py"),
            *("authorizer/held.py", "authorizer/keeping.py", "authorizer/refresh.py"),
        ),
        tests=(
            *("models/test_tokens.py", "grants/test_refresh_token.py", "authorizer/test_held.py"),
            *("authorizer/test_held_alone.py", "authorizer/test_refresh_alone.py", "authorizer/test_interrupted.py"),
        ),
    ),
    "stores": Room(
        files=(
            *("stores/encrypted_file.py", "stores/entry_files.py", "stores/file_names.py", "stores/key_file.py"),
            *("stores/private_files.py", "stores/sealing.py"),
        ),
        tests=(
            *("stores/test_encrypted_file.py", "stores/test_file_format.py", "stores/test_file_names.py"),
            *("stores/test_private_files.py", "stores/test_damage.py", "stores/test_password_change.py"),
            *("stores/test_store_check.py", "stores/test_many_entries.py", "stores/test_factory.py"),
        ),
    ),
}

if __name__ == "__main__":
    print(",".join(f"mcp_oauth_sync/{file}" for room in ROOMS.values() for file in room.files))
