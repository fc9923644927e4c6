"""Writes a batch as PREMIS 3.0, preservation metadata of the Library of Congress: `premis.xml`.

Each result is an object with its checksum, each colouring (done or failed) is an event, and each
version of the program and model on a device is an agent. The ledger keeps no time for one scan: an
event has the time when the batch ended, and its detail names the time when the batch was submitted.
"""

import mimetypes
import re
import time
from collections.abc import Callable, Iterable
from typing import Final, TextIO
from xml.sax.saxutils import escape

from worker.ledger import Ledger
from worker.records import Entry, Participant
from worker.segments import segment_of

NAMESPACE: Final = "http://www.loc.gov/premis/v3"
_HEAD: Final = f"""<?xml version="1.0" encoding="UTF-8"?>
<premis xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="{NAMESPACE} http://www.loc.gov/standards/premis/premis.xsd" version="3.0">
"""
#: Characters that XML 1.0 does not allow, and bytes of a name that are not UTF-8.
_FOREIGN: Final = re.compile("[\0-\x08\x0b-\x1f\udc80-\udcff\ufffe\uffff]")
#: Types of identifiers: names in the bag, paths on the machines that coloured, names in the ledger.
_IN_BAG, _PATH, _IN_LEDGER = "path in the bag", "path", "photochrom"


def write_premis(
    ledger: Ledger,
    batch: str,
    payload: Iterable[tuple[str, str, int]],
    in_bag: Callable[[str], str],
    stream: TextIO,
) -> None:
    """Writes the document to `stream`.

    `payload`: the name in the bag, the SHA-256 and the size in bytes of each file. `in_bag` returns
    the name in the bag for the path of a result.
    """
    numbers, participants = ledger.numbers(batch), ledger.participants(batch).values()
    since = float(numbers["created"])
    end = float(numbers["finished"]) or float(numbers["now"])
    span = f"between {_moment(since)} and {_moment(end)}"
    by_name = {participant.name: participant for participant in participants}
    stream.write(_HEAD)
    for name, digest, size in payload:
        stream.write(_object(name, digest, size))
    for entry in ledger.entries(batch):
        # Skipped results were made before this batch, and a segment is a part of a film.
        if entry.state in ("done", "failed") and not segment_of(entry.source):
            result = in_bag(entry.destination) if entry.state == "done" else ""
            identity = f"{batch}/{entry.scan}"
            participant = by_name.get(entry.worker or "")
            stream.write(_event(entry, identity, result, participant, (_moment(end), span)))
    for agent in sorted({_agent(participant) for participant in participants}):
        stream.write(agent)
    stream.write("</premis>\n")


def _object(name: str, digest: str, size: int) -> str:
    """Returns the element of a file of the payload."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    characteristics = _tree(
        "objectCharacteristics",
        _tree("fixity", _text("messageDigestAlgorithm", "SHA-256"), _text("messageDigest", digest)),
        _text("size", str(size)),
        _tree("format", _tree("formatDesignation", _text("formatName", kind))),
    )
    identity = _identifier("objectIdentifier", _IN_BAG, name)
    return f'<object xsi:type="file">{identity}{characteristics}</object>\n'


def _event(
    entry: Entry,
    identity: str,
    result: str,
    participant: Participant | None,
    when: tuple[str, str],
) -> str:
    """Returns the element of the colouring of a scan.

    `result` is the name of the result in the bag, '' for a failure; `when` are the time, as ISO
    8601, and the words for the detail.
    """
    outcome = entry.outcome
    assert outcome is not None
    detail = f"coloured from a black-and-white photograph, {when[1]}"
    if outcome.key:
        detail += f"; job key {outcome.key}"
    error = outcome.error
    notes = [f"{error.kind}: {error.message}"] if error else outcome.notes
    parts = [
        _identifier("eventIdentifier", _IN_LEDGER, identity),
        _text("eventType", "creation"),
        _text("eventDateTime", when[0]),
        _tree("eventDetailInformation", _text("eventDetail", detail)),
        _tree(
            "eventOutcomeInformation",
            _text("eventOutcome", "fail" if error else "success"),
            *(_tree("eventOutcomeDetail", _text("eventOutcomeDetailNote", n)) for n in notes),
        ),
    ]
    if participant:
        parts.append(_identifier("linkingAgentIdentifier", _IN_LEDGER, _agent_name(participant)))
    parts.append(_linked(_PATH, entry.source, "source"))
    if result:
        parts.append(_linked(_IN_BAG, result, "outcome"))
    return _tree("event", *parts) + "\n"


def _agent(participant: Participant) -> str:
    """Returns the element of a version of the program with a model on a device."""
    note = (
        f"model {participant.model}, sha256 {participant.model_sha256}, on {participant.provider}"
    )
    return (
        _tree(
            "agent",
            _identifier("agentIdentifier", _IN_LEDGER, _agent_name(participant)),
            _text("agentName", "photochrom"),
            _text("agentType", "software"),
            _text("agentVersion", participant.version),
            _text("agentNote", note),
        )
        + "\n"
    )


def _agent_name(participant: Participant) -> str:
    return f"{participant.version} {participant.model_sha256[:12]} {participant.provider}"


def _linked(kind: str, value: str, role: str) -> str:
    """Returns the element that links an event to its source or its result."""
    name = "linkingObjectIdentifier"
    return _tree(
        name,
        _text(name + "Type", kind),
        _text(name + "Value", value),
        _text("linkingObjectRole", role),
    )


def _identifier(name: str, kind: str, value: str) -> str:
    return _tree(name, _text(name + "Type", kind), _text(name + "Value", value))


def _tree(name: str, *parts: str) -> str:
    return f"<{name}>{''.join(parts)}</{name}>"


def _text(name: str, text: str) -> str:
    return f"<{name}>{escape(_FOREIGN.sub(_coded, text))}</{name}>"


def _coded(match: re.Match[str]) -> str:
    """Returns the bytes of the matched characters as %XX."""
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogateescape"))


def _moment(seconds: float) -> str:
    """Returns seconds since 1970 as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
