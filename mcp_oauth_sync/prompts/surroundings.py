"""What this process stands in: a terminal, a notebook, an SSH session, a container, Windows' Linux. RFC 8252 section 4.

Everything is read from the environment at the moment of asking; nothing is started or changed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: What marks the inside of a container.
_CONTAINER_NAMES = ("container", "KUBERNETES_SERVICE_HOST")
_CONTAINER_FILES = (Path("/.dockerenv"), Path("/run/.containerenv"))
_HOSTS_OF_NOTEBOOKS = ("JUPYTERHUB_SERVICE_PREFIX", "CODESPACES")
_KERNEL_VERSION = Path("/proc/version")
#: What names a screen or a browser on Linux.
_SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


def at_terminal() -> bool:
    """Tell whether a person can read what this process prints: input or errors are a terminal."""
    for stream in (sys.stdin, sys.stderr):
        try:
            if stream is not None and stream.isatty():
                return True
        except (AttributeError, ValueError):  # a stand-in for a stream, or a closed one
            continue
    return False


def in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    return notebook_kernel() is not None


def notebook_kernel() -> object | None:
    """Return the kernel that this process is; None outside of notebooks."""
    shell = sys.modules.get("IPython")
    running = getattr(shell, "get_ipython", lambda: None)()
    return getattr(running, "kernel", None)


def is_hosted_notebook() -> bool:
    """Tell whether a notebook runs on somebody else's computer: JupyterHub, Codespaces, Colab."""
    return any(os.environ.get(name) for name in _HOSTS_OF_NOTEBOOKS) or "google.colab" in sys.modules


def somebody_there() -> bool:
    """Tell whether a person sits in front of this process: at a terminal or in a notebook."""
    return at_terminal() or in_notebook()


def is_ssh() -> bool:
    """Tell whether the person came over SSH: their browser is on another machine."""
    return bool(os.environ.get("SSH_CONNECTION"))


def is_container() -> bool:
    """Tell whether this process runs in a container, whose loopback interface is its own."""
    return any(os.environ.get(name) for name in _CONTAINER_NAMES) or any(path.exists() for path in _CONTAINER_FILES)


def is_wsl() -> bool:
    """Tell whether this is Linux inside Windows."""
    if sys.platform != "linux":
        return False
    try:
        return "microsoft" in _KERNEL_VERSION.read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False


def windows_opener() -> str | None:
    """Return the program that opens Windows' browser from WSL; None when there is none, or a screen or BROWSER."""
    if any(os.environ.get(name) for name in _SCREENS) or not is_wsl():
        return None
    from shutil import which

    return which("wslview")


def browser_at_hand() -> bool:
    """Tell whether opening a browser makes sense: there is a screen, or the user named a browser.

    Without a screen the standard library would start a text browser on top of the running program.
    """
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in _SCREENS) or windows_opener() is not None


def browser_reaches_person() -> bool:
    """Tell whether a browser that is opened from here comes up in front of the person.

    Over SSH it does not, unless BROWSER names one: editors set it to a helper that opens the browser at their end.
    """
    return bool(os.environ.get("BROWSER")) or (browser_at_hand() and not is_ssh())
