"""A process with a sign-in of its own memory: told how many threads shall call, it says what each of them got."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import requests

from mcp_oauth_sync import CallbackPrompt, NoPrompt, OAuth, Prompt
from tests.scene import PING
from tests.servers import Person


def main(url: str, whom: str) -> None:
    """Read a number of threads per line, answer with a line of JSON."""
    person, shown = Person(), []

    def show(authorization_url: str) -> None:
        shown.append(authorization_url)
        person.in_thread(authorization_url)

    prompt: Prompt = CallbackPrompt(show) if whom == "person" else NoPrompt()
    with requests.Session() as session:
        session.auth = OAuth(url, prompt=prompt)

        def call(_: int) -> int | str:
            try:
                return session.post(url, json=PING, timeout=60).status_code
            except Exception as failure:
                return f"{type(failure).__name__}: {failure}"

        print("ready", flush=True)
        for line in sys.stdin:
            with ThreadPoolExecutor(int(line)) as pool:
                got = list(pool.map(call, range(int(line))))
            person.join()
            print(json.dumps({"got": got, "shown": len(shown)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
