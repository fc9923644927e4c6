"""Connects to Redis, and checks that it answers and that its configuration loses no work.

`broker_url` finds the address, `connect` opens it, `check` refuses a configuration that loses
work, `in_words` turns a Redis error into one of this program's. The password is sent to Redis
alone, and never shown or logged.
"""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

from core.errors import OptionsError, ServiceError
from worker import policy
from worker.settings import settings

if TYPE_CHECKING:
    from redis import Redis

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

DEFAULT_URL: Final = "redis://localhost:6379/0"
OLDEST: Final = (6, 2)

#: Prefix of every key, Celery's included, so that Redis may be shared with other programs.
PREFIX: Final = "photochrom:"

#: Seconds that `patiently` waits for Redis before it gives up.
OUTAGE: Final = 3600.0

_START_ONE: Final = (
    "start Redis (`redis-server --appendonly yes`, or `docker compose up redis` in deploy/), "
    "or name another with --broker or PHOTOCHROM_BROKER"
)


def broker_url(option: str | None = None) -> str:
    """Returns the broker's URL: the option, else `PHOTOCHROM_BROKER`, else the configuration file.

    Raises `OptionsError` for a URL that is not Redis', or is Sentinel's: two parts of the program
    (the ledger, Celery's transport) would each ask for the primary, and could get two answers.
    """
    url = option or settings().broker or DEFAULT_URL
    parts = urlsplit(url)
    if "sentinel" in parts.scheme:
        raise OptionsError(
            f"Sentinel's own addresses ({parts.scheme}://) are not spoken",
            remedy="give redis:// with a name that means the primary: see deploy/README.md, "
            "More machines",
        )
    if parts.scheme not in ("redis", "rediss"):
        raise OptionsError(
            f"the broker {without_password(url)!r} is not Redis",
            remedy="give redis://HOST:6379/0, or rediss:// for TLS",
        )
    try:
        _ = parts.port
    except ValueError as error:
        raise OptionsError(f"the broker {without_password(url)!r} has no valid port") from error
    return url


def without_password(url: str) -> str:
    """Returns the URL as it may be shown: user, password and query left out."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, where, parts.path, "", ""))


def connect(url: str) -> "Redis":
    """Returns a connection to Redis that answers; raises `ServiceError` where it does not."""
    with in_words(url):
        client = unproven(url)
        client.ping()
    return client


def unproven(url: str, answer_within: float | None = None, ask_health: bool = True) -> "Redis":
    """Returns a client that has not connected yet; it connects at its first use, and after a fork.

    It gives up a silent connection after `answer_within` seconds (default `policy.REDIS_TIMEOUT`).
    With `ask_health` it tests a connection that was idle for 30 s before it uses it.
    """
    from redis import Redis

    seconds = answer_within or policy.REDIS_TIMEOUT
    return Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=min(seconds, 5),
        socket_keepalive=True,
        socket_keepalive_options=keepalive(),
        health_check_interval=30 if ask_health else 0,
        retry=None,
    )


def keepalive() -> dict[int, int]:
    """Returns socket options by which the system notices a lost connection within half a minute,
    while nothing is sent and no other time limit applies.
    """
    options = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): n for name, n in options.items() if hasattr(socket, name)}


def tls_of(url: str) -> dict[str, Any] | None:
    """Returns Celery's TLS settings for a `rediss://` URL, None for another one.

    The redis library reads them from the URL's query, Celery does not: `ssl_ca_certs`,
    `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs` (required, the default; optional; none). Raises
    `OptionsError` for an unknown `ssl_cert_reqs`.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    requirement = given.pop("ssl_cert_reqs", "required").removeprefix("CERT_").lower()
    if requirement not in ("required", "optional", "none"):
        raise OptionsError(f"ssl_cert_reqs={requirement} in the broker's URL is unknown")
    if requirement != "required":
        log.warning("the certificate of the broker is not checked (ssl_cert_reqs=%s)", requirement)
    return {
        "ssl_cert_reqs": getattr(ssl, f"CERT_{requirement.upper()}"),
        **{name: value for name, value in given.items() if name.startswith("ssl_")},
    }


@contextmanager
def in_words(url: str) -> Iterator[None]:
    """Turns exceptions of the redis library into a `ServiceError` that says what to do."""
    from redis import exceptions as redis_errors

    where = without_password(url)
    try:
        yield
    except redis_errors.AuthenticationError as error:
        raise ServiceError(
            f"Redis at {where} refuses the password",
            remedy="check user and password in the broker's URL (redis://:PASSWORD@HOST:6379/0)",
        ) from error
    except redis_errors.OutOfMemoryError as error:
        raise ServiceError(
            f"Redis at {where} is out of memory",
            remedy="raise its maxmemory or let a batch finish, then run this again; "
            "nothing that was queued is lost",
        ) from error
    except (redis_errors.ConnectionError, redis_errors.TimeoutError) as error:
        raise ServiceError(
            f"no Redis answers at {where} ({_reason(error)})", remedy=_START_ONE
        ) from error
    except redis_errors.NoPermissionError as error:
        raise ServiceError(f"the Redis user at {where} may not do this ({error})") from error
    except redis_errors.RedisError as error:
        if "NOAUTH" in str(error):
            remedy = "write it into the broker's URL (redis://:PASSWORD@HOST:6379/0)"
            raise ServiceError(f"Redis at {where} wants a password", remedy=remedy) from error
        raise ServiceError(f"Redis at {where} refuses: {_reason(error)}") from error


