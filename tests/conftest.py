"""What holds for every test: Ctrl-C works, also where the tests were started in the background,
and no property is held to a time, which says more of the machine than of the program.
"""

import signal
from contextlib import suppress

from hypothesis import settings

# torch's compiler imports setuptools, which refuses to stand in for a distutils that another test
# has loaded from the standard library (Python 3.11): it comes first.
with suppress(ImportError):
    import setuptools  # noqa: F401

# Hypothesis fails an example that takes 0.2 s.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell starts background jobs with SIGINT ignored, and children inherit that; the tests that
# press Ctrl-C on a child mean a child that was started as a person starts it.
signal.signal(signal.SIGINT, signal.default_int_handler)
