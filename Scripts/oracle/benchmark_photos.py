"""Measures photos as cameras make them beside Pillow and PyTorch, and prints the tables of docs/performance.md.

    python benchmark_photos.py [--count 60] [--old OTHER/cocoop]     needs `make build`, and clang for the codecs alone

First the codecs: `Sources/CImageCodecs` is compiled by itself and takes turns with Pillow in one process and on one thread, by
processor time: a photo's bytes become the 224 x 224 pixels that a model sees, which must be equal to the last bit (exact) or
equal to those of Pillow's `draft` and `resize(box=)` (scaled). Then whole processes take turns: `cocoop predict` on a folder,
and open_clip with a DataLoader of two workers. Photos are made from a seed: smooth colours at five scales, and noise.
"""

import argparse
import ctypes
import io
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import protocol

SEED = 20261128
SIZE = 224
NAMES = "bird,cat,dog,car,tree,house,flower,boat"
BICUBIC = Image.Resampling.BICUBIC


def make_photos(folder, count, width, height):
    """JPEG of quality 88, about 2 bits a pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        generator = np.random.default_rng([SEED, index, width])
        picture = np.full((height, width, 3), 128, np.float32)
        for side, amplitude in ((4, 90), (16, 40), (64, 25), (256, 14), (1024, 8)):
            tile = generator.normal(0, amplitude, (max(2, side * height // width), side, 3)).astype(np.float32)
            tile = 1.3 * tile.mean(axis=2, keepdims=True) + 0.25 * tile
            for channel in range(3):
                part = Image.fromarray(tile[:, :, channel]).resize((width, height), BICUBIC)
                picture[:, :, channel] += np.asarray(part)
        picture += generator.normal(0, 5, (height, width, 1)) + generator.normal(0, 2.5, (height, width, 3))
        path = folder / f"{index:03}.jpg"
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path, quality=88)
    return sorted(folder.glob("*.jpg"))


# The codecs, by ctypes.


class Filter(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("starts", "counts", "weights")]
    _fields_ += [("stride", ctypes.c_size_t), ("outputs", ctypes.c_size_t)]


class Resizing(ctypes.Structure):
    _fields_ = [("across", Filter), ("down", Filter), ("down_first", ctypes.c_int32), ("instructions", ctypes.c_int)]


class Size(ctypes.Structure):
    _fields_ = [("width", ctypes.c_uint32), ("height", ctypes.c_uint32)]


class Status(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("message", ctypes.c_char * 256)]


def compiled(folder):
    swift = shutil.which("swift")
    beside = pathlib.Path(swift).resolve().parent / "clang" if swift else None
    clang = beside if beside and beside.exists() else "clang"
    source = protocol.ROOT / "Sources/CImageCodecs"
    target = folder / "codecs.so"
    flags = subprocess.run(
        ["pkg-config", "--cflags", "libpng", "libtiff-4"], capture_output=True, text=True, check=True
    ).stdout.split()
    libraries = ["-ljpeg", "-lpng", "-lwebp", "-lwebpdemux", "-ltiff", "-lgif", "-ldl", "-lm"]
    command = [clang, "-O2", "-fblocks", "-fPIC", "-shared", "-I", source / "include", *flags, "-o", target]
    subprocess.run([*command, *source.glob("*.c"), *libraries], check=True)
    library = ctypes.CDLL(str(target))
    library.ic_read_size.restype = library.ic_decode.restype = Status
    library.ic_decode.argtypes = [
        ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, Size, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p,
    ]
    return library


def cubic(distance):
    x = np.abs(distance)
    near = ((-0.5 + 2) * x - (-0.5 + 3)) * x * x + 1
    return np.where(x < 1, near, np.where(x < 2, (((x - 5) * x + 8) * x - 4) * -0.5, 0))


def bicubic_filter(end, inputs, outputs, kept, arrays):
    scale = end / outputs
    support = 2 * max(scale, 1)
    stride = math.ceil(support) * 2 + 1
    starts, counts = np.zeros(len(kept), np.int32), np.zeros(len(kept), np.int32)
    weights = np.zeros((len(kept), stride), np.int32)
    for row, output in enumerate(kept):
        centre = (output + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), inputs)
        values = cubic((np.arange(first, last) - centre + 0.5) * (1 / max(scale, 1)))
        values /= sum(values.tolist())
        starts[row], counts[row] = first, last - first
        weights[row, : last - first] = np.trunc(values * (1 << 22) + np.where(values < 0, -0.5, 0.5))
    arrays += [starts, counts, weights]
    return Filter(starts.ctypes.data, counts.ctypes.data, weights.ctypes.data, stride, len(kept))


def view(width, height):
    """The size with the shorter edge at SIZE, and the corner of the square in its middle."""
    new = (SIZE, int(SIZE * height / width)) if width <= height else (int(SIZE * width / height), SIZE)
    return new, (round((new[0] - SIZE) / 2), round((new[1] - SIZE) / 2))


def reduction(width, height):
    new, _ = view(width, height)
    gap = min(width // (2 * new[0]), height // (2 * new[1]))
    return next(factor for factor in (8, 4, 2, 1) if factor <= gap or factor == 1)


def resizing(width, height, factor, arrays):
    new, corner = view(width, height)
    inputs = (-(-width // factor), -(-height // factor))
    filters = [
        bicubic_filter(side / factor, count, outputs, range(start, start + SIZE), arrays)
        for side, count, outputs, start in zip((width, height), inputs, new, corner)
    ]
    return Resizing(*filters, 0, 0)


def ours(library, data, factor, resizing):
    size = Size()
    library.ic_read_size(0, data, len(data), ctypes.byref(size))
    pixels = np.empty((SIZE, SIZE, 3), np.uint8)
    status = library.ic_decode(0, data, len(data), size, factor, ctypes.byref(resizing), pixels.ctypes.data)
    assert status.code == 0, status.message
    return pixels


def decoded(library, data):
    size = Size()
    library.ic_read_size(0, data, len(data), ctypes.byref(size))
    pixels = np.empty((size.height, size.width, 3), np.uint8)
    assert library.ic_decode(0, data, len(data), size, 1, None, pixels.ctypes.data).code == 0


def pillow(data, factor):
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    new, (x, y) = view(width, height)
    if factor > 1:
        image.draft(None, (width // factor, height // factor))
    image = image.resize(new, BICUBIC, box=(0, 0, width / factor, height / factor))
    return np.asarray(image.crop((x, y, x + SIZE, y + SIZE)))


def codecs(photos, rounds):
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        library = compiled(pathlib.Path(folder))
        for path in photos:
            data = path.read_bytes()
            width, height = Image.open(path).size
            factor, arrays = reduction(width, height), []
            # The tables are made in Swift; here they are made before the time is taken, which is 0.3 ms.
            plain, reduced = resizing(width, height, 1, arrays), resizing(width, height, factor, arrays)
            sides = {
                "Pillow": lambda: pillow(data, 1),
                "exact": lambda: ours(library, data, 1, plain),
                "scaled": lambda: ours(library, data, factor, reduced),
                "decoding alone": lambda: decoded(library, data),
            }
            assert (sides["Pillow"]() == sides["exact"]()).all(), path
            assert (pillow(data, factor) == sides["scaled"]()).all(), path
            for _ in range(rounds):
                for name, side in sides.items():
                    start = time.process_time()
                    side()
                    rows.append((name, time.process_time() - start))
    return {name: 1000 * statistics.median(t for n, t in rows if n == name) for name in dict(rows)}


# Whole processes.


def with_torch(folder, threads):
    """open_clip's zero-shot CLIP on the photos of a folder, as its README shows it."""
    import torch

    import reference

    torch.set_num_threads(threads)
    model, mean, std = reference.tiny_clip()
    transform = protocol.test_transform(mean, std)

    class Photos(torch.utils.data.Dataset):
        def __init__(self):
            self.files = sorted(pathlib.Path(folder).glob("*.jpg"))

        def __len__(self):
            return len(self.files)

        def __getitem__(self, index):
            return transform(protocol.open_rgb(self.files[index]))

    import open_clip

    with torch.no_grad():
        text = model.encode_text(open_clip.tokenize([f"a photo of a {name}." for name in NAMES.split(",")]))
        text = text / text.norm(dim=-1, keepdim=True)
        for batch in torch.utils.data.DataLoader(Photos(), batch_size=32, num_workers=2):
            features = model.encode_image(batch)
            features = features / features.norm(dim=-1, keepdim=True)
            for row in (model.logit_scale.exp() * features @ text.T).softmax(-1).tolist():
                print(json.dumps(row))


