"""Records what Dassl's RandAugment makes of pictures from a formula, with Pillow: each operation, and whole views.

    python record_randaugment.py --dassl CLONE    → Tests/ImagesTests/Fixtures/randaugment.json

CLONE is a clone of KaiyangZhou/Dassl.pytorch (read at c61a1b5); nothing of it is kept. Its one line that no current
NumPy takes, `np.int`, becomes `int`. What it would draw is given: which operations, which way, and NumPy's uniform
numbers, so that the pixels alone are compared. A digest is that of record_images.py.

The picture: pixel value = (5 x² + 3 y² + 2 x y + 7 x + 91 c) mod 211 + 20 c at column x, row y, channel c.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import random
from pathlib import Path

import numpy
from PIL import Image

from protocol import ROOT
from record_images import digest
from record_originals import checkout

SIZES = [(48, 48), (61, 37), (2, 5), (224, 224)]
MAGNITUDES = [0, 3, 10, 17, 30]
PLACES = [(0.0, 0.0), (0.37, 0.81), (0.999, 0.02)]
NAMES = ["autoContrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarizeAdd", "color", "contrast",
         "brightness", "sharpness", "shearX", "shearY", "cutout", "translateX", "translateY"]
REVERSIBLE = {"rotate", "shearX", "shearY", "translateX", "translateY"}


def picture(width: int, height: int) -> Image.Image:
    y, x, c = numpy.ogrid[:height, :width, :3]
    return Image.fromarray(((5 * x * x + 3 * y * y + 2 * x * y + 7 * x + 91 * c) % 211 + 20 * c).astype(numpy.uint8))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dassl", type=Path, help="a clone of KaiyangZhou/Dassl.pytorch")
    options = parser.parse_args()
    if not options.dassl:
        # The parity script runs every recorder; this one needs the original.
        return print("nothing is recorded: give the original (--help)")
    name = "dassl/data/transforms/randaugment.py"
    folder = checkout(options.dassl, [name], {name: [("astype(np.int)", "astype(int)")]})
    spec = importlib.util.spec_from_file_location("randaugment", folder / name)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    assert len(theirs.randaugment_list()) == len(NAMES)

    def apply(names: list[str], magnitude: int, reversed_: bool, place: tuple, image):
        """Dassl's own call with its draws given."""
        steps = [theirs.randaugment_list()[NAMES.index(name)] for name in names]
        theirs.random = type("Given", (), {
            "choices": staticmethod(lambda augmentations, k: steps),
            "random": staticmethod(lambda: 0.75 if reversed_ else 0.25)})
        shares = iter(place * len(names))
        # As NumPy with the lower end alone: low + (1 − low) · u.
        theirs.np.random.uniform = lambda low: low + (1.0 - low) * next(shares)
        return theirs.RandAugment(len(names), magnitude)(image)

    operations = []
    for width, height in SIZES:
        image = picture(width, height)
        for name in NAMES:
            for magnitude in MAGNITUDES if width < 200 else [10]:
                for reversed_ in [False, True] if name in REVERSIBLE else [False]:
                    for place in PLACES if name == "cutout" else PLACES[:1]:
                        operations.append({
                            "from": [width, height], "operation": name, "magnitude": magnitude,
                            "isReversed": reversed_, "place": place,
                            "digest": digest(apply([name], magnitude, reversed_, place, image))})
    views = []
    generator = random.Random(7)
    for _ in range(60):
        names = [generator.choice(NAMES) for _ in range(2)]
        reversed_, place = generator.random() > 0.5, (generator.random(), generator.random())
        views.append({
            "from": [57, 45], "operations": names, "magnitude": 10, "isReversed": reversed_, "place": place,
            "digest": digest(apply(names, 10, reversed_, place, picture(57, 45)))})
    recipe = {
        "script": f"Scripts/oracle/{Path(__file__).name}",
        "versions": {package: importlib.metadata.version(package) for package in ["pillow", "numpy"]},
        "operations": operations, "views": views,
    }  # fmt: skip
    path = ROOT / "Tests/ImagesTests/Fixtures/randaugment.json"
    path.write_text(json.dumps(recipe, indent=None, separators=(",", ":")).replace("},{", "},\n{") + "\n")
    print(f"{path.relative_to(ROOT)}: {len(operations)} operations, {len(views)} views")


if __name__ == "__main__":
    main()
