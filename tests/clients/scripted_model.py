"""A model on loopback that makes the calls of a script for any host, and keeps what the host hands to it.

It speaks as much as hosts need of Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages),
OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses) and Gemini's API
(https://ai.google.dev/api/generate-content).
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.clients.screen import TIMEOUT_S

Call = tuple[str, Mapping[str, Any]]
NOT_READY = "The tools are not connected yet."


@dataclass
class ScriptedModel:
    """The script, and how far it has got.

    Args:
        calls: (a tool, its arguments), made one after another; then the model ends its turn.
        after: what a person does when a call of this place has been answered, given the result.
    """

    calls: Sequence[Call]
    after: Mapping[int, Callable[[str], None]] = field(default_factory=dict)
    tools: list[str] = field(default_factory=list)
    """The names of all tools that the host offers."""
    results: list[str] = field(default_factory=list)
    """What the host handed to the model for each call, as text."""
    received: list[bytes] = field(default_factory=list)
    """The body of each request, as the host sent it."""
    requests: int = 0
    """How many requests with tools the host has made."""
    not_ready: int = 0
    """How often the model answered that it saw no tools."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for_results(self, count: int) -> None:
        """Wait until so many calls are answered."""
        with self._changed:
            is_so = self._changed.wait_for(lambda: len(self.results) >= count, TIMEOUT_S)
            assert is_so, f"{len(self.results)} of {count} calls are answered after {TIMEOUT_S} s"

    @property
    def is_finished(self) -> bool:
        return len(self.results) == len(self.calls)

    def next(self, tools: list[str], results: list[str]) -> tuple[str, Mapping[str, Any]] | str:
        """Return the next call by the name that the host gave the tool, or a text."""
        for place in range(len(self.results), len(results)):
            if place in self.after:
                self.after[place](results[place])
        with self._changed:
            self.tools, self.results, self.requests = tools, results, self.requests + 1
            self._changed.notify_all()
        if self.is_finished:
            return "done"
        tool, arguments = self.calls[len(results)]
        names = [name for name in tools if name == tool or name.endswith(f"_{tool}")]
        if names:
            return names[0], arguments
        self.not_ready += 1
        return NOT_READY

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on a port of its own; yield the URL."""
        handler = type("Handler", (_Handler,), {"model": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: ScriptedModel

    def log_message(self, *what: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._send(b"", "application/json")

    def do_GET(self) -> None:
        self._send(b'{"object": "list", "data": [], "models": []}', "application/json")

    def do_POST(self) -> None:
        self.model.received.append(self.rfile.read(int(self.headers["content-length"])))
        body = json.loads(self.model.received[-1] or "{}")
        api = next((api for api in _APIS if api.serves(self.path)), None)
        if api is None:
            self._send(b"{}", "application/json", 404)
            return
        events = list(api.answer(self.model, body))
        if api.is_stream(self.path, body):
            lines = [f"{f'event: {name}' if name else ''}\ndata: {json.dumps(event)}\n\n" for name, event in events]
            self._send("".join(lines).encode(), "text/event-stream")
        else:
            self._send(json.dumps(events[-1][1]).encode(), "application/json")

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


Event = tuple[str, Mapping[str, Any]]


class _Api(ABC):
    @abstractmethod
    def serves(self, path: str) -> bool: ...

    @abstractmethod
    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool: ...

    @abstractmethod
    def answer(self, model: ScriptedModel, body: Mapping[str, Any]) -> Iterable[Event]:
        """Return the events of a stream; a host that asks for no stream is given the last."""


class _Anthropic(_Api):
    def serves(self, path: str) -> bool:
        return "/v1/messages" in path and "count_tokens" not in path

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream"))

    def answer(self, model: ScriptedModel, body: Mapping[str, Any]) -> Iterable[Event]:
        message = {"id": "m", "type": "message", "role": "assistant", "model": body["model"]}
        usage = {"input_tokens": 1, "output_tokens": 1}
        block, delta = self._next_block(model, body)
        stop = {"stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn", "stop_sequence": None}
        begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        if not body.get("stream"):
            yield "", {**message, "content": [block], **stop, "usage": usage}
            return
        empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
        for name, event in (
            ("message_start", {"message": begun}),
            ("content_block_start", {"index": 0, "content_block": empty}),
            ("content_block_delta", {"index": 0, "delta": delta}),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": stop, "usage": {"output_tokens": 1}}),
            ("message_stop", {}),
        ):
            yield name, {"type": name, **event}

    def _next_block(self, model: ScriptedModel, body: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return the content block, and the same as a change of an empty one."""
        parts = [part for message in body["messages"] for part in message["content"] if isinstance(part, dict)]
        results = [_text_of(part["content"]) for part in parts if part.get("type") == "tool_result"]
        tools = [tool["name"] for tool in body.get("tools", [])]
        said = model.next(tools, results) if tools else "a title"
        if isinstance(said, str):
            return {"type": "text", "text": said}, {"type": "text_delta", "text": said}
        name, arguments = said
        call = {"type": "tool_use", "id": f"toolu_{len(results)}", "name": name, "input": arguments}
        return call, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}


