"""Loads the Lua scripts of the ledger (`lua/`) and makes their arguments."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from core.errors import Failure
from core.job import Outcome
from worker import policy
from worker.broker import PREFIX
from worker.records import FORM, Claim, json_of, refusal_text, result_text

#: Returns the members that are due, and makes them due again ARGV[1] seconds later.
TAKE_ENDED: Final = """
local now = redis.call('TIME')[1]
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
for _, name in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[1], name) end
return due
"""

KILLED: Final = refusal_text(
    Failure(
        "killed-its-worker",
        # expire_and_refill.lua replaces @ by the number.
        "killed its worker @ times (memory, time limit, or a crash in a decoder)",
    )
)


def scripts_of(redis: Any) -> dict[str, Any]:
    """Returns all scripts by name, ready to be called with `keys` and `args`."""
    text = {path.stem: path.read_text() for path in (Path(__file__).parent / "lua").glob("*.lua")}
    prelude = f"local LEDGER = {FORM}\n" + text.pop("prelude")
    text["finish_and_claim"] = (
        f"local function finish(ARGV)\n{text['finish']}\nend\n"
        f"local function claim(ARGV)\n{text['claim']}\nend\n"
        "finish({unpack(ARGV, 2, 1 + ARGV[1])})\n"
        "return claim({unpack(ARGV, 2 + ARGV[1])})\n"
    )
    return {name: redis.register_script(prelude + body) for name, body in text.items()}


def claim_arguments(
    scan: str,
    token: str,
    worker: str,
    about: Mapping[str, str],
    others: Iterable[str] = (),
    also_issued: bool = False,
) -> tuple[Any, ...]:
    """Returns the arguments of claim.lua."""
    pin = f"{about['model_sha256']} {about['version']}" if about["model_sha256"] else ""
    return (
        scan,
        token,
        policy.LEASE,
        worker,
        json_of(about),
        pin,
        policy.OTHER_MODEL_PAUSE,
        int(also_issued),
        f",{','.join(others)},",
    )


def finish_arguments(claim: Claim, outcome: Outcome, bytes_read: int) -> tuple[Any, ...]:
    """Returns the arguments of finish.lua."""
    milliseconds = round((outcome.seconds or 0) * 1000)
    return (
        claim.scan,
        claim.token,
        outcome.status[0],
        result_text(outcome, claim.worker),
        claim.worker,
        bytes_read,
        milliseconds,
        worker_key(claim.token.partition(" ")[0]),
        next((bound for bound in policy.BUCKETS if milliseconds <= 1000 * bound), "inf"),
    )


def worker_key(worker: str) -> str:
    """Returns the key under which Redis keeps the description of a living worker."""
    return f"{PREFIX}worker:{worker}"
