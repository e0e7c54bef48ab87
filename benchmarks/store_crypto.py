"""How many writes of a store of files take an initialisation vector of their own, and open as documented: all should.

    python -m benchmarks.store_crypto
    python -m benchmarks.store_crypto --writes 100000

Needs what the tests need. Every file that is written is opened without the library, by the layout that ``docs`` gives.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from mcp_oauth_sync.stores.encrypted_file import EncryptedFileStore
from tests.stores.opener import key_from_file, open_sealed, parts


def main() -> None:
    """Write, open, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writes", type=int, default=10_000)
    told = parser.parse_args()
    began, vectors, opened = time.monotonic(), set(), 0
    with tempfile.TemporaryDirectory() as folder:
        store = EncryptedFileStore(Path(folder))
        for number in range(told.writes):
            name = f"name-{number % 10}"
            store.store_generic(name, f"value {number}")
            sealed = store.path(name, "generic").read_bytes()
            vectors.add(parts(sealed)[1])
            key = key_from_file((Path(folder) / "store.key").read_bytes(), parts(sealed)[0])
            opened += open_sealed(sealed, key, f"generic/{name}") == f"value {number}"
    print(
        f"{told.writes} writes: {len(vectors)} different initialisation vectors, {opened} opened as documented; "
        f"{time.monotonic() - began:.0f} s"
    )
    sys.exit(not len(vectors) == opened == told.writes)


if __name__ == "__main__":
    main()
