"""Tests/WebDatasetTests/Fixtures: tars that Python writes, and the samples that the webdataset library finds in them.

    .oracle/bin/python Scripts/oracle/record_webdataset.py

Each tar has a few members of a few bytes: what is compared is which files are a sample, under which key, with which
extensions and contents. Lists of names are those of braceexpand, which the library calls.
"""

import gzip
import io
import json
import tarfile
from importlib.metadata import version
from pathlib import Path

import braceexpand
import webdataset

FOLDER = Path(__file__).parents[2] / "Tests/WebDatasetTests/Fixtures"

MEMBERS = {
    "plain": ["000000000.jpg", "000000000.txt", "000000000.json", "000000001.jpg", "000000001.txt", "000000001.json"],
    "cases": ["a/b.seg.PNG", "a/b.JPG", "a.b/c.jpg", "./x.jpg", "./x.Cls", "README", "b/.jpg", "b/.hid.jpg", "a."],
    "meta": ["__size__", "__meta__/a.jpg", "__a__.jpg", "_a_.jpg", "__b.jpg", "x/__c__.jpg"],
    "returning": ["a.jpg", "b.jpg", "a.txt", "b.txt"],
    "long": ["x" * 150 + "/a.jpg", "x" * 150 + "/a.txt", "y" * 260 + ".jpg", "été/ü.jpg", "été/ü.cls"],
}
BRACES = ["{0..3}.tar", "s/{008..010}.tar", "{a,b}-{0..1}.tar", "{00..10..5}", "{3..1}", "a.tar", "{only}.tar", "{8..010}"]


def write(path: Path, names: list[str], form: int) -> None:
    with tarfile.open(path, "w", format=form) as tar:
        for index, name in enumerate(names):
            info = tarfile.TarInfo(name)
            data = f"{index}".encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        # What is no regular file is none of a sample.
        for name, kind in [("folder.jpg", tarfile.DIRTYPE), ("link.jpg", tarfile.SYMTYPE), ("hard.jpg", tarfile.LNKTYPE)]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, names[0]
            tar.addfile(info)


def samples(path: Path) -> list[dict]:
    found = webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False)
    return [
        {
            "key": sample["__key__"],
            "files": {name: data.decode() for name, data in sorted(sample.items()) if not name.startswith("__")},
        }
        for sample in found
    ]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    recorded = {}
    for name, members in MEMBERS.items():
        forms = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
        if all(len(member) < 100 for member in members):
            forms["ustar"] = tarfile.USTAR_FORMAT
        for form, code in forms.items():
            path = FOLDER / f"{name}-{form}.tar"
            write(path, members, code)
            recorded[path.name] = samples(path)
            packed = FOLDER / f"{path.name}.gz"
            if form == "pax":
                packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
                recorded[packed.name] = samples(packed)
                assert recorded[packed.name] == recorded[path.name]
    fixture = {
        "versions": {name: version(name) for name in ("webdataset", "braceexpand")},
        "samples": recorded,
        "braces": {text: list(braceexpand.braceexpand(text)) for text in BRACES},
    }
    text = json.dumps(fixture, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    (FOLDER / "webdataset.json").write_text(text)


main()
