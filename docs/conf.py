"""How Sphinx builds these pages. ``python -m sphinx -W --keep-going -n docs build/docs``; nothing is fetched."""

from __future__ import annotations

import builtins
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sphinx.domains.python import PyObject

import mcp_oauth_sync
import mcp_oauth_sync.doctor
import mcp_oauth_sync.mcp
import mcp_oauth_sync.testing

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "mcp-oauth-sync"
author = "mcp_oauth_sync contributors"
version = release = mcp_oauth_sync.__version__
needs_sphinx = "8.1"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
default_role = "py:obj"
highlight_language = "text"
nitpicky = True
# Names of Python and of other projects have no page here, and their inventories would have to be fetched.
nitpick_ignore_regex = [
    (r"py:.*", "|".join(dir(builtins))),
    (
        r"py:.*",
        r"(abc|collections|contextlib|datetime|enum|http|hvac|logging|pathlib|requests|types|typing|urllib3)\..*",
    ),
    (r"py:.*", r"AbstractContextManager|Any|Path|T|optional|(mcp_oauth_sync\.protocol\.public_only\.)?_S"),
    # Types that only this library makes.
    (
        r"py:.*",
        r"(mcp_oauth_sync\.(protocol\.dpop|stores\.sealing)\.)?(Headers|Heard|Keys|LoginFunction|Sign|build_key)",
    ),
]

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_default_options = {
    "members": True,
    # Ways that several classes have from one without a page; not what Python itself gives, nor requests.
    "inherited-members": "object, ABC, Enum, BaseException, OSError, TimeoutError, ValueError, OAuthError, dict, str, "
    "HTTPAdapter, BaseAdapter",
}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"


def public_names() -> dict[str, str]:
    """Return the public name of each class by the place it is written in."""
    found: dict[str, str] = {}
    rooms = (mcp_oauth_sync.mcp, mcp_oauth_sync.doctor, mcp_oauth_sync.testing)
    for module in (mcp_oauth_sync.exceptions, mcp_oauth_sync, *rooms):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value):
                found.setdefault(f"{value.__module__}.{value.__qualname__}", f"{module.__name__}.{value.__name__}")
    return found


PUBLIC = public_names()


def at_its_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Resolve a name that stands alone, or that of the place a class is written in: its page has the public one."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    python = env.domains.python_domain
    ends = [name for name in python.objects if name.endswith(f".{target}")]
    name = PUBLIC.get(target) or min(ends, key=len, default=None)
    return name and python.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, contnode)


def without_private_bases(app: Sphinx, name: str, obj: type, options: dict[str, object], bases: list[type]) -> None:
    """Leave out bases that have no page: what they bring is shown with the class."""
    shown = [base for base in bases if PUBLIC.get(f"{base.__module__}.{base.__qualname__}")]
    bases[:] = shown or [base for base in bases if not base.__module__.startswith("mcp_oauth_sync")] or [object]


def setup(app: Sphinx) -> None:
    """Connect the above, and call attributes what they are."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("missing-reference", at_its_public_name)
    app.connect("autodoc-process-bases", without_private_bases)
