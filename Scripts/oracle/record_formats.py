"""Records what Pillow and torchvision make of BMP, GIF and TIFF, of EXIF orientations and of extreme shapes.

    python Scripts/oracle/record_formats.py

Writes Tests/ImagesTests/Fixtures: formats/ (one small file for each variant, made from openclipart drawings) and
formats.json (sizes and digests of the pixels). Needs Pillow, numpy, torch and torchvision, and 2 GB of memory.
"""

import io
import struct
import zlib

import numpy as np
import PIL
import torch
from PIL import Image, ImageOps, features

from bmp_gif_tiff_samples import bmp_samples, gif_samples, saved, tiff_samples
from record_images import (
    BICUBIC, BILINEAR, CLIPART, FIXTURES, SEED, import_torchvision, record, synthetic, write_records
)


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def reads(data):
    try:
        opened(data)
        return True
    except Exception:  # Pillow's plugins fail in many ways
        return False


def exif(orientation, order="<", kind=3):
    """EXIF with an orientation of the given type between two other tags."""
    value = struct.pack(order + ("H" if kind == 3 else "L"), orientation).ljust(4, b"\0")
    entries = struct.pack(order + "HHLL", 0x0110, 2, 2, 0x41000000)
    entries += struct.pack(order + "HHL", 0x0112, kind, 1) + value
    entries += struct.pack(order + "HHLL", 0x0128, 3, 1, 2)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return b"Exif\0\0" + head + struct.pack(order + "LH", 8, 3) + entries + bytes(4)


def with_png_chunk(data, name, content, last=False):
    chunk = struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))
    place = len(data) - 12 if last else 33
    return data[:place] + chunk + data[place:]


def oriented_samples(picture):
    """Files with orientations, by name."""
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
    for value in range(10):
        yield f"jpeg-{value}.jpg", saved(picture, "JPEG", quality=90, exif=exif(value))
        yield f"png-{value}.png", with_png_chunk(saved(picture, "PNG"), b"eXIf", exif(value)[6:])
        yield f"webp-{value}.webp", saved(picture, "WEBP", quality=90, exif=exif(value))
    yield "jpeg-big-endian.jpg", saved(picture, "JPEG", exif=exif(6, ">"))
    yield "jpeg-long.jpg", saved(picture, "JPEG", exif=exif(8, ">", 4))
    yield "jpeg-progressive.jpg", saved(picture, "JPEG", progressive=True, exif=exif(5))
    yield "jpeg-xmp.jpg", saved(picture, "JPEG", xmp=xmp % 6)
    yield "jpeg-xmp-and-exif.jpg", saved(picture, "JPEG", xmp=xmp % 6, exif=exif(3))
    yield "png-behind.png", with_png_chunk(saved(picture, "PNG"), b"eXIf", exif(7)[6:], last=True)
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp % 8
    yield "png-xmp.png", with_png_chunk(saved(picture, "PNG"), b"iTXt", text)
    yield "webp-xmp.webp", saved(picture, "WEBP", xmp=xmp % 6)


def views_of_oriented(image):
    """The upright picture, and two views of it that shrink by other amounts along each side."""
    upright = ImageOps.exif_transpose(image).convert("RGB")
    width, height = upright.size
    crop = upright.crop((width // 5, height // 7, width - 3, height - 2))
    return {
        "upright": record(upright),
        "wide": record(upright.resize((20, 5), BICUBIC)),
        "high": record(upright.resize((7, 24), BICUBIC)),
        "crop": record(crop.resize((16, 16), BILINEAR)),
    }


def random_views(count):
    """Regions of synthetic pictures, resized up and down by both filters."""
    generator = np.random.default_rng(SEED)
    for _ in range(count):
        width, height = (int(generator.integers(1, 400)) for _ in range(2))
        x, y = int(generator.integers(0, width)), int(generator.integers(0, height))
        region = [x, y, int(generator.integers(1, width - x + 1)), int(generator.integers(1, height - y + 1))]
        target = [int(generator.integers(1, 120)) for _ in range(2)]
        name, filter = (("bicubic", BICUBIC), ("bilinear", BILINEAR))[int(generator.integers(0, 2))]
        part = synthetic(width, height).crop((x, y, x + region[2], y + region[3]))
        result = part.resize(tuple(target), filter)
        yield {"from": [width, height], "region": region, "filter": name, **record(result)}


def slivers(torchvision):
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    for width, height, size in [(1, 3000, 224), (3000, 1, 224), (2, 2001, 224), (4000, 3, 97), (1, 60_000, 16)]:
        image = synthetic(width, height)
        yield {
            "from": [width, height],
            "size": size,
            **record(CenterCrop(size)(Resize(size, interpolation=InterpolationMode.BICUBIC)(image))),
        }


def main():
    Image.MAX_IMAGE_PIXELS = None
    torchvision, library = import_torchvision()
    paths = sorted(CLIPART.glob("images/*/*.jpg"))
    picture = Image.open(CLIPART / "images/bird/001.jpg").convert("RGB").resize((37, 29), BICUBIC)
    other = Image.open(paths[200]).convert("RGB")
    folder = FIXTURES / "formats"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    decoded, cuts, oriented = {}, {}, {}
    for kind, samples in (
        ("bmp", bmp_samples(picture)),
        ("gif", gif_samples(picture, other)),
        ("tif", tiff_samples(picture)),
    ):
        for name, data in samples:
            (folder / f"{name}.{kind}").write_bytes(data)
            decoded[f"{name}.{kind}"] = record(opened(data))
            lengths = sorted({len(data) * part // 12 for part in range(1, 12)} | {len(data) - n for n in (1, 2, 5)})
            cuts[f"{name}.{kind}"] = [{"length": length, "reads": reads(data[:length])} for length in lengths]
    for name, data in oriented_samples(picture):
        (folder / name).write_bytes(data)
        oriented[name] = views_of_oriented(Image.open(io.BytesIO(data)))

    versions = {
        "Pillow": PIL.__version__,
        **{name: features.version(name) for name in ("libtiff", "libjpeg_turbo", "webp", "zlib")},
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
    }
    result = {
        "recipe": {"script": "Scripts/oracle/record_formats.py", "seed": SEED, "versions": versions},
        "samples": decoded,
        "cuts": cuts,
        "oriented": oriented,
        "views": list(random_views(2000)),
        "slivers": list(slivers(torchvision)),
    }
    write_records(FIXTURES / "formats.json", result)


if __name__ == "__main__":
    main()
