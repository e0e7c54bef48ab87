"""Looks at pages in headless Chromium, as a program: ``python look.py FOLDER URL...`` prints what it saw as JSON.

Each page is opened once, then seen in light and dark, wide and narrow; pictures are put into the folder. A process of
its own, because Playwright's blocking interface cannot run inside a running event loop.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.real.browser_click import FLAGS

SCHEMES = ("light", "dark")
WIDTHS = {"wide": (900, 700), "narrow": (360, 740)}
_LIFETIME_SECONDS = 100

# The contrast of each piece of text, and of the drawing, with what is behind it. WCAG 2.2, relative luminance.
_MEASURE = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const words = walker.currentNode.data.trim(), e = walker.currentNode.parentElement;
    if (words) texts[words] = ratio(parts(getComputedStyle(e).color), behind(e));
  }
  const drawn = document.querySelector('path');
  const ground = getComputedStyle(document.body).backgroundColor;
  const root = document.documentElement;
  return {texts, ground, drawing: ratio(parts(getComputedStyle(drawn).stroke), behind(drawn)),
    sideways: root.scrollWidth > root.clientWidth};
}"""


def look(browser: Browser, url: str, folder: Path, number: int) -> dict[str, object]:
    """Open a page and tell all about it."""
    page = browser.new_page()
    console: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: console.append(message.text))
    page.on("pageerror", lambda error: console.append(error.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    seen = {}
    for scheme in SCHEMES:
        for width, (across, down) in WIDTHS.items():
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": across, "height": down})
            page.screenshot(path=folder / f"{number}-{scheme}-{width}.png", animations="disabled")
            seen[f"{scheme} {width}"] = page.evaluate(_MEASURE)
    status = page.locator("role=status").inner_text()
    return {"title": page.title(), "status": status, "console": console, "asked": asked, "seen": seen}


def main() -> int:
    """Look at every page."""
    signal.alarm(_LIFETIME_SECONDS)
    folder, urls = Path(sys.argv[1]), sys.argv[2:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        print(json.dumps([look(browser, url, folder, number) for number, url in enumerate(urls)]))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
