"""Records a few-shot cache as the reference pickles it: objects of dassl's Datum, with the paths of another machine.

Usage: python Scripts/oracle/record_few_shot_cache.py   (Python alone; no randomness)
"""

import pickle
import sys
import types
from pathlib import Path

FIXTURE = Path(__file__).parents[2] / "Tests/DatasetsTests/Fixtures/shot_1-seed_1.pkl"


class Datum:
    """The attributes that dassl's class keeps; only they are pickled."""

    def __init__(self, path, label, name):
        self._impath, self._label, self._domain, self._classname = path, label, 0, name


def main():
    for name in ["dassl", "dassl.data", "dassl.data.datasets", "dassl.data.datasets.base_dataset"]:
        sys.modules[name] = types.ModuleType(name)
    Datum.__module__ = "dassl.data.datasets.base_dataset"
    sys.modules[Datum.__module__].Datum = Datum
    root = "/home/someone/data/food-101/images"
    data = {
        "train": [Datum(f"{root}/apple_pie/1.jpg", 0, "apple_pie"), Datum(f"{root}/baklava/2.jpg", 1, "baklava")],
        "val": [Datum(f"{root}/apple_pie/3.jpg", 0, "apple_pie")],
    }
    FIXTURE.write_bytes(pickle.dumps(data, protocol=pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    main()
