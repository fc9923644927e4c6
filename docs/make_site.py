"""A hook of the documentation site (`mkdocs.yml`): pages that lie beside the code are pages of it.

Some documents are read where they are used (`deploy/README.md`, the model's card). The site has
them too, and links between the two kinds lead from page to page.
"""

import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP: Final = Path(__file__).parents[1]

#: Page of the site -> the document that it is.
BESIDE_THE_CODE: Final = {
    "card.md": "core/model/bundled/photochrom-lite.md",
    "changes.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "deploy.md": "deploy/README.md",
    "lab.md": "train/LAB.md",
    "security.md": "SECURITY.md",
    "sizing.md": "deploy/SIZING.md",
}
_LINK: Final = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that lie elsewhere."""
    for page, document in BESIDE_THE_CODE.items():
        files.append(File.generated(config, page, content=(TOP / document).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links to documents of the repository into links to pages of the site."""
    name = page.file.src_uri
    folder = posixpath.dirname(BESIDE_THE_CODE.get(name, f"docs/{name}"))
    return _LINK.sub(lambda link: f"]({_of_the_site(link[1], folder)}", markdown)


def _of_the_site(link: str, folder: str) -> str:
    document = posixpath.normpath(posixpath.join(folder, link))
    for page, other in BESIDE_THE_CODE.items():
        if document == other:
            return page
    return document.removeprefix("docs/")
