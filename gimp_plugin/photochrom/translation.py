"""The words of the plug-in in the language of GIMP.

`_` translates a text, `_later` only marks one that is translated where it is used. GIMP tells its
language by environment variables, as the dialog of its preferences has it.
"""

from __future__ import annotations

import gettext
from pathlib import Path

DOMAIN = "photochrom"
CATALOGUES = Path(__file__).with_name("locale")

_ = gettext.translation(DOMAIN, CATALOGUES, fallback=True).gettext
