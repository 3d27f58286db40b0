"""Records what CPython's `random` draws, for the tests of `PythonRandom` and `Dataset.fewShot`.

Writes two fixtures into Tests/DatasetsTests/Fixtures:
  python_random.json  raw draws, samples, shuffles and divisions for many seeds;
  few_shot.json       a hash of each few-shot sample, and its first paths for debugging.
The published splits may not be copied into the package, hence hashes: FNV-1a (64 bits) of "path TAB label TAB name LF"
for each image in turn.

Needs nothing but Python:  python3 Scripts/oracle/record_fewshot.py [FOLDER WITH THE PUBLISHED SPLITS]
"""

import json
import pathlib
import platform
import random
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/DatasetsTests/Fixtures"
SPLITS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared/splits"

RAW_SEEDS = [0, 1, 2, 3, 42, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**53 + 1, 2**63 - 1, -1, -7, -(2**63)]
SAMPLES = [(20, 16), (100, 16), (30, 4), (21, 5), (22, 5), (85, 16), (86, 16), (37, 6), (38, 6), (85, 21), (86, 21),
           (277, 22), (278, 22), (1, 1), (2, 1), (800, 8), (5, 0), (1024, 64)]
DIVISION = [2, 3, 4, 5, 6, 7, 9, 10, 15, 25, 100]


def raw_draws(seed):
    """One generator, asked for everything in this order."""
    generator = random.Random(seed)
    words = [generator.getrandbits(32) for _ in range(3)]
    bits = [[count, generator.getrandbits(count)] for count in (1, 5, 31, 32, 33, 48, 63, 64)]
    units = [generator.random() for _ in range(3)]
    below = [[bound, generator._randbelow(bound)] for bound in (1, 2, 3, 4, 1000, 2**31, 2**32, 2**40 + 1, 2**62 + 1)]
    samples = [{"of": n, "count": k, "drawn": generator.sample(range(n), k)} for n, k in SAMPLES]
    shuffled = list(range(10))
    generator.shuffle(shuffled)
    for _ in range(2000):
        generator.getrandbits(32)  # over several refills of the state
    return {"seed": seed, "words": words, "bits": bits, "units": units, "below": below, "samples": samples,
            "shuffled": shuffled, "later": generator.getrandbits(32)}


def division(seed):
    """Classes of these sizes, one after the other: shuffled, then cut at the rounded half and fifth."""
    generator = random.Random(seed)
    classes = []
    for size in DIVISION:
        items = list(range(size))
        generator.shuffle(items)
        train = round(size * 0.5)
        val = min(round(size * 0.2), size - train - 1)
        classes.append({"size": size, "train": items[:train], "val": items[train:train + val],
                        "test": items[train + val:]})
    return {"seed": seed, "classes": classes}


def few_shot(items, shots, generator):
    by_label = {}  # keeps the order of first appearance
    for item in items:
        by_label.setdefault(item[1], []).append(item)
    sampled = []
    for candidates in by_label.values():
        sampled += candidates if len(candidates) < shots else generator.sample(candidates, shots)
    return sampled


def digest(items):
    lines = "".join(f"{path}\t{label}\t{name}\n" for path, label, name in items)
    value = 0xCBF29CE484222325
    for byte in lines.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def few_shot_records(dataset, split_file):
    split = json.loads(split_file.read_text())
    for seed in range(6):
        for shots in (1, 2, 4, 8, 16):
            generator = random.Random(seed)
            train = few_shot(split["train"], shots, generator)
            val = few_shot(split["val"], min(shots, 4), generator)
            yield {"dataset": dataset, "seed": seed, "shots": shots,
                   "trainCount": len(train), "trainHash": digest(train), "firstTrain": [i[0] for i in train[:3]],
                   "valCount": len(val), "valHash": digest(val), "firstVal": [i[0] for i in val[:3]]}


def write(name, content):
    recipe = {"script": "Scripts/oracle/record_fewshot.py", "python": platform.python_version()}
    fields = [f'"recipe": {json.dumps(recipe)}']
    for key, rows in content.items():
        fields.append(f'"{key}": [\n  ' + ",\n  ".join(json.dumps(row) for row in rows) + "]")
    (FIXTURES / name).write_text("{" + ",\n ".join(fields) + "}\n")


write("python_random.json", {"draws": [raw_draws(seed) for seed in RAW_SEEDS],
                             "divisions": [division(seed) for seed in (0, 1, 2)]})
embedded = ROOT / "Sources/Embedded/Resources/openclipart/split_openclipart.json"
files = {"openclipart": embedded, "Caltech101": SPLITS / "split_zhou_Caltech101.json",
         "OxfordFlowers": SPLITS / "split_zhou_OxfordFlowers.json"}
write("few_shot.json", {"samples": [record for item in files.items() for record in few_shot_records(*item)]})
