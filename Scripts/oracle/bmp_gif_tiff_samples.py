"""Small files of every variant of BMP, GIF and TIFF that Pillow reads, for record_formats.py."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

SEED = 20240605


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def bmp(width, height, bits, rows, *, header=40, compression=0, palette=b"", colours=0, masks=b"", from_top=False):
    """A bitmap. rows: the bytes of the pixels as they are stored. masks: behind a header of 40, else within it."""
    if header == 12:
        fields = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        stored = -height if from_top else height
        fields = struct.pack("<IiiHHIIiiII", header, width, stored, 1, bits, compression, len(rows), 2835, 2835, colours, 0)
        if header > 40:
            fields += masks
            fields += bytes(header - len(fields))
        else:
            fields += masks
    offset = 14 + len(fields) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + fields + palette + rows


def packed_rows(values, bits, from_top=False):
    """values: [height, width], each below 2^bits."""
    height, width = values.shape
    bit_rows = ((values[:, :, None].astype(np.uint32) >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    rows = np.packbits(bit_rows.reshape(height, -1), axis=1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return (rows if from_top else rows[::-1]).tobytes()


def byte_rows(pixels, from_top=False):
    """pixels: [height, width, bytes]."""
    height = pixels.shape[0]
    rows = pixels.reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return (rows if from_top else rows[::-1]).tobytes()


def run_lengths(values, four_bits):
    """Run lengths with runs, literals, a jump over zeros, and ends of rows."""
    out = bytearray()
    height, width = values.shape
    for y in range(height - 1, -1, -1):
        row, x = [int(v) for v in values[y]], 0
        while x < width:
            same = 1
            while x + same < width and same < 255 and row[x + same] == row[x]:
                same += 1
            if same == 1:
                literal = row[x : x + min(255, width - x)][:7]
                if len(literal) >= 3:
                    if four_bits:
                        data = bytes(
                            literal[i] << 4 | (literal[i + 1] if i + 1 < len(literal) else 0) for i in range(0, len(literal), 2)
                        )
                    else:
                        data = bytes(literal)
                    out += bytes([0, len(literal)]) + data + bytes(len(data) % 2)
                    x += len(literal)
                    continue
            if row[x] == 0 and same > 20:  # zeros that are jumped over
                out += bytes([0, 2, same, 0])
            else:
                out += bytes([same, row[x] << 4 | row[x] if four_bits else row[x]])
            x += same
        out += b"\0\0"
    return bytes(out) + b"\0\1"


def bmp_samples(picture):
    rgb = np.asarray(picture)
    height, width, _ = rgb.shape
    grey = np.asarray(picture.convert("L"))
    generator = np.random.default_rng(SEED)

    def palette(count, entry=4):
        return generator.integers(0, 256, (count, entry), dtype=np.uint8).tobytes()

    for bits in (1, 4, 8):
        values = grey >> (8 - bits)
        yield f"palette-{bits}", bmp(width, height, bits, packed_rows(values, bits), palette=palette(1 << bits))
        yield f"palette-{bits}-top-down", bmp(
            width, height, bits, packed_rows(values, bits, True), palette=palette(1 << bits), from_top=True
        )
        yield f"palette-{bits}-os2", bmp(width, height, bits, packed_rows(values, bits), header=12, palette=palette(1 << bits, 3))
    yield "palette-8-short", bmp(width, height, 8, packed_rows(grey, 8), palette=palette(100), colours=100)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1).tobytes()
    yield "grey-8", bmp(width, height, 8, packed_rows(grey, 8), palette=ramp)
    yield "black-and-white", bmp(width, height, 1, packed_rows(grey >> 7, 1), palette=b"\0\0\0\0\xff\xff\xff\0")
    coarse = grey // 64 * 16
    coarse[coarse < 48] = 0
    yield "rle-8", bmp(width, height, 8, run_lengths(coarse, False), compression=1, palette=palette(256))
    yield "rle-4", bmp(width, height, 4, run_lengths(coarse >> 4, True), compression=2, palette=palette(16))
    bgr = rgb[:, :, ::-1]
    alpha = np.linspace(0, 255, width * height).astype(np.uint8).reshape(height, width, 1)
    bgra = np.dstack([bgr, alpha])
    yield "rgb-24", bmp(width, height, 24, byte_rows(bgr))
    yield "rgb-24-top-down", bmp(width, height, 24, byte_rows(bgr, True), from_top=True)
    yield "rgb-24-os2", bmp(width, height, 24, byte_rows(bgr), header=12)
    yield "rgb-32", bmp(width, height, 32, byte_rows(bgra))
    five = (bgr.astype(np.uint16) >> 3) @ np.array([1, 32, 1024], dtype=np.uint16)
    six = bgr.astype(np.uint16)
    six = six[:, :, 0] >> 3 | six[:, :, 1] >> 2 << 5 | six[:, :, 2] >> 3 << 11

    def words(values):
        return byte_rows(values.astype("<u2")[:, :, None].view(np.uint8).reshape(height, width, 2))

    def masks(*values):
        return struct.pack(f"<{len(values)}I", *values)

    yield "rgb-555", bmp(width, height, 16, words(five))
    yield "fields-555", bmp(width, height, 16, words(five), compression=3, masks=masks(0x7C00, 0x3E0, 0x1F))
    yield "fields-565", bmp(width, height, 16, words(six), compression=3, masks=masks(0xF800, 0x7E0, 0x1F))
    yield "fields-24", bmp(width, height, 24, byte_rows(bgr), compression=3, masks=masks(0xFF0000, 0xFF00, 0xFF))
    layouts = [
        (0xFF0000, 0xFF00, 0xFF, 0x0),
        (0xFF000000, 0xFF0000, 0xFF00, 0x0),
        (0xFF000000, 0xFF00, 0xFF, 0x0),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
        (0x0, 0x0, 0x0, 0x0),
    ]
    noise = generator.integers(0, 256, (height, width, 4), dtype=np.uint8)
    for number, layout in enumerate(layouts):
        for header in (40, 56, 108, 124):
            if header == 40 and layout[3]:
                continue
            if header != 108 and number:
                continue
            stored = masks(*layout[: 3 if header == 40 else 4])
            yield f"fields-32-{number}-{header}", bmp(
                width, height, 32, byte_rows(noise), header=header, compression=3, masks=stored
            )
    yield "fields-565-v2", bmp(
        width, height, 16, words(six), header=52, compression=3, masks=masks(0xF800, 0x7E0, 0x1F)
    )
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield f"pillow-{mode.lower()}", saved(picture.convert(mode), "BMP")
    yield "header-alone", saved(picture, "DIB")


def gif_samples(picture, other):
    indexed = picture.quantize(32)
    yield "plain", saved(indexed, "GIF", interlace=False)
    yield "interlaced", saved(indexed, "GIF", interlace=True)
    yield "grey", saved(picture.convert("L"), "GIF")
    yield "black-and-white", saved(picture.convert("1"), "GIF")
    yield "colours-256", saved(picture.quantize(256), "GIF")
    yield "transparent", saved(indexed, "GIF", transparency=5)
    second = other.resize(picture.size).quantize(16)
    yield "animated", saved(indexed, "GIF", save_all=True, append_images=[second], duration=50, loop=0)
    yield "animated-disposal", saved(indexed, "GIF", save_all=True, append_images=[second], disposal=2, transparency=3)
    plain = saved(indexed, "GIF", interlace=False)
    flags = plain[10]
    table = 3 << ((flags & 7) + 1)
    screen, colours, rest = plain[:13], plain[13 : 13 + table], plain[13 + table :]
    frame = rest.index(b",")
    width, height = picture.size

    def descriptor(left, top, flags):
        return b"," + struct.pack("<HHHHB", left, top, width, height, flags)

    data = rest[frame + 10 :]
    larger = screen[:6] + struct.pack("<HH", width + 9, height + 7) + screen[10:]
    smaller = screen[:6] + struct.pack("<HH", width - 9, height - 7) + screen[10:]
    yield "larger-screen", larger + colours + rest[:frame] + descriptor(4, 5, 0) + data
    control = b"!\xf9\x04\x01\0\0\x07\0"
    yield "larger-screen-transparent", larger + colours + control + descriptor(4, 5, 0) + data
    yield "smaller-screen", smaller + colours + rest[:frame] + descriptor(0, 0, 0) + data
    yield "shifted-out", screen + colours + rest[:frame] + descriptor(6, 3, 0) + data
    no_global = screen[:10] + bytes([flags & 0x7F]) + screen[11:]
    yield "no-colours", no_global + descriptor(0, 0, 0) + data
    own = bytes(range(table))
    yield "own-colours", screen + colours + descriptor(0, 0, 0x80 | flags & 7) + own + data
    ramp = bytes(v for i in range(table // 3) for v in (i, i, i))
    yield "own-grey-ramp", screen + colours + descriptor(0, 0, 0x80 | flags & 7) + ramp + data
    yield "global-grey-ramp", screen + ramp + descriptor(0, 0, 0) + data
    short = no_global[:10] + bytes([0x80 | 1]) + screen[11:]
    yield "short-colours", short + colours[:12] + descriptor(0, 0, 0) + data
    yield "no-trailer", plain[:-1]
    yield "no-terminator", plain[:-2]
    yield "comment", screen + colours + b"!\xfe\x05hello\0" + rest
    yield "gif87", saved(picture.quantize(8), "GIF").replace(b"GIF89a", b"GIF87a")


# TIFF: Pillow writes few of its variants, so this writes all.


def tiff(samples, bits, photometric, *, big=False, planar=1, compression=1, tile=None, rows_per_strip=None, extra=(),
         form=None, colours=None, orientation=None, fill_order=None, predictor=None, with_extra=True, bigtiff=False):
    """samples: [height, width, channels], whole numbers below 2^bits, or floats."""
    height, width, channels = samples.shape
    order = ">" if big else "<"

    def encode(block):  # [rows, columns, channels]
        rows = block.reshape(block.shape[0], -1)
        if bits in (8, 16, 32):
            kind = "f" if form == 3 else "i" if form == 2 else "u"
            data = rows.astype(f"{order}{kind}{bits // 8}").tobytes()
            if predictor:
                assert bits == 8
                wide = block.astype(np.int32)
                wide[:, 1:] = block[:, 1:].astype(np.int32) - block[:, :-1]
                data = (wide & 255).astype(np.uint8).tobytes()
        else:
            exploded = ((rows[:, :, None].astype(np.uint32) >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
            data = np.packbits(exploded.reshape(rows.shape[0], -1), axis=1).tobytes()
        if fill_order == 2:
            data = bytes(int(f"{v:08b}"[::-1], 2) for v in data)
        if compression in (8, 32946):
            data = zlib.compress(data)
        if compression == 32773:
            data = b"".join(bytes([len(data[i : i + 100]) - 1]) + data[i : i + 100] for i in range(0, len(data), 100))
        return data

    planes = [samples] if planar == 1 else [samples[:, :, c : c + 1] for c in range(channels)]
    blocks = []
    rows_per_strip = rows_per_strip or height
    for plane in planes:
        if tile:
            for y in range(0, height, tile):
                for x in range(0, width, tile):
                    part = plane[y : y + tile, x : x + tile]
                    padding = ((0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0))
                    blocks.append(encode(np.pad(part, padding)))
        else:
            blocks += [encode(plane[y : y + rows_per_strip]) for y in range(0, height, rows_per_strip)]
    tags = {256: ("L", [width]), 257: ("L", [height]), 258: ("H", [bits] * channels), 259: ("H", [compression])}
    tags[262] = ("H", [photometric])
    tags[277] = ("H", [channels])
    tags[284] = ("H", [planar])
    if fill_order:
        tags[266] = ("H", [fill_order])
    if orientation:
        tags[274] = ("H", [orientation])
    if predictor:
        tags[317] = ("H", [predictor])
    if extra and with_extra:
        tags[338] = ("H", list(extra))
    if form:
        tags[339] = ("H", [form] * channels)
    if colours is not None:
        tags[320] = ("H", [int(v) for v in colours])
    where, counts = (324, 325) if tile else (273, 279)
    if tile:
        tags[322], tags[323] = ("L", [tile]), ("L", [tile])
    else:
        tags[278] = ("L", [rows_per_strip])
    body, offsets = b"", []
    start = 16 if bigtiff else 8
    for block in blocks:
        offsets.append(start + len(body))
        body += block + bytes(len(block) % 2)
    tags[where], tags[counts] = ("L", offsets), ("L", [len(b) for b in blocks])
    directory, tail = b"", b""
    entry = 20 if bigtiff else 12
    place = start + len(body)
    after = place + (8 if bigtiff else 2) + entry * len(tags) + (8 if bigtiff else 4)
    room = 8 if bigtiff else 4
    for tag, (kind, values) in sorted(tags.items()):
        data = struct.pack(f"{order}{len(values)}{kind}", *values)
        directory += struct.pack(f"{order}HH{'Q' if bigtiff else 'L'}", tag, {"H": 3, "L": 4}[kind], len(values))
        if len(data) <= room:
            directory += data.ljust(room, b"\0")
        else:
            directory += struct.pack(order + ("Q" if bigtiff else "L"), after + len(tail))
            tail += data + bytes(len(data) % 2)
    mark = b"MM" if big else b"II"
    if bigtiff:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, place)
        return head + body + struct.pack(order + "Q", len(tags)) + directory + bytes(8) + tail
    return mark + struct.pack(order + "HL", 42, place) + body + struct.pack(order + "H", len(tags)) + directory + bytes(4) + tail


def tiff_samples(picture):
    rgb = np.asarray(picture).astype(np.int64)
    height, width, _ = rgb.shape
    grey = np.asarray(picture.convert("L")).astype(np.int64)[:, :, None]
    alpha = np.linspace(0, 255, width * height).astype(np.int64).reshape(height, width, 1)
    generator = np.random.default_rng(SEED)
    inks = np.asarray(picture.convert("CMYK")).astype(np.int64)
    inks[:, :, 3] = (255 - grey[:, :, 0]) // 3

    def deep(values):
        return values << 8 | generator.integers(0, 256, values.shape)

    def ramp(bits):
        return generator.integers(0, 65536, 3 << bits)

    for big in (False, True):
        end = "-big" if big else ""
        for bits in (1, 2, 4, 8):
            yield f"grey-{bits}{end}", tiff(grey >> (8 - bits), bits, 1, big=big)
            yield f"grey-{bits}-inverted{end}", tiff(grey >> (8 - bits), bits, 0, big=big)
            yield f"palette-{bits}{end}", tiff(grey >> (8 - bits), bits, 3, big=big, colours=ramp(bits))
        yield f"grey-8-signed{end}", tiff(grey - 128, 8, 1, big=big, form=2)
        yield f"grey-16{end}", tiff(deep(grey) >> 7, 16, 1, big=big)
        yield f"grey-16-signed{end}", tiff((deep(grey) >> 7) - 100, 16, 1, big=big, form=2)
        yield f"grey-32-signed{end}", tiff(deep(grey) - 20000, 32, 1, big=big, form=2)
        yield f"grey-32-float{end}", tiff(grey * 1.7 - 60.5, 32, 1, big=big, form=3)
        yield f"grey-32-float-inverted{end}", tiff(grey * 1.7 - 60.5, 32, 0, big=big, form=3)
        yield f"grey-extra{end}", tiff(np.dstack([grey, alpha]), 8, 1, big=big, extra=(0,))
        yield f"grey-alpha{end}", tiff(np.dstack([grey, alpha]), 8, 1, big=big, extra=(2,))
        yield f"palette-extra{end}", tiff(np.dstack([grey, alpha]), 8, 3, big=big, extra=(0,), colours=ramp(8))
        yield f"palette-alpha{end}", tiff(np.dstack([grey, alpha]), 8, 3, big=big, extra=(2,), colours=ramp(8))
        yield f"rgb-8{end}", tiff(rgb, 8, 2, big=big)
        yield f"rgb-16{end}", tiff(deep(rgb), 16, 2, big=big)
        for kind, name in ((0, "extra"), (1, "premultiplied"), (2, "alpha")):
            four = np.dstack([rgb, alpha])
            yield f"rgb-8-{name}{end}", tiff(four, 8, 2, big=big, extra=(kind,))
            yield f"rgb-16-{name}{end}", tiff(deep(four), 16, 2, big=big, extra=(kind,))
        yield f"rgb-8-unnamed{end}", tiff(np.dstack([rgb, alpha]), 8, 2, big=big, extra=(2,), with_extra=False)
        yield f"rgb-8-two-extra{end}", tiff(np.dstack([rgb, alpha, alpha]), 8, 2, big=big, extra=(1, 0))
        yield f"rgb-8-three-extra{end}", tiff(np.dstack([rgb, alpha, alpha, alpha]), 8, 2, big=big, extra=(2, 0, 0))
        yield f"inks-8{end}", tiff(inks, 8, 5, big=big)
        yield f"inks-8-extra{end}", tiff(np.dstack([inks, alpha]), 8, 5, big=big, extra=(0,))
        yield f"inks-16{end}", tiff(deep(inks), 16, 5, big=big)
        yield f"rgb-8-tiles{end}", tiff(rgb, 8, 2, big=big, tile=16)
        yield f"rgb-8-tiles-deflate{end}", tiff(rgb, 8, 2, big=big, tile=16, compression=8)
        yield f"rgb-16-tiles-deflate{end}", tiff(deep(rgb), 16, 2, big=big, tile=16, compression=8)
        yield f"rgb-8-planes{end}", tiff(rgb, 8, 2, big=big, planar=2)
        yield f"rgb-8-planes-strips{end}", tiff(rgb, 8, 2, big=big, planar=2, rows_per_strip=7)
        yield f"rgb-8-planes-deflate{end}", tiff(rgb, 8, 2, big=big, planar=2, rows_per_strip=7, compression=8)
        yield f"rgb-16-planes-deflate{end}", tiff(deep(rgb), 16, 2, big=big, planar=2, rows_per_strip=7, compression=8)
        yield f"rgb-8-planes-tiles{end}", tiff(rgb, 8, 2, big=big, planar=2, tile=16, compression=8)
        yield f"alpha-planes-deflate{end}", tiff(np.dstack([rgb, alpha]), 8, 2, big=big, planar=2, compression=8, extra=(2,))
        yield f"premultiplied-planes-deflate{end}", tiff(
            np.dstack([rgb, alpha]), 8, 2, big=big, planar=2, compression=8, extra=(1,)
        )
        yield f"extra-planes-deflate{end}", tiff(np.dstack([rgb, alpha]), 8, 2, big=big, planar=2, compression=8, extra=(0,))
        yield f"inks-planes-deflate{end}", tiff(inks, 8, 5, big=big, planar=2, compression=8)
        yield f"rgb-8-strips{end}", tiff(rgb, 8, 2, big=big, rows_per_strip=5)
        yield f"rgb-8-deflate-strips{end}", tiff(rgb, 8, 2, big=big, rows_per_strip=5, compression=8)
        yield f"rgb-8-deflate-old{end}", tiff(rgb, 8, 2, big=big, rows_per_strip=5, compression=32946)
        yield f"rgb-8-predictor{end}", tiff(rgb, 8, 2, big=big, compression=8, predictor=2)
        yield f"rgb-8-packbits{end}", tiff(rgb, 8, 2, big=big, compression=32773, rows_per_strip=1)
        yield f"grey-1-packbits{end}", tiff(grey >> 7, 1, 0, big=big, compression=32773, rows_per_strip=1)
        yield f"grey-16-deflate{end}", tiff(deep(grey) >> 7, 16, 1, big=big, compression=8)
        yield f"grey-1-deflate{end}", tiff(grey >> 7, 1, 1, big=big, compression=8)
        yield f"palette-4-deflate{end}", tiff(grey >> 4, 4, 3, big=big, compression=8, colours=ramp(4))
        yield f"grey-4-tiles{end}", tiff(grey >> 4, 4, 1, big=big, compression=8, tile=16)
        yield f"grey-1-fill-order{end}", tiff(grey >> 7, 1, 0, big=big, fill_order=2)
        yield f"grey-8-fill-order{end}", tiff(grey, 8, 1, big=big, fill_order=2)
    yield "bigtiff", tiff(rgb, 8, 2, bigtiff=True)
    yield "grey-12", tiff(deep(grey) >> 6, 12, 1)
    yield "grey-16-inverted", tiff(deep(grey) >> 7, 16, 0)
    yield "grey-32-unsigned", tiff(deep(grey) >> 7, 32, 1)
    for orientation in range(1, 9):
        yield f"orientation-{orientation}", tiff(rgb, 8, 2, orientation=orientation)
    yield "orientation-6-deflate", tiff(rgb, 8, 2, orientation=6, compression=8, rows_per_strip=4)
    yield "orientation-9", tiff(rgb, 8, 2, orientation=9)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        name = compression.removeprefix("tiff_")
        yield f"pillow-{name}", saved(picture, "TIFF", compression=compression)
        yield f"pillow-{name}-grey", saved(picture.convert("L"), "TIFF", compression=compression)
    for quality in (30, 95):
        yield f"jpeg-quality-{quality}", saved(picture, "TIFF", compression="jpeg", quality=quality)
    yield "jpeg-inks", saved(picture.convert("CMYK"), "TIFF", compression="jpeg")
    yield "group-4", saved(picture.convert("1"), "TIFF", compression="group4")
    yield "group-3", saved(picture.convert("1"), "TIFF", compression="group3")
    yield "lzw-ycbcr", saved(picture.convert("YCbCr"), "TIFF", compression="tiff_lzw")
    pages = [picture.rotate(180)]
    yield "two-pages", saved(picture, "TIFF", save_all=True, append_images=pages)
