"""Settings of the documentation. `make docs` builds it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE / "learn" / "pictures")]

import latentarium  # noqa: E402

project = "latentarium"
copyright = "the authors of latentarium"
version = release = latentarium.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "matplotlib.sphinxext.plot_directive",
    "command_help",
    "json_schemas",
    "languages",
    "mathml",
    "plain_docstrings",
]
exclude_patterns = ["_build", "img"]
default_role = "code"

html_theme = "furo"
html_title = f"latentarium {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
pygments_style = "friendly"
pygments_dark_style = "native"

myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["config.cache"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": False}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 79
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

plot_formats = [("png", 160)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_basedir = str(HERE)
plot_working_directory = str(HERE / "learn" / "pictures")
plot_rcparams = {
    # legible on a light and on a dark page
    "savefig.transparent": True,
    "text.color": "#7d7d7d",
    "axes.labelcolor": "#7d7d7d",
    "axes.edgecolor": "#7d7d7d",
    "axes.titlecolor": "#7d7d7d",
    "xtick.color": "#7d7d7d",
    "ytick.color": "#7d7d7d",
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.bbox": "tight",
    "font.size": 10,
}
plot_apply_rcparams = True