class _OpenAI(_Api):
    def serves(self, path: str) -> bool:
        return path.endswith("/responses")

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return True

    def answer(self, model: ScriptedModel, body: Mapping[str, Any]) -> Iterable[Event]:
        results = [_text_of(item["output"]) for item in body["input"] if item.get("type") == "function_call_output"]
        # Codex offers the tools of a server as a namespace.
        spaces = {
            tool["name"]: space["name"]
            for space in body.get("tools", [])
            if space["type"] == "namespace"
            for tool in space["tools"]
        }
        plain = [tool["name"] for tool in body.get("tools", []) if tool["type"] == "function"]
        # Codex asks for a title of the conversation, too, without any tools, and that request may be the first.
        said = model.next([*plain, *spaces], results) if body.get("tools") else "a title"
        if isinstance(said, str):
            content = [{"type": "output_text", "text": said, "annotations": []}]
            item = {"type": "message", "id": "m", "role": "assistant", "content": content}
        else:
            name, arguments = said
            space = {"namespace": spaces[name]} if name in spaces else {}
            called = {"call_id": f"call_{len(results)}", "name": name, "arguments": json.dumps(arguments)}
            item = {"type": "function_call", "id": f"fc_{len(results)}", **called, **space}
        response = {"id": f"resp_{len(results)}", "object": "response", "created_at": 1, "model": body["model"]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        created = {**response, "status": "in_progress", "output": []}
        completed = {**response, "status": "completed", "output": [item], "usage": usage}
        yield "response.created", {"type": "response.created", "response": created}
        done = {"type": "response.output_item.done", "output_index": 0, "item": item}
        yield "response.output_item.done", done
        yield "response.completed", {"type": "response.completed", "response": completed}


class _Gemini(_Api):
    def serves(self, path: str) -> bool:
        return "enerateContent" in path

    def is_stream(self, path: str, body: Mapping[str, Any]) -> bool:
        return "stream" in path

    def answer(self, model: ScriptedModel, body: Mapping[str, Any]) -> Iterable[Event]:
        parts = [part for content in body["contents"] for part in content["parts"]]
        results = [json.dumps(part["functionResponse"]) for part in parts if "functionResponse" in part]
        tools = [one["name"] for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
        said = model.next(tools, results) if tools else "{}"
        part = {"text": said} if isinstance(said, str) else {"functionCall": {"name": said[0], "args": said[1]}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        yield "", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"}


_APIS: tuple[_Api, ...] = (_Anthropic(), _OpenAI(), _Gemini())


def _text_of(content: Any) -> str:
    """Return the text of a tool's result: text, or a list of parts."""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
