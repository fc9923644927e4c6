"""The words of the plug-in in the language of GIMP.

GIMP tells its language by environment variables, as the dialog of its preferences has it. After a
change of words: `python docs/make_translations.py`.
"""

from __future__ import annotations

import gettext
from pathlib import Path

DOMAIN = "photochrom"
CATALOGUES = Path(__file__).with_name("locale")

_ = gettext.translation(DOMAIN, CATALOGUES, fallback=True).gettext
