"""Results that the server says stay good for a while, kept in memory for one session.

MCP 2026-07-28, "Caching".
"""

from __future__ import annotations

import hmac
import json
import math
import os
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

#: The operations whose results may be kept.
CACHEABLE = frozenset(
    {
        *("server/discover", "tools/list", "prompts/list"),
        *("resources/list", "resources/templates/list", "resources/read"),
    }
)
#: What a notification says is no longer good; "resources/updated" means one resource.
INVALIDATED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "notifications/tools/list_changed": ("tools/list",),
        "notifications/prompts/list_changed": ("prompts/list",),
        "notifications/resources/list_changed": ("resources/list", "resources/templates/list"),
        "notifications/resources/updated": ("resources/read",),
    }
)
#: Most seconds that a result is kept, whatever the server says.
MAX_LIFETIME = 24 * 3600.0
#: Most characters of JSON that are kept together.
MAX_SIZE = 16 * 1024 * 1024


@attrs.frozen(kw_only=True)
class _Kept:
    """A result as text, so that each caller gets a document of its own.

    Attributes:
        until: When it is good no longer, by the cache's clock.
        owner: Fingerprint of who may see it; None for everybody.
        uri: The resource, where it is one.
        size: Characters it takes.
    """

    until: float
    owner: bytes | None = attrs.field(repr=False)
    uri: str | None
    size: int
    text: str = attrs.field(repr=False)


class ResultCache:
    """What a server answered, for as long as it said. Any number of threads may share it; a forked child begins anew.

    Args:
        clock: Tells seconds; may not go backwards.
        max_entries: Most results kept; the one not used for longest goes first. 0 keeps none.

    Raises:
        ValueError: ``max_entries`` is negative.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_entries: int = 256) -> None:
        """Know nothing yet."""
        if max_entries < 0:
            raise ValueError("max_entries must not be negative.")
        self.clock, self._max_entries = clock, max_entries
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._forgotten: dict[str, float] = {}

    def get(self, method: str, params: Mapping[str, object], *, authorization: str | None) -> dict[str, Any] | None:
        """Return a result that is still good, as a copy; None when the server has to be asked.

        Args:
            method: The operation.
            params: Its parameters. ``_meta`` does not count.
            authorization: The Authorization header that would be sent; None when there is none.
        """
        key = _key(method, params)
        if key is None:
            return None
        asker = self._fingerprint(authorization)
        with self._lock:
            kept = self._kept.pop(key, None)
            if kept is None or self.clock() >= kept.until:
                return None
            self._kept[key] = kept  # behind all others: the first goes first
            if kept.owner not in (None, asker):
                return None
        found: dict[str, Any] = json.loads(kept.text)
        return found

    def put(
        self,
        method: str,
        params: Mapping[str, object],
        result: Mapping[str, object],
        *,
        authorization: str | None,
        asked: float | None = None,
        received: float | None = None,
    ) -> None:
        """Keep a result if the server allows it. It takes the place of what was kept for the same request.

        Not kept are interim results, answers to a request that carries answers of a person, and those of operations
        that are not cacheable.

        Args:
            method: The operation.
            params: Its parameters. ``_meta`` does not count.
            result: What the server answered.
            authorization: The Authorization header that was sent; None when there was none. It is not kept.
            asked: When the request was sent, by the clock. What was forgotten since then is not kept. None does not
                look.
            received: When the result came, by the clock; None means now.
        """
        key = _key(method, params)
        if key is None or result.get("resultType", "complete") != "complete":
            return
        now = self.clock()
        until = (now if received is None else received) + _lifetime(result.get("ttlMs"))
        text = _json(result) if now < until else None
        owner = None if result.get("cacheScope") == "public" else self._fingerprint(authorization)
        uri = params.get("uri")
        with self._lock:
            if asked is not None and asked <= self._forgotten.get(method, -math.inf):
                return
            self._kept.pop(key, None)
            size = len(key[1]) + len(text or "")
            if text is not None and size <= MAX_SIZE and self._max_entries:
                self._make_room(size)
                place = uri if isinstance(uri, str) else None
                self._kept[key] = _Kept(until=until, owner=owner, uri=place, size=size, text=text)

    def forget(self, *methods: str, uri: str | None = None) -> None:
        """Forget results, and those on their way: after an invalid cursor, or when a tool is suddenly unknown.

        Args:
            methods: Operations whose results go; none means all.
            uri: Only what was read from this resource, or from one it is a part of; None means all.
        """
        chosen = CACHEABLE.intersection(methods) if methods else CACHEABLE
        with self._lock:
            self._forgotten.update(dict.fromkeys(chosen, self.clock()))
            for key, kept in list(self._kept.items()):
                if key[0] in chosen and (uri is None or _is_part(uri, kept.uri)):
                    del self._kept[key]

    def hear(self, notification: str, params: Mapping[str, object]) -> None:
        """Forget what a notification says has changed. Others change nothing.

        Args:
            notification: Its method.
            params: Its parameters.

        MCP 2026-07-28, "Interaction with Notifications".
        """
        methods = INVALIDATED_BY.get(notification)
        if methods:
            uri = params.get("uri") if methods == ("resources/read",) else None
            self.forget(*methods, uri=uri if isinstance(uri, str) else None)

    def _make_room(self, size: int) -> None:
        """Let the oldest go until one more of a size fits."""
        total = size + sum(kept.size for kept in self._kept.values())
        while self._kept and (len(self._kept) >= self._max_entries or total > MAX_SIZE):
            total -= self._kept.pop(next(iter(self._kept))).size

    def _fingerprint(self, authorization: str | None) -> bytes:
        """Return what tells one caller from another and cannot be turned back."""
        said = b"" if authorization is None else b"=" + authorization.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, said, "sha256")


def _key(method: str, params: Mapping[str, object]) -> tuple[str, str] | None:
    """Return what a result is found by; None when none may be kept."""
    if method not in CACHEABLE or "inputResponses" in params or "requestState" in params:
        return None
    text = _json({name: value for name, value in params.items() if name != "_meta"}, in_order=True)
    return None if text is None else (method, text)


def _json(document: Mapping[str, object], *, in_order: bool = False) -> str | None:
    """Return JSON, in order the same for equal documents; None for what cannot be written so."""
    try:
        return json.dumps(document, sort_keys=in_order, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None


def _lifetime(ttl: object) -> float:
    """Return seconds; 0 for what is no number of milliseconds."""
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or not ttl > 0:
        return 0.0
    return min(ttl, MAX_LIFETIME * 1000) / 1000


def _is_part(uri: str, whole: str | None) -> bool:
    """Tell whether a resource is another one, or lies below it."""
    return whole is not None and (uri == whole or uri.startswith(whole.rstrip("/") + "/"))


#: Every cache, so that a forked child can empty them: a thread may have been in the middle of a change.
_all: weakref.WeakSet[ResultCache] = weakref.WeakSet()


def _begin_anew() -> None:
    for cache in _all:
        cache._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
