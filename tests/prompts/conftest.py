"""Two servers and a person for every test of the prompts, and a kernel for those in notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.attacks.canary import Canary
from tests.servers import AuthorizationServer, McpServer, Person

if TYPE_CHECKING:
    from .kernel import Kernel


@pytest.fixture
def az() -> Iterator[AuthorizationServer]:
    with AuthorizationServer() as running:
        yield running


@pytest.fixture
def mcp(az: AuthorizationServer) -> Iterator[McpServer]:
    with McpServer(az) as running:
        yield running


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person()
    yield person
    person.join()


@pytest.fixture(scope="session")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    from .kernel import Kernel

    with Kernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def kernel(shared_kernel: Kernel, home: Path, canary: Canary) -> Kernel:
    """The kernel, with this test's home; what its cells keep must hold no secret."""
    shared_kernel.enter(canary.hear)
    return shared_kernel
