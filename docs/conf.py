"""How Sphinx builds the documentation: `make docs`, into docs/_build/html."""

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

project = "hopfield-diffusion"
author = "The hopfield-diffusion developers"
project_copyright = f"2026, {author}"
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_nb",  # and with it myst_parser
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "gallery",
    "reference",
    "speed",
]
exclude_patterns = ["_build"]
myst_heading_anchors = 2
nb_execution_raise_on_error = True
nb_execution_timeout = 1200  # seconds of a cell, on a machine that does much else
nb_execution_in_temp = True
nb_merge_streams = True
smartquotes = False  # --option is not –option

autodoc_member_order = "groupwise"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Level", "Seed", "Weight")}
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Returns"]  # a paragraph, not a list of names and types
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"{project} {release}"
