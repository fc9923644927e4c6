"""`Trouble`: what went wrong, in the one sentence that GIMP shows; says what to do about it."""


class Trouble(Exception):
    """Raised anywhere in the plug-in; its text is for a person and ends without a full stop."""


class Busy(Trouble):
    """The server has more to do than it queues; try again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__("The colour server is busy with other pictures; try again in a minute")
        self.seconds = seconds
