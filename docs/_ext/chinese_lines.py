"""Join the lines of a paragraph without a space where both ends are Chinese characters."""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CHINESE = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
BREAK = re.compile(f"(?<={CHINESE})\n(?={CHINESE})")


class JoinChineseLines(SphinxTransform):
    """Remove line breaks between Chinese characters, which a browser would show as spaces."""

    default_priority = 900

    def apply(self, **_: object) -> None:
        """Change the texts of the document in place."""
        for text in list(self.document.findall(nodes.Text)):
            joined = BREAK.sub("", text.astext())
            if joined != text.astext() and not isinstance(text.parent, nodes.FixedTextElement):
                text.parent.replace(text, nodes.Text(joined))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(JoinChineseLines)
    return {"parallel_read_safe": True}
