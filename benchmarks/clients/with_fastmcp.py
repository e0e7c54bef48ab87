"""List the tools of a server, with fastmcp: in encrypted files, because sign-ins are kept in memory otherwise."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet
from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import (
    FileTreeStore,
    FileTreeV1CollectionSanitizationStrategy,
    FileTreeV1KeySanitizationStrategy,
)
from key_value.aio.wrappers.encryption import FernetEncryptionWrapper


async def main(url: str) -> None:
    folder = Path.home() / "sign-ins"
    folder.mkdir(exist_ok=True)
    files = FileTreeStore(
        data_directory=folder,
        key_sanitization_strategy=FileTreeV1KeySanitizationStrategy(folder),
        collection_sanitization_strategy=FileTreeV1CollectionSanitizationStrategy(folder),
    )
    with suppress(FileExistsError), (folder / "key").open("xb") as file:
        file.write(Fernet.generate_key())
    store = FernetEncryptionWrapper(key_value=files, fernet=Fernet((folder / "key").read_bytes()))
    async with Client(url, auth=OAuth(token_storage=store)) as client:
        print(len(await client.list_tools()), "tools")


asyncio.run(main(sys.argv[1]))