def seconds(command, variables=None):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **(variables or {})})
    return time.monotonic() - start


def processes(folder, old, threads, rounds):
    tool = protocol.ROOT / ".build/release/cocoop"
    rest = ["predict", "--model", "tiny-clip", "--classes", NAMES, "--format", "csv", "--quiet", folder]
    rest += ["--threads", str(threads)]
    script = pathlib.Path(__file__)
    sides = {
        "PyTorch, two workers": [sys.executable, script, "--torch", folder, "--threads", str(threads)],
        "exact": [tool, *rest, "--no-cache"],
        "scaled": [tool, *rest, "--no-cache", "--photo-decoding", "scaled"],
    }
    if old:
        sides["before"] = [old, *rest]
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, command in sides.items():
            times[name].append(seconds(command))
    with tempfile.TemporaryDirectory() as cache:
        seconds([tool, *rest], {"XDG_CACHE_HOME": cache})
        times["seen before"] = [seconds([tool, *rest], {"XDG_CACHE_HOME": cache}) for _ in range(rounds)]
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--old", help="another build's tool, measured too")
    parser.add_argument("--photos", type=pathlib.Path, help="where the photos are made and stay")
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch:
        return with_torch(arguments.torch, arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.photos or pathlib.Path(temporary)
        large, half = folder / "large", folder / "half"
        sides = (large, 4000, 3000), (half, 816, 612)
        photos = {
            at: sorted(at.glob("*.jpg")) or make_photos(at, arguments.count, width, height) for at, width, height in sides
        }
        print("load", os.getloadavg())
        for at, count, rounds in ((large, 8, 5), (half, 20, 20)):
            times = codecs(photos[at][:count], rounds)
            ratios = {name: round(times["Pillow"] / value, 2) for name, value in times.items()}
            print(at.name, {name: round(value, 2) for name, value in times.items()}, "ms; ratios", ratios)
        times = processes(large, arguments.old, arguments.threads, arguments.rounds)
        ratios = {name: round(times["PyTorch, two workers"] / value, 2) for name, value in times.items()}
        print("predict", {name: round(value, 2) for name, value in times.items()}, "s; ratios", ratios)
        print("load", os.getloadavg())


if __name__ == "__main__":
    main()