def check(client: "Redis", url: str, *, time_limit: float, visibility: float) -> None:
    """Refuses, or warns of, a Redis that would lose work. Times are in seconds.

    Raises `ServiceError` for a Redis that is too old, a replica, a cluster, or evicts keys;
    `OptionsError` for a visibility timeout that is not longer than the time limit.
    """
    if visibility <= time_limit:
        raise OptionsError(
            f"the visibility timeout ({visibility:g} s) is not longer than the time limit of one "
            f"scan ({time_limit:g} s): Redis would deliver scans again while they are at work",
            remedy="raise --visibility-timeout or lower --time-limit",
        )
    where = without_password(url)
    with in_words(url):
        about: Any = client.info()
    version = tuple(int(part) for part in about["redis_version"].split(".")[:2])
    if version < OLDEST:
        raise ServiceError(
            f"Redis at {where} is {about['redis_version']}", remedy="Redis 6.2 or newer is needed"
        )
    if about.get("cluster_enabled"):
        raise ServiceError(f"Redis at {where} is a cluster", remedy="the queue needs a single one")
    if about.get("role") == "slave":
        raise ServiceError(f"Redis at {where} is a replica", remedy="name the primary instead")
    _check_eviction(about, where)
    _check_password(url, where)
    if not about.get("aof_enabled"):
        log.warning(
            "Redis at %s has appendonly no: a crash of it loses the latest of the ledger, or all; "
            "set `appendonly yes`",
            where,
        )


def refuse_volatile(client: "Redis", url: str) -> None:
    """Raises `ServiceError` for a Redis that would forget a batch when it is killed."""
    with in_words(url):
        about: Any = client.info("persistence")
    if not about.get("aof_enabled"):
        raise ServiceError(
            f"Redis at {without_password(url)} has appendonly no: when it crashes the batch is "
            "gone",
            remedy="set `appendonly yes` (deploy/redis.conf), or insist with --volatile",
        )


def _check_password(url: str, where: str) -> None:
    """Warns where Redis has no password; it then accepts every password silently."""
    from redis import RedisError

    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    try:
        unproven(urlunsplit(bare)).ping()
    except RedisError:
        return  # it wants a password, as it should
    if parts.password:
        log.warning(
            "Redis at %s has no password, though the broker's URL gives one: its configuration is "
            "not the one you think; set requirepass",
            where,
        )
    elif parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        log.warning(
            "Redis at %s has no password: whoever reaches it can queue work and read the ledger; "
            "set requirepass, and write it into the broker's URL (redis://:PASSWORD@HOST:6379/0)",
            where,
        )


def _check_eviction(about: dict[str, Any], where: str) -> None:
    policy = about.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return
    if about.get("maxmemory"):
        raise ServiceError(
            f"Redis at {where} has maxmemory-policy {policy}: when it is full it throws away "
            "queued scans",
            remedy="set `maxmemory-policy noeviction`",
        )
    log.warning(
        "Redis at %s has maxmemory-policy %s: once maxmemory is set it would throw away queued "
        "scans; set `maxmemory-policy noeviction`",
        where,
        policy,
    )


def is_transient(error: BaseException) -> bool:
    """Returns whether a Redis error may pass by itself: of a restart, a full memory, a failover, or
    while somebody changes the password.
    """
    from redis import exceptions as redis_errors

    return isinstance(
        error,
        redis_errors.ConnectionError
        | redis_errors.TimeoutError
        | redis_errors.OutOfMemoryError
        | redis_errors.BusyLoadingError
        | redis_errors.ReadOnlyError
        | redis_errors.TryAgainError,
    )


def patiently(step: Callable[[], Answer]) -> Answer:
    """Returns the result of `step`, repeated with growing pauses while Redis is away or full.

    It gives up after `OUTAGE` seconds and raises the last `ServiceError`. A step may have been
    carried out and only its reply been lost: every step of the ledger may be repeated.
    """
    pause, end = 0.05, time.monotonic() + OUTAGE
    while True:
        try:
            return step()
        except ServiceError as error:
            cause: Any = error.__cause__
            if cause is None or not is_transient(cause) or time.monotonic() > end:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 5.0)


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
