"""A batch's results as a bag that an archive takes."""

import csv
import hashlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.photographs import gray, save
from tests.worker.stage import Stage, make_scans

PREMIS = "{http://www.loc.gov/premis/v3}"
#: The Library of Congress' own schema of 18 January 2016, a work of the United States' government.
SCHEMA = Path(__file__).parent / "premis-v3-0.xsd"


def assert_valid(bag: Path) -> None:
    """By the Library of Congress' own program."""
    done = subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", bag], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def assert_fits_the_schema(premis: Path) -> None:
    """By libxml2's program, which reads nothing from the network."""
    done = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--schema", SCHEMA, premis],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


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
    assert_fits_the_schema(bag / "premis.xml")
    premis = ElementTree.parse(bag / "premis.xml").getroot()
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
    stage.worker(concurrency=1)
    stage.wait(batch)
    said = stage.call("batch", "bag", batch, "-o", stage.scans, code=2)
    assert "is not empty" in said


def test_a_batch_without_results_is_no_bag(stage: Stage):
    make_scans(stage.scans, 1)
    batch = stage.submit()
    said = stage.call("batch", "bag", batch, "-o", stage.folder / "bag", code=2)
    assert "nothing to bag" in said and not (stage.folder / "bag").exists()
