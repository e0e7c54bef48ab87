"""Where an authorization server is met halfway: what the caller chose, else what an earlier sign-in there remembers.

Every choice is for one issuer. What is remembered is for the issuer of the stored sign-in. A plain yes of the caller,
which names no issuer, is for that one too; where nothing is stored it is for the first one met. MCP client
registration (binding to the authorization server), RFC 8707 (``resource``).
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from .exceptions import printable
from .models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from .models.options import AS_PUBLISHED, SignInOptions
from .models.record import ServerRecord
from .models.switches import NO_SWITCHES, Switches
from .protocol.remedies import argument
from .protocol.server_metadata import same_issuer
from .urls import covers


@attrs.frozen(kw_only=True)
class Directions:
    """Where to look for the authorization server's metadata.

    Attributes:
        issuer: The authorization server to use where the MCP server names none; None takes its own origin.
        metadata_url: Where the metadata is; None looks at the well-known places.
        recalled_for: The issuer that ``metadata_url`` is remembered for; None where the caller gave it.
    """

    issuer: str | None = None
    metadata_url: str | None = None
    recalled_for: str | None = None


#: The caller says nothing.
NO_DIRECTIONS = Directions()


@attrs.frozen(kw_only=True)
class Concessions:
    """What one sign-in goes by.

    Attributes:
        switches: What is in force.
        lapsed: What the caller said yes to, as arguments, when another authorization server was in use.
    """

    switches: Switches = NO_SWITCHES
    lapsed: tuple[str, ...] = ()

    def remind(self, hint: str | None, *, issuer: str, before: str) -> str | None:
        """Return a hint in which what has lapsed names the authorization server that is in use now.

        Args:
            hint: What to do about an error; None when nothing is known.
            issuer: The authorization server in use now.
            before: The one that was in use when the caller said yes.
        """
        for yes in self.lapsed:
            if hint and yes in hint:
                name, _, said = yes.partition("=")
                now = argument("issuer", issuer)
                again = f"{yes} and {now}" if said == "None" else now.replace("issuer", name, 1)
                hint = f"{hint.replace(yes, again)} ({yes} alone is for {printable(before)}, which was used before.)"
        return hint


def recall(record: ServerRecord, issuers: Sequence[str]) -> Switches:
    """Return what a record remembers, for its own issuer only.

    Args:
        record: What an earlier sign-in left behind.
        issuers: The authorization servers in question; none at all stands for the record's own.
    """
    ours = not issuers or any(same_issuer(record.issuer, issuer) for issuer in issuers)
    return record.switches if ours else NO_SWITCHES


def accepted_resource(options: SignInOptions, record: ServerRecord, published: ProtectedResourceMetadata) -> str | None:
    """Return the resource that may be published although it is another one than the server's URL; None: there is none.

    This is asked before the authorization server is known: what is remembered counts only where it can be no other.

    Args:
        options: The caller's choices.
        record: What an earlier sign-in left behind.
        published: What the server says about itself.
    """
    if options.expected_resource:
        return options.expected_resource
    issuers = [options.issuer] if options.issuer else published.authorization_servers
    certain = all([same_issuer(record.issuer, issuer) for issuer in issuers]) and (issuers or not options.metadata_url)
    return record.switches.expected_resource if certain else None


def choose_directions(options: SignInOptions, record: ServerRecord, named: Sequence[str]) -> Directions:
    """Return where to look for the authorization server.

    Args:
        options: The caller's choices.
        record: What an earlier sign-in left behind.
        named: The issuers that the MCP server names.
    """
    if options.metadata_url:
        return Directions(issuer=options.issuer, metadata_url=options.metadata_url)
    told = recall(record, [options.issuer] if options.issuer else named)
    return Directions(
        issuer=options.issuer or (None if named else told.issuer),
        metadata_url=told.metadata_url,
        recalled_for=record.issuer if told.metadata_url else None,
    )


def choose_concessions(
    options: SignInOptions,
    record: ServerRecord,
    issuer: str,
    *,
    server_url: str,
    published: ProtectedResourceMetadata | None,
) -> Concessions:
    """Return what is in force at one authorization server.

    Args:
        options: The caller's choices; they win.
        record: What an earlier sign-in left behind; it counts where it is one at this issuer.
        issuer: The authorization server that was found.
        server_url: The MCP server.
        published: What the server says about itself; None when it says nothing.
    """
    told, bound = recall(record, [issuer]), options.issuer or record.issuer
    elsewhere = bool(bound) and not same_issuer(bound, issuer)
    yes = {f"{name}=True": getattr(options, name) is True for name in ("assume_pkce", "allow_missing_iss")}
    yes["resource=None"] = options.resource is None
    named = published.authorization_servers if published else ()
    given = options.issuer if options.issuer and same_issuer(options.issuer, issuer) else None
    unsent, resource = options.resource is None and not elsewhere, options.resource
    if resource is AS_PUBLISHED:
        unsent, resource = told.no_resource, told.resource
    switches = Switches(
        assume_pkce=_holds(options.assume_pkce, told.assume_pkce, issuer, elsewhere=elsewhere),
        allow_missing_iss=_holds(options.allow_missing_iss, told.allow_missing_iss, issuer, elsewhere=elsewhere),
        no_resource=unsent,
        resource=None if published and resource == published.resource else resource,
        expected_resource=_accepted(options.expected_resource or told.expected_resource, published, server_url),
        metadata_url=options.metadata_url or told.metadata_url,
        issuer=None if named else given or told.issuer,
        scopes=told.scopes if options.scopes is None else options.scopes,
        extra_scopes=options.extra_scopes or told.extra_scopes,
        no_offline_access=told.no_offline_access or not options.offline_access,
    )
    return Concessions(switches=switches, lapsed=tuple(name for name, given in yes.items() if given and elsewhere))


def select_used(switches: Switches, server: AuthorizationServerMetadata) -> tuple[str, ...]:
    """Return the relaxations, as arguments, that make a difference at a server.

    Args:
        switches: What is in force.
        server: What the server says about itself.
    """
    needless = {
        "assume_pkce=True": server.code_challenge_methods_supported is not None,
        "allow_missing_iss=True": not server.authorization_response_iss_parameter_supported,
    }
    return tuple(name for name in switches.relaxations if not needless.get(name))


def _accepted(named: str | None, published: ProtectedResourceMetadata | None, server_url: str) -> str | None:
    """Return the published resource, where it is accepted for being named and for nothing else."""
    if published is None or covers(published.resource, server_url):
        return None
    return named if named == published.resource else None


def _holds(choice: bool | tuple[str, ...], remembered: bool, issuer: str, *, elsewhere: bool) -> bool:
    """Tell whether a relaxation holds at an issuer."""
    if isinstance(choice, tuple):
        return any(same_issuer(named, issuer) for named in choice)
    return (choice and not elsewhere) or remembered
