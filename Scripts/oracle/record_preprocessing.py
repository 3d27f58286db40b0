"""Records the squares that open_clip's transforms make of pictures from a formula, in each resize mode, as hashes.

    python record_preprocessing.py    → Tests/CLIPTests/Fixtures/preprocessing.json

The picture: pixel value = (37 x² + 11 y² + 13 x y + 91 c) mod 256 at column x, row y, channel c. The hash: FNV-1a, 64 bits.
"""

import importlib.metadata
import json
import pathlib

import numpy
import torchvision_names  # noqa: F401
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from protocol import ROOT

PICTURES = [(64, 48), (48, 64), (50, 50), (100, 37), (37, 101), (20, 31), (33, 200), (7, 5), (301, 64), (65, 129)]
SIZES = [32, 33]
MODES = ["shortest", "squash", "longest"]
INTERPOLATIONS = ["bicubic", "bilinear", "random"]


def picture(width: int, height: int) -> Image.Image:
    y, x, c = numpy.ogrid[:height, :width, :3]
    return Image.fromarray(((37 * x * x + 11 * y * y + 13 * x * y + 91 * c) % 256).astype(numpy.uint8))


def fnv1a(data: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def square(width: int, height: int, size: int, mode: str, interpolation: str) -> dict:
    configuration = PreprocessCfg(size=size, mean=(0,) * 3, std=(1,) * 3, interpolation=interpolation, resize_mode=mode)
    pixels = image_transform_v2(configuration, is_train=False)(picture(width, height))
    found = (pixels.permute(1, 2, 0) * 255).round().numpy().astype(numpy.uint8)
    assert found.shape == (size, size, 3)
    return {
        "width": width, "height": height, "size": size, "mode": mode, "interpolation": interpolation,
        "hash": f"{fnv1a(found.tobytes()):x}",
    }  # fmt: skip


def main():
    squares = [
        square(*measures, size, mode, interpolation)
        for measures in PICTURES
        for size in SIZES
        for mode in MODES
        for interpolation in INTERPOLATIONS
    ]
    packages = ["open-clip-torch", "torchvision", "pillow"]
    recipe = {
        "script": f"Scripts/oracle/{pathlib.Path(__file__).name}",
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }
    output = ROOT / "Tests/CLIPTests/Fixtures/preprocessing.json"
    lines = ",\n".join(json.dumps(line) for line in squares)
    output.write_text(json.dumps(recipe)[:-1] + f', "squares": [\n{lines}\n]}}\n')
    print(f"{output.relative_to(ROOT)}: {len(squares)} squares")


if __name__ == "__main__":
    main()
