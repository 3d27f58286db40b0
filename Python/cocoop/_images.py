"""Images as requests to the tool have them: a path, or the bytes of a file. Pixels become a PNG, which loses nothing."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from typing import Any


def is_one(image: object) -> bool:
    """Whether this is one image, and no collection of images."""
    if isinstance(image, (str, os.PathLike, bytes, bytearray, memoryview)) or _is_picture(image):
        return True
    return _is_array(image) and len(image.__array_interface__["shape"]) < 4  # type: ignore[attr-defined]


def entry(image: object, number: int) -> tuple[str | dict[str, str], str]:
    """What a request has for an image, and the image's name in the answer.

    :raises TypeError: where it is no image.
    :raises ValueError: where an array has another shape or type of numbers.
    """
    name = f"image {number}"
    if isinstance(image, (str, os.PathLike)):
        path = os.fsdecode(image)
        try:
            path.encode()
            return os.path.abspath(path), path
        except UnicodeEncodeError:  # no JSON can have this name
            with open(path, "rb") as file:
                return _encoded(file.read(), name), path
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _encoded(bytes(image), name), name
    if _is_picture(image):
        picture: Any = image
        rgb = picture.convert("RGB")
        width, height = rgb.size
        return _encoded(_png(rgb.tobytes(), width, height, 3), name), name
    if _is_array(image):
        return _encoded(_of_array(image, number), name), name
    raise TypeError(
        f"image {number} is a {type(image).__name__}, where a path, a PIL image, an array of uint8 or the bytes of an "
        "image file were expected")


def _is_picture(image: object) -> bool:
    return all(hasattr(image, name) for name in ("convert", "tobytes", "size"))


def _is_array(image: object) -> bool:
    return hasattr(image, "__array_interface__") and hasattr(image, "tobytes")


def _of_array(array: Any, number: int) -> bytes:
    shape, kind = tuple(array.shape), array.__array_interface__["typestr"]
    if kind != "|u1":
        raise ValueError(f"image {number} is an array of {array.dtype}, where uint8 from 0 to 255 was expected")
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)) or 0 in shape:
        raise ValueError(
            f"image {number} is an array of the shape {shape}, where [height, width], or [height, width, 1, 3 or 4] was "
            "expected")
    if len(shape) == 3 and shape[2] == 4:
        array = array[:, :, :3]  # as PIL's convert("RGB") leaves transparency out
    channels = 3 if len(shape) == 3 and shape[2] != 1 else 1
    return _png(array.tobytes(), shape[1], shape[0], channels)


def _png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """A PNG (RFC 2083) of 8 bits a channel, grey or RGB, stored and not compressed: it only goes through a pipe."""
    row = width * channels
    rows = b"".join(b"\0" + pixels[start : start + row] for start in range(0, row * height, row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _encoded(data: bytes, name: str) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode("ascii"), "name": name}
