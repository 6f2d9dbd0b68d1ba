"""Texts that the studio's page can show in another language.

Code makes English text, which the command line prints. The page looks up the template of a text in
its own language and fills in the values, so each template that the page may show must also be in
studio/src/lib/locales/texts.json.
"""

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Value = str | int | float | tuple[str, ...]
"""A value in a text: a string, which may be a `Text` itself, a number, or a list of strings."""


class Text(str):
    """An English text that is made from a template and named values.

    It is an ordinary string. Any string that is made from it, for instance by an f-string, has no
    template.

    Arguments:
        template: The English text with named placeholders, such as "{count:,} images". It
            identifies the text in other languages.
        values: The values of the placeholders. A list is shown with commas, and anything that is
            neither a list nor a number as `str` returns it. Without values, the template is the
            text itself.
    """

    template: str
    values: Mapping[str, Value]

    def __new__(cls, template: str, /, **values: object) -> "Text":
        known = {name: _as_value(value) for name, value in values.items()}
        shown = {
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in known.items()
        }
        text = super().__new__(cls, template.format(**shown) if known else template)
        text.template, text.values = template, known
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Value]]:
        """Return how to copy the text, for instance to another process."""
        return (self.template,), dict(self.values)


def text_of(error: BaseException) -> Text:
    """Return the message of an exception; a message that is no `Text` is its own template."""
    message = error.args[0] if error.args else None
    return message if isinstance(message, Text) else Text(str(error))


def join_clauses(clauses: Sequence[str]) -> str:
    """Return clauses with semicolons between them."""
    first, *others = clauses
    for clause in others:
        first = Text("{first}; {second}", first=first, second=clause)
    return first


def change_text(text: str, rule: Callable[[str], str]) -> Text:
    """Return a text whose strings a rule has changed, for instance to remove the names of folders.

    Arguments:
        text: The text.
        rule: Changes a string. It gets the strings among the values of a `Text`, and the whole of
            a text without values.
    """
    if not isinstance(text, Text) or not text.values:
        return Text(rule(text))
    changed: dict[str, Value] = {}
    for name, value in text.values.items():
        changed[name] = _change_value(value, rule)
    return Text(text.template, **changed)


def text_to_json(text: str) -> dict[str, Any]:
    """Return a text as JSON values: the English text, its template and the values.

    A string that is no `Text` is its own template.
    """
    if not isinstance(text, Text):
        return {"text": text, "template": text, "values": {}}
    values = {name: _value_to_json(value) for name, value in text.values.items()}
    return {"text": str(text), "template": text.template, "values": values}


def text_from_json(content: Any) -> Text:  # noqa: ANN401
    """Return the text of the JSON values that `text_to_json` has returned.

    Raises:
        KeyError, TypeError, ValueError, IndexError, AttributeError: They are malformed.
    """
    values = {name: _value_from_json(value) for name, value in content["values"].items()}
    return Text(content["template"], **values)


def _as_value(value: object) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return tuple(item if isinstance(item, str) else str(item) for item in value)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else str(value)


def _change_value(value: Value, rule: Callable[[str], str]) -> Value:
    if isinstance(value, tuple):
        return tuple(
            change_text(item, rule) if isinstance(item, Text) else rule(item) for item in value
        )
    if isinstance(value, Text):
        return change_text(value, rule)
    return rule(value) if isinstance(value, str) else value


def _value_to_json(value: Value) -> object:
    if isinstance(value, tuple):
        return [_value_to_json(item) for item in value]
    return text_to_json(value) if isinstance(value, Text) else value


def _value_from_json(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_value_from_json(item) for item in value]
    return text_from_json(value) if isinstance(value, dict) else value
