"""Records what Pillow and torchvision make of pictures, for Tests/ImagesTests.

    python Scripts/oracle/record_images.py [--shared ../shared]

Writes Tests/ImagesTests/Fixtures: samples/ (one small file for each variant of JPEG, PNG and WebP, made from openclipart
drawings) and images.json (sizes and digests of the pixels). Needs Pillow, numpy, torch, torchvision, a C compiler and
libjpeg's headers. With --shared it also records photos of Caltech101 and Flowers102; without, it keeps those on record.
"""

import argparse
import io
import json
import pathlib
import random
import re
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import PIL
import torch
from PIL import Image, features

SEED = 20240605
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CLIPART = ROOT / "Sources/Embedded/Resources/openclipart"
FIXTURES = ROOT / "Tests/ImagesTests/Fixtures"
BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR
MULTIPLIER = 0x9E3779B97F4A7C15


def import_torchvision():
    """torchvision without its compiled operations: the names it registers are declared first."""
    import importlib.util

    folder = pathlib.Path(importlib.util.find_spec("torchvision").origin).parent
    text = (folder / "_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted(set(re.findall(r'register_meta\("(\w+)"\)|torchvision::(\w+)', text))):
        library.define(f"{name[0] or name[1]}(Tensor x) -> Tensor")
    import torchvision

    return torchvision, library


def digest(image):
    """The pixel bytes as little-endian 64-bit words, zero-padded, as a polynomial in MULTIPLIER modulo 2^64 (Horner)."""
    data = np.asarray(image, dtype=np.uint8).tobytes()
    words = np.frombuffer(data + bytes(-len(data) % 8), dtype="<u8")
    powers = np.full(len(words), MULTIPLIER, dtype=np.uint64)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)[::-1]
    return f"{int(np.sum(words * powers, dtype=np.uint64)):016x}"


def record(image):
    return {"width": image.width, "height": image.height, "digest": digest(image)}


def synthetic(width, height):
    """Pixels that both sides can compute: byte i is the top byte of i * i * 2654435761 modulo 2^32."""
    i = np.arange(width * height * 3, dtype=np.uint32)
    return Image.fromarray(((i * i * np.uint32(2654435761)) >> 24).astype(np.uint8).reshape(height, width, 3))


# PNG of every kind: Pillow writes few of them, so this writes all.


def png(values, depth, kind, palette=None, transparency=None, interlaced=False):
    """values: [height, width, channels], each below 2^depth. kind: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA."""

    def scanlines(part):
        height, width, channels = part.shape
        if height == 0 or width == 0:
            return b""
        bits = ((part.reshape(height, -1, 1).astype(np.uint32) >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
        rows = np.packbits(bits.reshape(height, -1), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in rows)

    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    body = b"".join(scanlines(values[y::dy, x::dx]) for x, y, dx, dy in passes)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], depth, kind, 0, 0, int(interlaced))
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"gAMA", struct.pack(">I", 45455))]
    if palette is not None:
        parts.append(chunk(b"PLTE", bytes(palette)))
    if transparency is not None:
        parts.append(chunk(b"tRNS", bytes(transparency)))
    return b"".join(parts + [chunk(b"IDAT", zlib.compress(body, 9)), chunk(b"IEND", b"")])


def png_samples(picture):
    rgb = np.asarray(picture)
    grey = np.asarray(picture.convert("L"))[:, :, None]
    alpha = np.linspace(0, 255, grey.size).astype(np.uint8).reshape(grey.shape)
    generator = np.random.default_rng(SEED)

    def deep(values):  # 16 bits with low bytes that are not zero
        return values.astype(np.uint32) << 8 | generator.integers(0, 256, values.shape, dtype=np.uint32)

    for interlaced in (False, True):
        suffix = "-interlaced" if interlaced else ""
        for depth in (1, 2, 4, 8):
            yield f"grey-{depth}{suffix}", png(grey >> (8 - depth), depth, 0, interlaced=interlaced)
            palette = generator.integers(0, 256, 3 << depth, dtype=np.uint8)
            yield f"palette-{depth}{suffix}", png(grey >> (8 - depth), depth, 3, palette, interlaced=interlaced)
        # Values on both sides of 255, where Pillow clips.
        yield f"grey-16{suffix}", png(deep(grey) >> 7, 16, 0, interlaced=interlaced)
        for depth in (8, 16):
            widen = deep if depth == 16 else np.asarray
            yield f"rgb-{depth}{suffix}", png(widen(rgb), depth, 2, interlaced=interlaced)
            yield f"grey-alpha-{depth}{suffix}", png(widen(np.dstack([grey, alpha])), depth, 4, interlaced=interlaced)
            yield f"rgba-{depth}{suffix}", png(widen(np.dstack([rgb, alpha])), depth, 6, interlaced=interlaced)
    palette = generator.integers(0, 256, 3 << 8, dtype=np.uint8)
    yield "palette-transparent", png(grey, 8, 3, palette, transparency=range(256))
    yield "palette-short", png(grey, 8, 3, palette[: 3 * 100])
    yield "palette-short-4", png(grey >> 4, 4, 3, palette[: 3 * 9])
    yield "grey-transparent", png(grey, 8, 0, transparency=[0, int(grey[5, 5, 0])])
    yield "grey-1-transparent", png(grey >> 7, 1, 0, transparency=[0, 1])
    yield "grey-16-transparent", png(deep(grey), 16, 0, transparency=[0, 1])
    yield "rgb-transparent", png(rgb, 8, 2, transparency=[v for c in rgb[5, 5] for v in (0, int(c))])


