"""The rules for a Slack message: docs.slack.dev, "Block Kit" and "Sending messages using incoming webhooks"."""

import json
from typing import Any

TEXT, BLOCKS = 40_000, 50
HEADER, TEXT_OBJECT, FIELD = 150, 3000, 2000
FIELDS, ELEMENTS = 10, 10
# A webhook may send any block that needs no answer; a section's accessories are not checked.
UNCHECKED = {"divider", "image", "rich_text", "video", "file", "actions"}

Json = dict[str, Any]


def error_code(content_type: str, body: bytes) -> str:
    """Return Slack's error code for a request's content; '' if it is a valid message."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return "invalid_payload"
    try:
        message = json.loads(body)
    except ValueError:
        return "invalid_payload"
    return _message_error(message) if isinstance(message, dict) else "invalid_payload"


def _message_error(message: Json) -> str:
    text, blocks = message.get("text", ""), message.get("blocks", [])
    if not isinstance(text, str) or not (text.strip() or blocks):
        return "no_text"
    if len(text) > TEXT:
        return "msg_too_long"
    if not isinstance(blocks, list):
        return "invalid_blocks_format"
    return "" if len(blocks) <= BLOCKS and all(_is_block(block) for block in blocks) else "invalid_blocks"


def _is_block(block: Any) -> bool:
    match block:
        case {"type": "header", "text": text}:
            return _is_text(text, HEADER, "plain_text")
        case {"type": "section", "fields": [*fields], **rest}:
            return 0 < len(fields) <= FIELDS and all(_is_text(it, FIELD) for it in fields) and _may_be(rest.get("text"))
        case {"type": "section", "text": text}:
            return _is_text(text, TEXT_OBJECT)
        case {"type": "context", "elements": [*elements]}:
            return 0 < len(elements) <= ELEMENTS and all(_is_element(element) for element in elements)
        case {"type": str(kind)}:
            return kind in UNCHECKED
        case _:
            return False


def _may_be(text: Any) -> bool:
    return text is None or _is_text(text, TEXT_OBJECT)


def _is_element(element: Any) -> bool:
    return isinstance(element, dict) and (element.get("type") == "image" or _is_text(element, TEXT_OBJECT))


def _is_text(given: Any, most: int, *kinds: str) -> bool:
    match given:
        case {"type": str(kind), "text": str(text)}:
            # `emoji` is for plain text alone, `verbatim` for markup.
            strange = {"plain_text": "verbatim", "mrkdwn": "emoji"}.get(kind, "type")
            return (
                kind in (kinds or ("plain_text", "mrkdwn"))
                and bool(text.strip())
                and len(text) <= most
                and strange not in given
            )
        case _:
            return False
