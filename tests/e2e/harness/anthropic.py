"""Actions that speak the wire format of Anthropic's messages, for the stand-in upstream."""

import json

DEFAULT_USAGE = (11, 7)


def _event(call, kind, **value):
    call.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, **value}, ensure_ascii=False)}\n\n".encode())


def _message(call, content, stop_reason, usage):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": call.body.get("model"), "content": content,
            "stop_reason": stop_reason, "stop_sequence": None,
            "usage": {"input_tokens": usage[0], "output_tokens": usage[1]}}


def _stream(call, blocks, stop_reason, usage):
    call.start_stream()
    _event(call, "message_start", message=_message(call, [], None, (usage[0], 1)))
    for index, (start, deltas) in enumerate(blocks):
        _event(call, "content_block_start", index=index, content_block=start)
        _event(call, "ping")
        for delta in deltas:
            _event(call, "content_block_delta", index=index, delta=delta)
        _event(call, "content_block_stop", index=index)
    _event(call, "message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None},
           usage={"output_tokens": usage[1]})
    _event(call, "message_stop")
    call.end_stream()


def answer(content="Hello from upstream", usage=DEFAULT_USAGE, stop_reason="end_turn"):
    def act(call):
        if not call.streamed:
            call.json(200, _message(call, [{"type": "text", "text": content}], stop_reason, usage))
            return
        pieces = [{"type": "text_delta", "text": content[i:i + 5]} for i in range(0, len(content), 5)]
        _stream(call, [({"type": "text", "text": ""}, pieces)], stop_reason, usage)

    return act


def tool_use(identity, name, arguments, usage=DEFAULT_USAGE):
    """`arguments`: an object, or a function of the call."""

    def act(call):
        value = arguments(call) if callable(arguments) else arguments
        block = {"type": "tool_use", "id": identity, "name": name}
        if not call.streamed:
            call.json(200, _message(call, [{**block, "input": value}], "tool_use", usage))
            return
        text = json.dumps(value)
        pieces = [{"type": "input_json_delta", "partial_json": text[i:i + 4]} for i in range(0, len(text), 4)]
        _stream(call, [({**block, "input": {}}, pieces)], "tool_use", usage)

    return act


def expression(text):
    """Arguments of the calculator, by the schema that was offered."""

    def arguments(call):
        schema = call.body["tools"][0]["input_schema"]
        return {(schema.get("required") or list(schema["properties"]))[0]: text}

    return arguments


def error(status, kind="api_error", message="the back end says no"):
    return lambda call: call.json(status, {"type": "error", "error": {"type": kind, "message": message}})
