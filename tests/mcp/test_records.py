"""Records of MCP: right documents, sloppy ones, wrong ones, hostile ones."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_oauth_sync import mcp
from mcp_oauth_sync.exceptions import MCPError, ToolError
from mcp_oauth_sync.mcp import (
    Completion,
    Content,
    LogMessage,
    Progress,
    PromptArgument,
    PromptDefinition,
    PromptMessage,
    PromptResult,
    Resource,
    ResourceContents,
    ResourceTemplate,
    ServerInfo,
    Tool,
    ToolResult,
)
from mcp_oauth_sync.mcp.members import Record

Document = dict[str, Any]
TEXT = {"type": "text", "text": "22 degrees"}
IMAGE = {"type": "image", "data": "iVBORw==", "mimeType": "image/png", "annotations": {"audience": ["user"]}}
LINK = {"type": "resource_link", "uri": "file:///main.rs", "name": "main.rs", "mimeType": "text/x-rust", "size": 12}
EMBEDDED = {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "inside"}}
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
FOUND = {"supportedVersions": ["2026-07-28", "2025-11-25"], "capabilities": {"tools": {}}, "instructions": "Ask."}


def discovered(document: Document) -> ServerInfo:
    return ServerInfo.from_discover(document, protocol_version="2026-07-28")


#: Every way in, with the least document it takes.
READERS: dict[str, tuple[Callable[[Document], Record], Document]] = {
    "tool": (Tool.from_document, {"name": "t"}),
    "resource": (Resource.from_document, {"uri": "file:///a", "name": "a"}),
    "template": (ResourceTemplate.from_document, {"uriTemplate": "file:///{a}", "name": "a"}),
    "contents": (ResourceContents.from_document, {"uri": "file:///a", "text": ""}),
    "text": (Content.from_document, TEXT),
    "image": (Content.from_document, {"type": "image", "data": "", "mimeType": "image/png"}),
    "audio": (Content.from_document, {"type": "audio", "data": "", "mimeType": "audio/wav"}),
    "link": (Content.from_document, {"type": "resource_link", "uri": "file:///a", "name": "a"}),
    "embedded": (Content.from_document, {"type": "resource", "resource": {"uri": "file:///a", "text": "x"}}),
    "result": (ToolResult.from_document, {"content": []}),
    "argument": (PromptArgument.from_document, {"name": "a"}),
    "definition": (PromptDefinition.from_document, {"name": "p"}),
    "message": (PromptMessage.from_document, {"role": "user", "content": TEXT}),
    "prompt": (PromptResult.from_document, {"messages": []}),
    "completion": (Completion.from_document, {"completion": {"values": []}}),
    "initialize": (ServerInfo.from_initialize, HELLO),
    "discover": (discovered, {"supportedVersions": [], "capabilities": {}}),
    "progress": (Progress.from_document, {"progress": 1}),
    "log": (LogMessage.from_document, {"level": "info", "data": None}),
}
REQUIRED = [
    (kind, member)
    for kind, (_, least) in READERS.items()
    for member in least
    if (kind, member) not in {("contents", "text"), ("log", "data")}
    and not (kind in ("initialize", "discover") and member in ("capabilities", "serverInfo"))
]


# What all have


@pytest.mark.parametrize("kind", READERS)
def test_what_the_server_sent_is_kept_untouched(kind: str) -> None:
    read, least = READERS[kind]
    sent = {**least, "icons": [{"src": "https://example.com/i"}], "_meta": {"com.example/x": [1]}, "x-new": {"a": None}}
    before = copy.deepcopy(sent)
    record = read(sent)
    assert record.raw is sent
    assert sent == before
    assert record.meta == {"com.example/x": [1]}


@pytest.mark.parametrize("kind", READERS)
def test_the_least_document_has_no_metadata_and_can_be_copied(kind: str) -> None:
    read, least = READERS[kind]
    record = read(least)
    assert record.meta == {}
    assert pickle.loads(pickle.dumps(record)) == record == read(copy.deepcopy(least))


@pytest.mark.parametrize(("kind", "member"), REQUIRED)
def test_a_required_member_that_is_missing_is_named(kind: str, member: str) -> None:
    read, least = READERS[kind]
    for without in ({k: v for k, v in least.items() if k != member}, {**least, member: None}):
        with pytest.raises(MCPError, match=rf"^The server sent [a-z/' _]+ whose '{member}' is missing\.$"):
            read(without)


@pytest.mark.parametrize(("kind", "member"), REQUIRED)
def test_a_required_member_of_a_wrong_type_is_named_without_its_value(kind: str, member: str) -> None:
    read, least = READERS[kind]
    for wrong in (True, [7], ["SECRET", {}], {"SECRET": 1}, "SECRET"):
        if type(wrong) is type(least[member]) and not isinstance(wrong, list):
            continue
        with pytest.raises(MCPError) as refused:
            read({**least, member: wrong})
        assert f"'{member}' is not a" in str(refused.value)
        assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("kind", READERS)
def test_every_optional_member_of_a_wrong_type_counts_as_absent(kind: str) -> None:
    read, least = READERS[kind]
    optional = (
        "title description inputSchema outputSchema annotations mimeType size text uri name data arguments required "
        "isError total message logger instructions serverInfo resource hasMore _meta"
    ).split()
    wrong: Document = {name: None for name in optional if name not in least}
    wrong |= {name: 1.5 for name in wrong if name not in {"inputSchema", "total", "data"}}
    plain, sloppy = read(least), read({**least, **wrong})
    for field in attrs.fields(type(plain)):
        if field.name != "raw":
            assert getattr(sloppy, field.name) == getattr(plain, field.name)
    assert sloppy.meta == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = (
    "type text data mimeType uri name title description inputSchema outputSchema annotations size uriTemplate blob "
    "resource content structuredContent isError arguments required role messages completion values total hasMore "
    "protocolVersion capabilities serverInfo version supportedVersions instructions progress message level logger _meta"
).split()
KINDS = st.sampled_from(["text", "image", "audio", "resource", "resource_link", "video"])
PARTS = st.dictionaries(st.sampled_from(NAMES), JSON | KINDS, max_size=6)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    changes=st.dictionaries(
        st.sampled_from(NAMES), JSON | KINDS | PARTS | st.lists(PARTS, max_size=2), min_size=1, max_size=8
    )
)
def test_any_object_gives_a_record_or_our_error(kind: str, changes: Document) -> None:
    read, least = READERS[kind]
    for document in ({**least, **changes}, changes):
        try:
            record = read(document)
            shown = (repr(record), str(record))
            _ = [getattr(record, name, None) for name in ("meta", "text", "data")]
        except MCPError as refused:
            shown = (str(refused), "")
        assert all(text.isprintable() for text in shown)


@pytest.mark.parametrize("kind", READERS)
def test_a_record_is_shown_short_however_long_or_deep_it_is(kind: str) -> None:
    read, least = READERS[kind]
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    large = {
        name: "x" * 100_000 if isinstance(value, str) else value for name, value in least.items() if name != "type"
    }
    more: Document = {"structuredContent": {"a": deep}, "annotations": {"a": deep}, "inputSchema": {"a": deep}}
    more |= {"description": "y\x1b[31m\u202e" * 50_000, "instructions": "z" * 100_000, "message": "m" * 100_000}
    record = read({**least, **more, **large, "_meta": {"deep": deep}})
    assert len(repr(record)) < 1500
    assert repr(record).isprintable()
    assert len(str(record)) < 1500


def test_what_is_not_there_is_not_shown() -> None:
    assert repr(Tool(name="add", description="Adds.")) == "Tool(name='add', description='Adds.')"
    assert repr(Completion(values=("a",))) == "Completion(values=('a',), has_more=False)"
    assert repr(ServerInfo.bare("2026-07-28")) == "ServerInfo(protocol_version='2026-07-28')"


def test_every_record_is_at_the_door_of_the_package() -> None:
    assert sorted(mcp.__all__) == list(mcp.__all__)
    assert {cls.__name__ for cls in Record.__subclasses__()} <= set(mcp.__all__)
    assert all(getattr(mcp, name).__doc__ for name in mcp.__all__)


# Tools, resources, completions


def test_a_tool_is_read_with_its_schemas_as_they_came() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "$ref": "#/$defs/a"}
    given = {"type": "array", "items": {"type": "string"}}
    tool = Tool.from_document(
        {
            "name": "get_weather",
            "title": "Weather",
            "description": "Looks out of the window",
            "inputSchema": schema,
            "outputSchema": given,
            "annotations": {"readOnlyHint": True},
        }
    )
    assert (tool.name, tool.title, tool.description) == ("get_weather", "Weather", "Looks out of the window")
    assert tool.input_schema is schema
    assert tool.output_schema is given
    assert tool.annotations == {"readOnlyHint": True}


def test_a_tool_without_a_schema_takes_any_object() -> None:
    assert Tool.from_document({"name": "t"}).input_schema == {"type": "object"} == Tool(name="t").input_schema
    assert Tool.from_document({"name": "t", "inputSchema": None}).input_schema == {"type": "object"}
    assert Tool.from_document({"name": "t", "inputSchema": {}}).input_schema == {}
    with pytest.raises(MCPError, match=r"a tool whose 'inputSchema' is not an object\.$"):
        Tool.from_document({"name": "t", "inputSchema": []})


def test_a_resource_is_read() -> None:
    resource = Resource.from_document(
        {
            "uri": "file:///README.md",
            "name": "README.md",
            "title": "Read me",
            "description": "Start here",
            "mimeType": "text/markdown",
            "size": 1024,
            "annotations": {"priority": 0.8},
        }
    )
    assert (resource.uri, resource.name, resource.title) == ("file:///README.md", "README.md", "Read me")
    assert (resource.description, resource.mime_type, resource.size) == ("Start here", "text/markdown", 1024)
    assert resource.annotations == {"priority": 0.8}


@pytest.mark.parametrize(
    ("size", "read"), [(10.0, 10), (0, 0), (True, None), (1.5, None), ("10", None), (math.nan, None), (math.inf, None)]
)
def test_a_size_is_a_whole_number_or_unknown(size: object, read: int | None) -> None:
    found = Resource.from_document({"uri": "file:///a", "name": "a", "size": size}).size
    assert found == read
    assert type(found) is type(read)


def test_a_template_is_read() -> None:
    template = ResourceTemplate.from_document(
        {
            "uriTemplate": "file:///{path}",
            "name": "files",
            "title": "Files",
            "description": "All files",
            "mimeType": "application/octet-stream",
            "annotations": {"audience": ["assistant"]},
        }
    )
    assert (template.uri_template, template.name, template.title) == ("file:///{path}", "files", "Files")
    assert (template.description, template.mime_type) == ("All files", "application/octet-stream")
    assert template.annotations == {"audience": ["assistant"]}


def test_a_completion_is_read_from_the_whole_result() -> None:
    sent = {"completion": {"values": ["python", "pytorch"], "total": 10, "hasMore": True}}
    assert Completion.from_document(sent) == Completion(values=("python", "pytorch"), total=10, has_more=True, raw=sent)
    few = Completion.from_document({"completion": {"values": [], "total": "many", "hasMore": "yes"}})
    assert (few.values, few.total, few.has_more) == ((), None, False)


@pytest.mark.parametrize("values", [None, "abc", ["a", 1], {"0": "a"}])
def test_a_completion_without_values_is_refused(values: object) -> None:
    with pytest.raises(MCPError, match=r"^The server sent a completion whose 'values' is "):
        Completion.from_document({"completion": {"values": values}})


# Contents


def test_each_type_of_content_is_read() -> None:
    text, image, link, embedded = (Content.from_document(piece) for piece in (TEXT, IMAGE, LINK, EMBEDDED))
    assert (text.type, text.text, text.data, text.resource, text.annotations) == (
        "text",
        "22 degrees",
        None,
        None,
        None,
    )
    assert (image.type, image.mime_type, image.data) == ("image", "image/png", b"\x89PNG")
    assert image.annotations == {"audience": ["user"]}
    assert (link.type, link.uri, link.name, link.mime_type) == (
        "resource_link",
        "file:///main.rs",
        "main.rs",
        "text/x-rust",
    )
    assert Resource.from_document(link.raw).size == 12
    assert embedded.resource is not None
    assert (embedded.type, embedded.text, embedded.resource.text) == ("resource", None, "inside")
    assert embedded.resource.raw is EMBEDDED["resource"]


def test_a_type_of_content_from_the_future_is_taken_as_it_is() -> None:
    video = Content.from_document({"type": "video", "data": "AAE=", "mimeType": "video/mp4", "resource": 7})
    assert (video.type, video.data, video.mime_type, video.resource) == ("video", b"\0\1", "video/mp4", None)


@pytest.mark.parametrize("encoded", ["A", "AAE", "AA-_", "é===", "AAE=\x00", "\ud800"])
def test_what_is_no_base64_is_told_when_it_is_asked_for(encoded: str) -> None:
    image = Content.from_document({"type": "image", "data": encoded, "mimeType": "image/png"})
    with pytest.raises(MCPError, match=r"^The server sent a content whose 'data' is not base64\.$"):
        _ = image.data
    blob = ResourceContents.from_document({"uri": "file:///a", "blob": encoded})
    with pytest.raises(MCPError, match=r"^The server sent contents of a resource whose 'blob' is not base64\.$"):
        _ = blob.data


def test_base64_with_line_breaks_is_read() -> None:
    assert ResourceContents.from_document({"uri": "u", "blob": "AAEC\r\nAwQF\n"}).data == bytes(range(6))


def test_contents_of_a_resource_are_text_or_bytes() -> None:
    text = ResourceContents.from_document({"uri": "file:///a", "mimeType": "text/plain", "text": "grün \ud800"})
    assert (text.uri, text.mime_type, text.blob) == ("file:///a", "text/plain", None)
    assert text.data == "grün ?".encode()
    empty = ResourceContents.from_document({"uri": "file:///a", "text": ""})
    assert (empty.text, empty.data) == ("", b"")
    both = ResourceContents.from_document({"uri": "file:///a", "text": "", "blob": "AA=="})
    assert both.data == b""
    blob = ResourceContents.from_document({"uri": "file:///a", "blob": ""})
    assert (blob.text, blob.blob, blob.data) == (None, "", b"")
    with pytest.raises(MCPError, match=r"^The server sent contents of a resource with neither 'text' nor 'blob'\.$"):
        ResourceContents.from_document({"uri": "file:///a", "text": 1, "blob": None})


# Results of tools


def test_the_text_of_a_result_is_all_the_text_in_it() -> None:
    result = ToolResult.from_document({"content": [TEXT, IMAGE, EMBEDDED, LINK, {"type": "text", "text": ""}]})
    assert result.text == "22 degrees\ninside\n"
    assert [piece.type for piece in result.content] == ["text", "image", "resource", "resource_link", "text"]
    blob = {"type": "resource", "text": "beside", "resource": {"uri": "file:///a", "blob": "AA=="}}
    assert ToolResult.from_document({"content": [blob]}).text == ""


@pytest.mark.parametrize("value", [{"a": [1]}, [1, 2], "x", 0, False, None], ids=repr)
def test_structured_content_is_any_json(value: Any) -> None:
    result = ToolResult.from_document({"content": [TEXT], "structuredContent": value})
    assert result.structured_content is value


def test_content_may_be_missing_only_beside_structured_content() -> None:
    assert ToolResult.from_document({"structuredContent": {"a": 1}}).content == ()
    assert ToolResult.from_document({"structuredContent": 0, "content": None}).content == ()
    for wrong in ({}, {"structuredContent": None}, {"structuredContent": 1, "content": "text"}, {"content": ["text"]}):
        with pytest.raises(MCPError, match=r"^The server sent a tool result whose 'content' is "):
            ToolResult.from_document(wrong)


def test_a_result_that_is_no_failure_raises_nothing() -> None:
    result = ToolResult.from_document({"content": [TEXT], "isError": False})
    assert result.raise_for_error() is result
    assert ToolResult.from_document({"content": [TEXT], "isError": "true"}).raise_for_error().text == "22 degrees"


def test_a_tool_that_says_it_failed_is_an_error_with_its_words() -> None:
    hostile = {"type": "text", "text": "No such\x1b[2J date.\r\n\u202e" + "x" * 1000}
    result = ToolResult.from_document({"content": [hostile], "isError": True})
    with pytest.raises(ToolError, match=r"^The tool failed: No such \[2J date\. xxx") as failed:
        result.raise_for_error()
    assert failed.value.result is result
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < 230
    assert (failed.value.code, failed.value.status) == (None, None)
    assert pickle.loads(pickle.dumps(failed.value)).result == result


def test_a_tool_that_failed_without_a_word_is_an_error_too() -> None:
    with pytest.raises(ToolError, match=r"^The tool failed and did not say why\.$"):
        ToolResult.from_document({"content": [IMAGE], "isError": True}).raise_for_error()


# Prompts


def test_a_prompt_and_its_arguments_are_read() -> None:
    code = {"name": "code", "title": "Code", "description": "What to review", "required": True}
    sent = {"name": "review", "title": "Review", "description": "Asks for one", "arguments": [code, {"name": "style"}]}
    prompt = PromptDefinition.from_document(sent)
    assert (prompt.name, prompt.title, prompt.description) == ("review", "Review", "Asks for one")
    assert prompt.arguments == (
        PromptArgument(name="code", title="Code", description="What to review", required=True, raw=code),
        PromptArgument(name="style", raw={"name": "style"}),
    )
    assert PromptDefinition.from_document({"name": "p", "arguments": ["code"]}).arguments == ()
    with pytest.raises(MCPError, match=r"an argument of a prompt whose 'name' is missing"):
        PromptDefinition.from_document({"name": "p", "arguments": [{}]})


def test_a_prompt_that_is_filled_in_is_read() -> None:
    sent = {
        "description": "Code review",
        "messages": [{"role": "user", "content": TEXT}, {"role": "assistant", "content": EMBEDDED}],
    }
    prompt = PromptResult.from_document(sent)
    assert prompt.description == "Code review"
    assert [(message.role, message.content.type) for message in prompt.messages] == [
        ("user", "text"),
        ("assistant", "resource"),
    ]
    assert prompt.messages[0].content.text == "22 degrees"


def test_a_list_of_contents_is_no_message_of_a_prompt() -> None:
    with pytest.raises(MCPError, match=r"^The server sent a message of a prompt whose 'content' is not an object\.$"):
        PromptResult.from_document({"messages": [{"role": "user", "content": [TEXT]}]})


# The server


def test_a_server_is_known_from_its_handshake() -> None:
    about = {"name": "s", "version": "1", "title": "The server"}
    info = ServerInfo.from_initialize({**HELLO, "serverInfo": about, "instructions": "Ask."})
    assert (info.name, info.version, info.title, info.instructions) == ("s", "1", "The server", "Ask.")
    assert (info.protocol_version, info.supported_versions) == ("2025-11-25", ("2025-11-25",))
    assert info.capabilities == {"tools": {}}


@pytest.mark.parametrize("about", [None, {}, {"name": "s"}, {"name": "s", "version": 1}, "s"])
def test_a_server_need_not_say_who_it_is_or_what_it_can_do(about: object) -> None:
    info = ServerInfo.from_initialize({"protocolVersion": "2025-11-25", "serverInfo": about, "capabilities": None})
    assert info.name in (None, "s")
    assert (info.version, info.capabilities, info.protocol_version) == (None, {}, "2025-11-25")


def test_a_server_is_known_from_discovery() -> None:
    about = {"name": "s", "version": "1", "title": "The server"}
    info = discovered({**FOUND, "_meta": {"io.modelcontextprotocol/serverInfo": about}, "serverInfo": {"name": "x"}})
    assert (info.name, info.version, info.title, info.instructions) == ("s", "1", "The server", "Ask.")
    assert (info.protocol_version, info.supported_versions) == ("2026-07-28", ("2026-07-28", "2025-11-25"))
    assert info.capabilities == {"tools": {}}
    beside = discovered({**FOUND, "serverInfo": {"name": "beside", "version": 2}})
    assert (beside.name, beside.version) == ("beside", None)
    assert discovered(FOUND).name is None


def test_a_server_that_was_not_asked_has_a_revision_only() -> None:
    info = ServerInfo.bare("2026-07-28")
    assert (info.protocol_version, info.name, info.capabilities, info.supported_versions) == (
        "2026-07-28",
        None,
        {},
        (),
    )


# What it says meanwhile


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"progress": 3, "total": 10, "message": "Reading files"}, "3/10 Reading files"),
        ({"progress": 3, "message": "Reading"}, "3 Reading"),
        ({"progress": 0.5, "total": 1.0}, "0.5/1"),
        ({"progress": 123456789, "total": 1234567890}, "123456789/1234567890"),
        ({"progress": 1e300, "total": 10**300}, "1e+300/1e+300"),
        ({"progress": 1, "total": True, "message": 7}, "1"),
        ({"progress": 1, "total": math.inf, "message": "a\x1b]0;b\x07\nc\u202e"}, "1 a ]0;b c"),
    ],
)
def test_progress_is_made_to_be_printed(sent: Document, shown: str) -> None:
    assert str(Progress.from_document(sent)) == shown


@pytest.mark.parametrize("value", [True, "1", math.nan, -math.inf, 10**400, [1]], ids=["yes", *"abcde"])
def test_progress_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(MCPError, match=r"^The server sent a progress notification whose 'progress' is not a number\.$"):
        Progress.from_document({"progress": value})


def test_numbers_of_progress_stay_as_they_came() -> None:
    read = Progress.from_document(json.loads('{"progress": 50, "total": 100.5}'))
    assert (type(read.progress), read.total) == (int, 100.5)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"level": "error", "logger": "database", "data": "lost"}, "error database: lost"),
        ({"level": "info", "data": {"host": "localhost", "port": 1}}, "info: {'host': 'localhost', 'port': 1}"),
        ({"level": "debug", "logger": 1, "data": None}, "debug: None"),
        ({"level": "a\nb", "logger": "c\x1b[m", "data": "d\r\ne"}, "a b c [m: d e"),
    ],
)
def test_a_log_message_is_made_to_be_printed(sent: Document, shown: str) -> None:
    message = LogMessage.from_document(sent)
    assert str(message) == shown
    assert message.data is sent["data"]


def test_a_log_message_of_any_depth_can_be_printed() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert str(LogMessage.from_document({"level": "info", "data": deep})) == "info: [[[[[[[...]]]]]]]"


def test_a_log_message_without_data_is_refused() -> None:
    with pytest.raises(MCPError, match=r"^The server sent a log message whose 'data' is missing\.$"):
        LogMessage.from_document({"level": "info"})
