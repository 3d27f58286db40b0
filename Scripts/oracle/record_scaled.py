"""Records what Pillow makes of JPEGs that are reduced while they are decoded, for Tests/ImagesTests.

    python record_scaled.py → Tests/ImagesTests/Fixtures/scaled.json and scaled/*.jpg

`Image.draft` reduces by 2, 4 or 8, `ImageOps.exif_transpose` turns the reduced picture, and `resize(box=)` sees a region of
it; the box lies where the region lies in the whole picture. Needs Pillow, numpy, torch and torchvision.
"""

import io

import numpy as np
import PIL
from PIL import Image, ImageOps, features
from record_images import BICUBIC, BILINEAR, CLIPART, FIXTURES, SEED, record, write_records

VIEWS = 12


def large_samples():
    """Three pictures with sides that no reduction divides, one for each way to store colours."""
    (FIXTURES / "scaled").mkdir(exist_ok=True)
    picture = Image.open(CLIPART / "images/bird/001.jpg").convert("RGB").resize((333, 251), BICUBIC)
    for name, subsampling, progressive in (("444", 0, False), ("422", 1, True), ("420", 2, False)):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=80, subsampling=subsampling, progressive=progressive)
        (FIXTURES / f"scaled/{name}.jpg").write_bytes(buffer.getvalue())


def reduced(data, reduction, is_upright):
    """The reduced picture, and where the whole one begins in it."""
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    image.draft(None, (max(1, width // reduction), max(1, height // reduction)))
    assert image.size == (-(-width // reduction), -(-height // reduction)), image.size
    orientation = image.getexif().get(0x0112, 1) if is_upright else 1
    orientation = orientation if orientation in range(1, 9) else 1
    turned = ImageOps.exif_transpose(image) if is_upright else image
    if orientation >= 5:
        width, height = height, width
    x_reversed = orientation in (2, 3, 6, 7)
    y_reversed = orientation in (3, 4, 7, 8)
    left = turned.width - width / reduction if x_reversed else 0
    top = turned.height - height / reduction if y_reversed else 0
    return turned.convert("RGB"), (width, height), (left, top)


def views(data, is_upright, generator):
    seen = set()
    for _ in range(VIEWS):
        for reduction in (2, 4, 8):
            picture, (width, height), (left, top) = reduced(data, reduction, is_upright)
            x, y = int(generator.integers(0, width // 2)), int(generator.integers(0, height // 2))
            w, h = int(generator.integers(1, width - x + 1)), int(generator.integers(1, height - y + 1))
            if generator.random() < 0.3:
                x, y, w, h = 0, 0, width, height
            most = (w // (2 * reduction), h // (2 * reduction))
            if min(most) < 1:
                continue
            target = [int(generator.integers(1, side + 1)) for side in most]
            gap = min(w // (2 * target[0]), h // (2 * target[1]))
            if next(s for s in (8, 4, 2, 1) if s <= gap) != reduction:
                continue
            name, filter = (("bicubic", BICUBIC), ("bilinear", BILINEAR))[int(generator.integers(0, 2))]
            box = (
                left + x / reduction, top + y / reduction, left + (x + w) / reduction, top + (y + h) / reduction,
            )
            result = picture.resize(tuple(target), filter, box=box)
            key = (reduction, x, y, w, h, *target, name)
            if key not in seen:
                seen.add(key)
                yield {
                    "reduction": reduction, "region": [x, y, w, h], "filter": name, "isUpright": is_upright,
                    **record(result),
                }


def main():
    large_samples()
    generator = np.random.default_rng(SEED)
    files = {}
    for folder in ("samples", "formats", "scaled"):
        for path in sorted((FIXTURES / folder).glob("*.jpg")):
            data = path.read_bytes()
            try:
                Image.open(io.BytesIO(data)).load()
            except OSError:
                continue
            files[f"{folder}/{path.name}"] = [
                view for is_upright in (False, True) for view in views(data, is_upright, generator)
            ]
    versions = {"Pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo"), "numpy": np.__version__}
    result = {
        "recipe": {"script": "Scripts/oracle/record_scaled.py", "seed": SEED, "versions": versions},
        "files": files,
    }
    write_records(FIXTURES / "scaled.json", result)
    print(sum(map(len, files.values())), "views of", len(files), "files")


if __name__ == "__main__":
    main()
