"""A batch's results as a bag that an archive takes."""

import csv
import hashlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, make_scans

PREMIS = "{http://www.loc.gov/premis/v3}"
#: By the PREMIS 3.0 data dictionary, what is used of it: element -> its parts in their order, each
#: with how often it may stand (? = 0..1, * = 0.., + = 1.., nothing = once). Others hold text alone.
PARTS = {
    "premis": "object+ event* agent*",
    "object": "objectIdentifier+ objectCharacteristics+ linkingEventIdentifier*",
    "objectIdentifier": "objectIdentifierType objectIdentifierValue",
    "objectCharacteristics": "compositionLevel? fixity* size? format+ creatingApplication*",
    "fixity": "messageDigestAlgorithm messageDigest messageDigestOriginator?",
    "format": "formatDesignation",
    "formatDesignation": "formatName formatVersion?",
    "event": "eventIdentifier eventType eventDateTime eventDetailInformation* "
    "eventOutcomeInformation* linkingAgentIdentifier* linkingObjectIdentifier*",
    "eventIdentifier": "eventIdentifierType eventIdentifierValue",
    "eventDetailInformation": "eventDetail?",
    "eventOutcomeInformation": "eventOutcome? eventOutcomeDetail*",
    "eventOutcomeDetail": "eventOutcomeDetailNote?",
    "linkingAgentIdentifier": "linkingAgentIdentifierType linkingAgentIdentifierValue "
    "linkingAgentRole*",
    "linkingObjectIdentifier": "linkingObjectIdentifierType linkingObjectIdentifierValue "
    "linkingObjectRole*",
    "agent": "agentIdentifier+ agentName* agentType? agentVersion? agentNote*",
    "agentIdentifier": "agentIdentifierType agentIdentifierValue",
}


def assert_valid(bag: Path) -> None:
    """By the Library of Congress' own program."""
    done = subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", bag], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def assert_built_as_premis(element: ElementTree.Element) -> None:
    """Each element has the parts that the dictionary gives it, in its order; the others text."""
    name = element.tag.removeprefix(PREMIS)
    found = "".join(f"{part.tag.removeprefix(PREMIS)} " for part in element)
    parts = PARTS.get(name, "").split()
    pattern = "".join(re.sub(r"(\w+)", r"(?:\1 )", part) for part in parts)
    assert re.fullmatch(pattern, found), f"{name}: {found}"
    assert parts or (element.text or "").strip(), f"{name} is empty"
    for part in element:
        assert_built_as_premis(part)


def values(element: ElementTree.Element, name: str) -> list[str]:
    return [part.text or "" for part in element.iter(PREMIS + name)]


@pytest.mark.parametrize("is_in_place", [False, True])
def test_the_results_of_a_batch_are_a_bag_that_the_bagit_program_validates(
    stage: Stage, is_in_place: bool
):
    make_scans(stage.scans, 3)
    save(stage.scans / "other" / "100 %\n.jpg", gray(60, 80))
    (stage.scans / "note.jpg").write_text("no picture")
    bag = stage.folder / "bag"
    if is_in_place:
        stage.results = bag / "data"
    batch = stage.submit()
    stage.worker(concurrency=1)
    assert stage.wait(batch)["done"] == 4
    for _ in range(2):  # it may be made again
        assert "bag: 4 files" in stage.call("batch", "bag", batch, "-o", bag)
        assert_valid(bag)
    for name in ("000/00000.jpg", "other/100 %\n.jpg"):
        assert (bag / "data" / name).samefile(stage.results / name)
    manifest = (bag / "manifest-sha256.txt").read_text()
    digest = hashlib.sha256((stage.results / "000" / "00001.jpg").read_bytes()).hexdigest()
    assert f"{digest}  data/000/00001.jpg\n" in manifest and "data/other/100 %%0A.jpg" in manifest
    with (bag / "folders.csv").open(newline="") as stream:
        rows = {row["folder"]: (row["done"], row["failed"]) for row in csv.DictReader(stream)}
    assert rows == {".": ("0", "1"), "000": ("3", "0"), "other": ("1", "0")}
    premis = ElementTree.parse(bag / "premis.xml").getroot()
    assert premis.get("version") == "3.0"
    assert_built_as_premis(premis)
    digests, objects = values(premis, "messageDigest"), values(premis, "objectIdentifierValue")
    assert objects[digests.index(digest)] == "data/000/00001.jpg"
    assert "data/other/100 %%0A.jpg" in objects
    events = {
        values(event, "linkingObjectIdentifierValue")[0]: event
        for event in premis.iter(f"{PREMIS}event")
    }
    failed = events.pop(str(stage.scans / "note.jpg"))
    assert values(failed, "eventOutcome") == ["fail"] and len(events) == 4
    assert values(failed, "eventOutcomeDetailNote")[0].startswith("not-an-image: ")
    for event in events.values():
        assert values(event, "eventOutcome") == ["success"]
        assert values(event, "linkingObjectIdentifierValue")[1] in objects
        [agent] = values(event, "linkingAgentIdentifierValue")
        assert agent in values(premis, "agentIdentifierValue")
    (bag / "data" / "000" / "00001.jpg").unlink()
    with pytest.raises(AssertionError, match="is invalid"):
        assert_valid(bag)


def test_a_folder_that_is_something_else_is_left_alone(stage: Stage):
    make_scans(stage.scans, 1)
    batch = stage.submit()
    said = stage.call("batch", "bag", batch, "-o", stage.scans, code=2)
    assert "is not empty" in said
