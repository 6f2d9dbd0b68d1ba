"""Write formulas as MathML, which browsers show without a script.

docutils converts LaTeX to MathML, so the built pages need neither LaTeX nor a network.
"""

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer, and select it."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True}


def inline(self: HTML5Translator, node: nodes.Element) -> None:
    """Write a formula within a line."""
    self.body.append(latex2mathml.tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block(self: HTML5Translator, node: nodes.Element) -> None:
    """Write a displayed formula."""
    formula = latex2mathml.tex2mathml(node.astext(), as_block=True)
    self.body.append(f'<div class="math-block">{formula}</div>')
    raise nodes.SkipNode