# JPEG and WebP


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def replaced(data, old, new):
    assert old in data
    return data.replace(old, new, 1)


def jpeg_samples(picture, rare):
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        for progressive in (False, True):
            name = subsampling.replace(":", "") + ("-progressive" if progressive else "")
            yield name, saved(picture, "JPEG", quality=80, subsampling=subsampling, progressive=progressive)
    yield "quality-5", saved(picture, "JPEG", quality=5)
    yield "quality-100", saved(picture, "JPEG", quality=100)
    yield "optimized", saved(picture, "JPEG", optimize=True)
    yield "restart-markers", saved(picture, "JPEG", restart_marker_blocks=3)
    yield "rgb", saved(picture, "JPEG", keep_rgb=True)
    yield "grey", saved(picture.convert("L"), "JPEG")
    yield "grey-progressive", saved(picture.convert("L"), "JPEG", progressive=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees: ignored
    yield "exif-orientation", saved(picture, "JPEG", exif=exif)
    inks = picture.convert("CMYK")
    inks = Image.merge("CMYK", [*inks.split()[:3], picture.convert("L").point(lambda v: (255 - v) // 3)])
    yield "cmyk-adobe", (cmyk := saved(inks, "JPEG"))
    yield "cmyk-progressive", saved(inks, "JPEG", progressive=True)
    adobe = cmyk.index(b"\xff\xee")
    yield "cmyk-unmarked", cmyk[:adobe] + cmyk[adobe + 2 + struct.unpack(">H", cmyk[adobe + 2 : adobe + 4])[0] :]
    rgb, four = picture.tobytes(), bytes(255 - v for v in inks.tobytes())
    size = picture.size
    for name, factors in {"440": "121111", "411": "411111", "410": "421111", "441": "141111", "mixed": "221221"}.items():
        yield name, rare(size, "ycc", "baseline", factors, rgb)
    yield "440-progressive", rare(size, "ycc", "progressive", "121111", rgb)
    yield "arithmetic", rare(size, "ycc", "arithmetic", "221111", rgb)
    yield "grey-sampled-twice", rare(size, "grey", "baseline", "22", picture.convert("L").tobytes())
    yield "rgb-unmarked", replaced(rare(size, "rgb", "baseline", "111111", rgb), b"Adobe", b"Other")
    yield "cmyk-subsampled", rare(size, "cmyk", "baseline", "22111122", four)
    yield "ycck", rare(size, "ycck", "baseline", "11111111", four)
    yield "ycck-subsampled", rare(size, "ycck", "baseline", "22111122", four)
    yield "ycck-progressive", rare(size, "ycck", "progressive", "21111121", four)
    yield "trailing-bytes", saved(picture, "JPEG") + b"left over"


def webp_samples(picture, other):
    fade = picture.copy()
    fade.putalpha(Image.linear_gradient("L").resize(picture.size))
    yield "lossy", saved(picture, "WEBP", quality=70)
    yield "lossy-quality-5", saved(picture, "WEBP", quality=5)
    yield "lossy-alpha", saved(fade, "WEBP", quality=70)
    yield "lossy-exif", saved(picture, "WEBP", quality=70, exif=b"Exif\0\0nothing")
    yield "lossless", saved(picture, "WEBP", lossless=True)
    yield "lossless-alpha", saved(fade, "WEBP", lossless=True)
    yield "lossless-alpha-exact", saved(fade, "WEBP", lossless=True, exact=True)
    yield "lossless-palette", saved(picture.quantize(16).convert("RGB"), "WEBP", lossless=True)
    yield "animated", saved(picture, "WEBP", save_all=True, append_images=[other.resize(picture.size)], duration=50)
    yield "animated-alpha", saved(fade, "WEBP", save_all=True, append_images=[other.resize(picture.size)], duration=50)


def samples():
    paths = sorted(CLIPART.glob("images/*/*.jpg"))
    bird = CLIPART / "images/bird/001.jpg"
    picture = Image.open(bird).convert("RGB").resize((61, 47), BICUBIC)
    other = Image.open(paths[200]).convert("RGB")
    with tempfile.TemporaryDirectory() as folder:
        tool = f"{folder}/rare_jpeg"
        subprocess.run(["cc", HERE / "rare_jpeg.c", "-ljpeg", "-o", tool], check=True)

        def rare(size, space, coding, factors, data):
            command = [tool, str(size[0]), str(size[1]), space, coding, factors]
            return subprocess.run(command, input=data, capture_output=True, check=True).stdout

        yield "two-components.jpg", rare(picture.size, "two", "baseline", "1111", picture.convert("LA").tobytes())
        for kind, pairs in (
            ("jpg", jpeg_samples(picture, rare)),
            ("png", png_samples(picture.resize((37, 29), BICUBIC))),
            ("webp", webp_samples(picture, other)),
        ):
            for name, data in pairs:
                yield f"{name}.{kind}", data


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def reads(data):
    try:
        opened(data)
        return True
    except (OSError, SyntaxError, EOFError, struct.error, ValueError):
        return False


def photo(path):
    """One photo decoded, and resized down, up and by the triangle filter."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    return {
        "decoded": record(image),
        "down": record(image.resize((width * 3 // 5 + 1, height * 2 // 5 + 1), BICUBIC)),
        "up": record(image.resize((width * 5 // 4 + 3, height * 3 // 2 + 1), BICUBIC)),
        "bilinear": record(image.resize((width // 2 + 1, height * 5 // 4), BILINEAR)),
    }


def odd_sizes():
    sizes = [(1, 1), (1, 500), (500, 1), (3000, 7), (7, 3000), (2, 2), (3, 5), (224, 224), (225, 223), (641, 427)]
    targets = [(1, 1), (224, 224), (7, 3000), (500, 1), (96, 41)]
    for width, height in sizes:
        image = synthetic(width, height)
        for target in targets:
            for name, filter in (("bicubic", BICUBIC), ("bilinear", BILINEAR)):
                yield {"from": [width, height], "filter": name, **record(image.resize(target, filter))}


def views(torchvision):
    """torchvision's evaluation transforms of synthetic pictures."""
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    for width, height in [(1, 1), (500, 375), (375, 500), (224, 300), (223, 225), (101, 640), (640, 101), (333, 1000)]:
        for size in (32, 97, 224):
            image = synthetic(width, height)
            whole = Resize(size, interpolation=InterpolationMode.BICUBIC)(image)
            yield {
                "from": [width, height],
                "size": size,
                "shorterEdge": record(whole),
                "centre": record(CenterCrop(size)(image)),
                "both": record(CenterCrop(size)(whole)),
            }


def random_crops(torchvision, draws=100_000):
    from torchvision.transforms import RandomResizedCrop

    torch.manual_seed(SEED)
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    for width, height in [(500, 375), (240, 800)]:
        image = Image.new("RGB", (width, height))
        boxes = np.array([RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(draws)])
        y, x, crop_height, crop_width = boxes.T.astype(float)
        columns = {
            "area": crop_width * crop_height / (width * height),
            "ratio": crop_width / crop_height,
            "x": x / width,
            "y": y / height,
        }
        yield {
            "from": [width, height],
            "draws": draws,
            "levels": levels,
            **{k: {"mean": v.mean(), "quantiles": np.quantile(v, levels).tolist()} for k, v in columns.items()},
        }


def write_records(target, result):
    """Writes one entry a line, so that a changed record shows as such."""
    lines = []
    for key, value in result.items():
        if isinstance(value, dict):
            body = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f"{json.dumps(key)}: {{\n{body}\n}}")
        else:
            body = ",\n".join(json.dumps(v) for v in value)
            lines.append(f"{json.dumps(key)}: [\n{body}\n]")
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=pathlib.Path, help="the folder that holds data/caltech-101 and data/oxford_flowers")
    arguments = parser.parse_args()
    torchvision, library = import_torchvision()
    target = FIXTURES / "images.json"
    before = json.loads(target.read_text()) if target.exists() else {}
    photos = before.get("photos", {})
    if arguments.shared:
        generator = random.Random(SEED)
        photos = {}
        for folder, count in (("caltech-101/101_ObjectCategories", 200), ("oxford_flowers/jpg", 60)):
            paths = sorted((arguments.shared / "data" / folder).rglob("*.jpg"))
            for path in sorted(generator.sample(paths, count)):
                photos[str(path.relative_to(arguments.shared))] = photo(path)

    folder = FIXTURES / "samples"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    decoded, cuts = {}, {}
    for name, data in samples():
        (folder / name).write_bytes(data)
        if name == "two-components.jpg":  # valid, but refused by Pillow and by us
            assert not reads(data)
            continue
        decoded[name] = record(opened(data))
        lengths = sorted({len(data) * part // 24 for part in range(1, 24)} | {len(data) - n for n in (1, 2, 3, 5, 12, 13, 17)})
        cuts[name] = [{"length": length, "reads": reads(data[:length])} for length in lengths]

    versions = {
        "Pillow": PIL.__version__,
        **{name: features.version(name) for name in ("libjpeg_turbo", "webp", "zlib")},
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
    }
    result = {
        "recipe": {"script": "Scripts/oracle/record_images.py", "seed": SEED, "versions": versions},
        "samples": decoded,
        "cuts": cuts,
        "oddSizes": list(odd_sizes()),
        "views": list(views(torchvision)),
        "randomCrops": list(random_crops(torchvision)),
        "clipart": {str(p.relative_to(CLIPART)): photo(p) for p in sorted(CLIPART.glob("images/*/*.jpg"))},
        "photos": photos,
    }
    write_records(target, result)


if __name__ == "__main__":
    main()
