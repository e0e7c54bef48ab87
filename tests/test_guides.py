"""The how-to guides run as they stand, each page in the situation that it is about."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_oauth_sync import TokenManager

from .auth.proxy import ForwardProxy
from .blocks import DOCS, EXAMPLE, ROOT, at, blocks, run_python, runnable
from .cli.terminal import Terminal
from .prompts.conftest import kernel, shared_kernel
from .prompts.kernel import Kernel
from .real.openbao import Bao, bao, openbao_server
from .scene import Scene, stored
from .servers import (
    ABSENT,
    AuthorizationServer,
    IdentityProvider,
    McpServer,
    Origin,
    Person,
    Workload,
    json_reply,
    local_ca,
)
from .servers.keys import private_pem, public_pem
from .servers.messages import Exchange, Reply
from .servers.ports import free_ports

__all__ = ["bao", "kernel", "openbao_server", "shared_kernel"]

GUIDES = DOCS / "how_to"
LOGIN = "https://login.example.com"
NAME = "scripted"
MCP_SECRET, IDP_SECRET = "a-secret-at-the-mcp-server-Zq7XcV2bN9mK", "a-secret-at-the-company-jH6mK4nB8vC1xZ"
#: Pages whose code is run by another test.
ELSEWHERE = {
    "mcp.rst": "tests/test_mcp_code.py",
    "other_clients.rst": "tests/test_other_clients.py",
    "index.rst": "tests/test_readme_code.py",
    "stores.rst": "tests/stores/test_file_format.py",
    "tutorial.rst": "tests/test_tutorial.py",
    "users_choose.rst": "tests/attacks/test_public_only.py",
}


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def guide(name: str, *numbers: int) -> list[str]:
    """Return the code of a page, or some blocks of it."""
    code = runnable(GUIDES / f"{name}.rst")
    return [code[number] for number in numbers] if numbers else code


def test_over_ssh_the_address_is_printed_and_the_port_named_is_the_one_to_forward(scene: Scene, tmp_path: Path) -> None:
    [port] = free_ports(1)
    ran = run_python(
        guide("ssh"),
        tmp_path,
        replaced={**at(scene.mcp.url), "8765": str(port)},
        environment={"SSH_CONNECTION": "198.51.100.7 50000 203.0.113.9 22", "BROWSER": "", "DISPLAY": ":99"},
        follow=lambda terminal: Person()(terminal.address()),
    )
    assert ran.printed == [["200"], []]
    assert "window opens" not in ran.screen
    assert f"ssh -N -L {port}:127.0.0.1:{port}" in ran.screen


def test_in_a_container_the_browser_comes_back_through_the_published_port(scene: Scene, tmp_path: Path) -> None:
    [port] = free_ports(1)
    (tmp_path / "mcp_password").write_text("correct horse battery\n")
    places = {"/run/secrets": str(tmp_path), "/sign-ins": str(tmp_path / "sign-ins")}
    ran = run_python(guide("containers"), tmp_path, replaced={**at(scene.mcp.url), **places, "8765": str(port)})
    assert ran.printed == [[], ["200"], []]
    assert f"redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2F" in ran.opened[0]
    manager = TokenManager(tmp_path / "sign-ins", password="correct horse battery")
    assert manager.names() == [scene.url]


@pytest.mark.kernel
def test_in_a_notebook_a_link_is_followed(scene: Scene, kernel: Kernel) -> None:
    [cell] = guide("notebooks", 0)
    ran = kernel.run(cell.replace(EXAMPLE, scene.mcp.url), follow=scene.person.in_thread)
    scene.person.join()
    assert (ran.error, ran.printed) == (None, "200\n")


def test_one_cell_starts_a_sign_in_and_another_finishes_it(scene: Scene, tmp_path: Path) -> None:
    def paste(terminal: Terminal) -> None:
        terminal.read_until("Address where the browser ended: ")
        [address] = [line for line in terminal.output.decode().splitlines() if line.startswith("http")]
        terminal.press(f"{Person().redirect_only(address)}\n")

    cells = ["from mcp_oauth_sync import OAuth\nurl = " + repr(scene.url), *guide("notebooks", 1, 2)]
    ran = run_python(cells, tmp_path, replaced={}, follow=paste)
    assert ran.printed[-1] == ["Bearer"]
    assert scene.az.exchanges == 1


class CiService(Origin):
    """A CI service that says which job it is that asks."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.workload = workload
        self.route("GET", "/identity", self._say)

    def _say(self, exchange: Exchange) -> Reply:
        audience = exchange.param("audience")
        assert exchange.headers["Authorization"] == "Bearer the job's own"
        assert audience is not None
        return json_reply({"value": self.workload.assertion(audience)})


def test_in_ci_the_job_signs_in_as_itself(scene: Scene, tmp_path: Path) -> None:
    workload = Workload("https://ci.example.com", "repo:notes")
    workload.trust(scene.az)
    scene.az.machines.add_client("nightly-job", public_key=public_pem())
    (tmp_path / "key.pem").write_text(private_pem())
    with CiService(workload) as service:
        ran = run_python(
            guide("ci"),
            tmp_path,
            replaced={**at(scene.mcp.url), "/run/secrets": str(tmp_path), LOGIN: scene.az.issuer},
            environment={
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{service.url}/identity",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the job's own",
            },
        )
    assert ran.printed == [[NAME], [NAME], []]
    assert ran.opened == []
    assert (scene.az.machines.assertions, scene.az.machines.credentials) == (1, 1)


