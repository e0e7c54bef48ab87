"""Speaking MCP over requests."""

from .content import Content, ResourceContents, ToolResult
from .elicitation import Elicitation, ElicitationReply
from .notices import LogMessage, Notification, Progress
from .records import Completion, Resource, ResourceTemplate, Tool
from .server_info import ServerInfo
from .server_prompts import PromptArgument, PromptDefinition, PromptMessage, PromptResult
from .wire import BrokenOff

__all__ = [
    "BrokenOff",
    "Completion",
    "Content",
    "Elicitation",
    "ElicitationReply",
    "LogMessage",
    "Notification",
    "Progress",
    "PromptArgument",
    "PromptDefinition",
    "PromptMessage",
    "PromptResult",
    "Resource",
    "ResourceContents",
    "ResourceTemplate",
    "ServerInfo",
    "Tool",
    "ToolResult",
]
