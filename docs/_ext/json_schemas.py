"""The directive `json-schema`, which shows a schema from reference/schemas.json."""

import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

SCHEMAS = Path(__file__).parent.parent / "reference" / "schemas.json"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("json-schema", JsonSchema)
    return {"parallel_read_safe": True}


class JsonSchema(Directive):
    """A literal block with the JSON schema of a command or of a shared part."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the schema as a literal block."""
        schema = json.loads(SCHEMAS.read_text())["$defs"][self.arguments[0]]
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        return [nodes.literal_block(text, text, language="json")]
