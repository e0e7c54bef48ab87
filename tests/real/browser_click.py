"""A person with a browser, as a program: opens a URL in headless Chromium, clicks once, waits.

``python browser_click.py URL [--click SELECTOR] [--shot FILE] [--html FILE] [--report FILE] [--insecure]``.
A process of its own, because Playwright's blocking interface cannot run inside a running event loop; with
``--detach`` it returns at once and a second process does the work.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# --no-sandbox for root; the others keep Chromium from calling the outside world.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_TIMEOUT_MS = 45_000
_LIFETIME_SECONDS = 90


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Open a URL in headless Chromium and click once.")
    parser.add_argument("url")
    parser.add_argument("--click", metavar="SELECTOR", help="what to click, if the page has it")
    parser.add_argument("--shot", type=Path, metavar="FILE", help="screenshot of the last page")
    parser.add_argument("--html", type=Path, metavar="FILE", help="source of the last page")
    parser.add_argument("--report", type=Path, metavar="FILE", help="JSON: where it landed; written last")
    parser.add_argument("--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--detach", action="store_true", help="do it in the background")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--size", default="900x700", metavar="WxH")
    return parser.parse_args()


def visit(page: Page, url: str, selector: str | None) -> bool:
    """Open, click if there is something to click, wait for the page that follows; tell whether it clicked."""
    page.goto(url)
    if selector is None or not page.locator(selector).count():
        return False
    before = page.url
    page.click(selector)
    page.wait_for_url(lambda now: now != before)
    return True


def run(given: argparse.Namespace) -> dict[str, object]:
    """Visit, write screenshot and source of the last page, and tell where that was."""
    # Not at the top: the process that only starts another one has no time for it.
    from playwright.sync_api import Error, sync_playwright

    width, _, height = given.size.partition("x")
    report: dict[str, object] = {"clicked": False, "failure": None}
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(
            ignore_https_errors=given.insecure,
            color_scheme=given.scheme,
            viewport={"width": int(width), "height": int(height)},
        )
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.set_default_timeout(_TIMEOUT_MS)
        try:
            report["clicked"] = visit(page, given.url, given.click)
        except Error as error:
            report["failure"] = error.message
        report.update(url=page.url, title=page.title(), text=page.inner_text("body"), console=problems)
        report["scroll_height"] = page.evaluate("document.documentElement.scrollHeight")
        if given.shot:
            page.screenshot(path=given.shot)
        if given.html:
            given.html.write_text(page.content(), encoding="utf-8")
        browser.close()
    return report


def main() -> int:
    """Run once; 0 when the visit went well."""
    given = read_arguments()
    if given.detach:
        again = [argument for argument in sys.argv if argument != "--detach"]
        subprocess.Popen(
            [sys.executable, *again],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return 0
    signal.alarm(_LIFETIME_SECONDS)
    report = run(given)
    if given.report:
        unfinished = given.report.with_suffix(".part")
        unfinished.write_text(json.dumps(report), encoding="utf-8")
        unfinished.replace(given.report)
    return 0 if report["failure"] is None else 1


if __name__ == "__main__":
    sys.exit(main())