@pytest.mark.openbao
def test_a_fleet_shares_a_sign_in_in_a_vault(scene: Scene, bao: Bao, tmp_path: Path) -> None:
    known = {"backend": "vault", "vault_url": bao.server.url, "vault_mount_point": bao.mount}
    scene.sign_in(token_manager=TokenManager(**known, vault_token=bao.server.token))
    role_id, role = bao.server.role(bao.all_we_need())
    ran = run_python(
        guide("vault_fleet"),
        tmp_path,
        replaced={
            **at(scene.mcp.url),
            "https://vault.example.com": bao.server.url,
            'vault_mount_point="secret"': f'vault_mount_point="{bao.mount}"',
        },
        environment={"VAULT_ROLE_ID": role_id, "VAULT_SECRET_ID": bao.server.secret_id(role)},
    )
    assert (ran.printed, ran.opened) == ([[NAME]], [])
    assert [name for name in stored() if name.endswith(".enc")] == []


PROXIES = '{"https": "http://proxy.example.com:3128"}'
BUNDLE = "/etc/ssl/company-ca.pem"


def test_behind_a_proxy_every_request_goes_through_it(scene: Scene, tmp_path: Path) -> None:
    with ForwardProxy() as proxy:
        ours = {PROXIES: f'{{"http": "{proxy.url}"}}', BUNDLE: str(local_ca(tmp_path).ca_pem)}
        ran = run_python(guide("proxy_and_ca"), tmp_path, replaced={**at(scene.mcp.url), **ours})
        passed = len(proxy.passed)
    assert ran.printed == [["200"], [], []]
    assert passed == 6
    assert scene.az.exchanges == 1


def test_a_ca_of_the_session_holds_for_the_sign_in(tmp_path: Path) -> None:
    ca = local_ca(tmp_path)
    ours = {PROXIES: "{}", BUNDLE: str(ca.ca_pem)}
    with AuthorizationServer(ca.context) as az, McpServer(az, tls=ca.context) as mcp:
        ran = run_python(guide("proxy_and_ca"), tmp_path, replaced={**at(mcp.url), **ours}, ca=ca.ca_pem)
        assert (ran.printed, az.exchanges) == ([["200"], [], []], 1)
        assert (az.violations, mcp.violations) == ([], [])


def test_a_client_registered_by_hand_signs_in_also_where_switches_are_needed(scene: Scene, tmp_path: Path) -> None:
    scene.az.add_client("the-client-id")
    ports = sorted(free_ports(3))
    by_hand, by_switches, _ = guide("enterprise_idp")
    ours = {**at(scene.mcp.url), LOGIN: scene.az.issuer, "range(8765, 8768)": str(ports)}
    ran = run_python([by_hand], tmp_path, replaced=ours)
    assert ran.printed == [[NAME]]
    assert any(f"127.0.0.1%3A{port}%2F" in ran.opened[0] for port in ports)
    scene.az.metadata_overrides = {"code_challenge_methods_supported": ABSENT}
    scene.az.reject_resource = True
    scene.mcp.known_as.add(scene.mcp.url)
    ran = run_python(
        ["from mcp_oauth_sync import *\n" + by_hand.split("oauth =")[0], by_switches], tmp_path, replaced=ours
    )
    assert ran.printed == [[], [NAME]]


def test_the_sign_in_at_the_company_counts(scene: Scene, tmp_path: Path) -> None:
    with IdentityProvider(secret=IDP_SECRET) as company:
        scene.az.machines.add_client("our-app", MCP_SECRET)
        company.let_in(scene.az, "our-app")
        company.client_id = "app-at-the-company"
        by_hand, _, by_company = guide("enterprise_idp")
        ran = run_python(
            [by_hand.split("oauth =")[0], by_company],
            tmp_path,
            replaced={**at(scene.mcp.url), "https://idp.example.com": company.url},
            environment={"ID_TOKEN": company.id_token(), "IDP_SECRET": IDP_SECRET, "MCP_SECRET": MCP_SECRET},
        )
        assert (ran.printed, ran.opened) == ([[], [NAME]], [])
        assert (company.exchanges, company.violations) == (1, [])


def test_the_grant_of_ones_own_keeps_the_contract(tmp_path: Path) -> None:
    (tmp_path / "test_voucher.py").write_text("\n\n".join(guide("own_parts")))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_who_comes_over_calls_the_same_methods(scene: Scene, tmp_path: Path) -> None:
    ran = run_python(guide("coming_from_chuk"), tmp_path, replaced=at(scene.mcp.url))
    assert ran.printed == [["200"]]
    assert len(ran.opened) == 1


def test_a_web_application_sends_the_browser_and_takes_it_back(scene: Scene, tmp_path: Path) -> None:
    person = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.servers import Person\n"
        "print(browser_comes_back(Person().redirect_only(send_browser_to())))"
    )
    web, *others = runnable(DOCS / "signing_in.rst")
    ran = run_python([web, person, *others], tmp_path, replaced=at(scene.mcp.url))
    assert ran.printed == [[], ["Bearer"], *([] for _ in others)]


def test_every_page_with_code_is_run_by_a_test() -> None:
    here = Path(__file__).read_text(encoding="utf-8").partition("def test_every_page")[0]
    pages = [page for page in sorted(DOCS.rglob("*.rst")) if blocks(page, "python")]
    run = [page for page in pages if page.name in ELSEWHERE or re.search(rf'"{page.stem}(\.rst)?"', here)]
    assert [page.name for page in pages if page not in run] == []
    assert [name for name, test in ELSEWHERE.items() if f'"{name}"' not in (ROOT / test).read_text("utf-8")] == []


def test_no_block_of_the_guides_is_left_out() -> None:
    reasons = [block.reason for page in GUIDES.glob("*.rst") for block in blocks(page)]
    assert [reason for reason in reasons if reason is not None] == []
