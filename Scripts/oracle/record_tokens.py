"""Records what clip-anytorch's tokenizer makes of generated strings and of the published class names.

Writes into Tests/TokenizationTests/Fixtures:

    strings.jsonl      first line: seed and versions; then [suite, text, ids] or [suite, text, hash] a line
    class-names.json   per file of ../shared/splits: how many names, and a hash over the ids of all of them

Run with CPython 3.11, clip-anytorch 2.6.0, ftfy 6.3.1 and regex 2026.11.15:

    python Scripts/oracle/record_tokens.py

The hash is FNV-1a, 64 bits, over the ids as little-endian 16-bit numbers.
"""

import json
import platform
import random
import unicodedata
from html.entities import html5
from pathlib import Path

import ftfy
import regex
from clip_tokenizer import load_tokenizer_module

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests" / "TokenizationTests" / "Fixtures"
SPLITS = ROOT.parent / "shared" / "splits"
SEED = 20221

WORDS = (
    "a photo of the cat dog bicycle aeroplane Face Leopards motorbike 2012 Audi TT RS Coupe Boeing 737-200 it's we'll "
    "they'd I've you're I'm can't o'clock rock'n'roll sunflower black-eyed Susan forget-me-not snapdragon hippeastrum "
    "BaseballPitch Handstand_Push-Ups permanent crop land pot-pourri crème brûlée façade naïve Zürich Ångström smörgås "
    "straße İstanbul ΣΊΣΥΦΟΣ Ὀδυσσεύς ΜΆΪΟΣ Москва Щётка тест שלום مرحبا नमस्ते ไทย 한국어 日本語 カタカナ ひらがな 中文 ልብ ქართული "
    "հայերեն தமிழ் বাংলা ગુજરાતી ខ្មែរ မြန်မာ ລາວ ພາສາ བོད ᏣᎳᎩ ᐃᓄᒃᑎᑐᑦ"
).split()
BLOCKS = [
    (0x20, 0x7F), (0xA0, 0x100), (0x100, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x700),
    (0x900, 0xE00), (0xE00, 0x1200), (0x1200, 0x1400), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2200),
    (0x2200, 0x2400), (0x2460, 0x2700), (0x2C00, 0x2E00), (0x3000, 0x3100), (0x3100, 0x3400), (0x4E00, 0xA000),
    (0xA640, 0xA800), (0xAC00, 0xD7A4), (0xF900, 0xFB50), (0xFB50, 0xFE00), (0xFE20, 0xFFFE), (0x10000, 0x10A00),
    (0x10C00, 0x11000), (0x11000, 0x11A00), (0x16E00, 0x16F00), (0x1D100, 0x1D800), (0x1E000, 0x1E960),
    (0x1F000, 0x1FB00), (0x20000, 0x20100), (0x2F800, 0x2FA20), (0xE0000, 0xE01F0),
]  # fmt: skip
MOJIBAKE_ENCODINGS = (
    "latin-1 sloppy-windows-1252 sloppy-windows-1251 sloppy-windows-1250 sloppy-windows-1253 sloppy-windows-1254 "
    "sloppy-windows-1257 iso-8859-2 macroman cp437"
).split()
EMOJI = "👩‍🚀 👨‍👩‍👧‍👦 🏳️‍🌈 🏴󠁧󠁢󠁷󠁬󠁳󠁿 👍🏽 🇫🇷 ❤️ ☃️ 1️⃣ 🧑🏿‍🤝‍🧑🏻 😀 🐈‍⬛ 🫠 🪿".split()
LITERALS = ["<|startoftext|>", "<|endoftext|>", "<|STARTOFTEXT|>", "<|ſtartoftext|>", "<|end", "</w>", "'ſ", "'S", "'LL"]
ODDITIES = "\u0345\u0130\u0131\u017f\u03a3\u212a\u212b\u037e\u1fef\u0149\u01c5\ufb05\ufffd\u00ad\u200b\u200d\ufeff\u2028\u2029\x85\x1f"


def words(source, low=1, high=6):
    return " ".join(source.choice(WORDS) for _ in range(source.randint(low, high)))


def characters(source, length=24):
    low, high = source.choice(BLOCKS)
    return "".join(chr(source.randrange(low, high)) for _ in range(source.randint(1, length)))


def prose(source):
    text = words(source, 1, 9)
    return source.choice([text, text.upper(), text.title(), text.swapcase(), text.replace(" ", "_"), text + "."])


def scripts(source):
    return source.choice(["", " ", "-"]).join(characters(source) for _ in range(source.randint(1, 4)))


def anything(source):
    codes = (source.randrange(0x110000) for _ in range(source.randint(1, 30)))
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


def emoji(source):
    return "".join(source.choice([*EMOJI, " ", "️", "‍", words(source, 1, 1)]) for _ in range(source.randint(1, 8)))


def controls(source):
    parts = [*map(chr, range(0x20)), "\x7f", *map(chr, range(0x80, 0xA0)), "\r\n", "\x1b[31m", "\x1b[1;٣2K", "\x1b[0", "é"]
    return "".join(source.choice([source.choice(parts), words(source, 1, 1), " "]) for _ in range(source.randint(1, 12)))


def entity(source):
    name = source.choice(NAMES)
    number = source.choice([source.randrange(0x180), source.randrange(0x110100), source.choice([0x80, 0x9F, 13, 0, 59, 38, 35])])
    return source.choice(
        [f"&{name}", f"&{name}", f"&{name.rstrip(';')}", f"&{name.upper()}", f"&{name.lower()}", f"&amp;{name}",
         f"&#{number};", f"&#{number}", f"&#x{number:x};", f"&#X{number:X}", f"&amp;#{number};", f"&{name[:-2]}",
         "&", "&&", "&;", "&#", "&#x;", f"&#38;{name}", "<", "&lt;", "&Atilde;&copy;", f"&#{number}zz;"]
    )  # fmt: skip


def entities(source):
    return "".join(source.choice([entity(source), entity(source), words(source, 1, 1), " ", "\n"]) for _ in range(source.randint(1, 6)))


def marks(source):
    text = ""
    for _ in range(source.randint(1, 8)):
        text += chr(source.choice([source.randrange(0x41, 0x7B), source.randrange(0x391, 0x3CA), source.randrange(0x1100, 0x1200),
                                   source.randrange(0x0915, 0x0940), 0xAC00 + 28 * source.randrange(399)]))
        text += "".join(source.choice(MARKS) for _ in range(source.randint(0, 4)))
    return text


def widths(source):
    parts = [chr(source.randrange(0xFF01, 0xFFF0)), "ﬁ", "ﬂ", "ﬃ", "ﬅ", "ĳ", "Ǆ", "ŉ", "“", "”", "’", "‘", "ʼ", "…", "\u3000"]
    return "".join(source.choice([*parts, words(source, 1, 1)]) for _ in range(source.randint(1, 12)))


def oddities(source):
    parts = [*ODDITIES, *LITERALS, words(source, 1, 1), " ", "!", "'", "<|", "|>", "Σ", "."]
    return "".join(source.choice(parts) for _ in range(source.randint(1, 8)))


def long(source):
    return source.choice([words(source, 60, 120), source.choice(WORDS) * source.randint(20, 60), characters(source, 300),
                          "".join(source.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(source.randint(80, 400)))])


def mojibake(source):
    text = source.choice([words(source, 1, 4), characters(source, 8) + words(source, 1, 2), emoji(source), "“it’s” — ‘à la’ …", "à la às àquele "])
    for _ in range(source.choice([1, 1, 1, 1, 2])):
        text = text.encode("utf-8", "surrogatepass").decode(source.choice(MOJIBAKE_ENCODINGS[:2] * 3 + MOJIBAKE_ENCODINGS), "ignore")
    damage = source.random()
    if damage < 0.15:
        text = text.replace("\xa0", " ")
    elif damage < 0.3:
        position = source.randrange(len(text) + 1)
        text = text[:position] + source.choice(["\ufffd", "?", "\x1a", "日", "é", "\x81", "\n", " Ã "]) + text[position + 1 :]
    elif damage < 0.4:
        text = words(source, 1, 2) + source.choice([" ", "", "日本 "]) + text
    elif damage < 0.45:
        text = b"\xed\xa0\xbd\xed\xb8\x8d \xc0\x80".decode("latin-1") + text
    return text


def lookalikes(source):
    """Characters of mojibake in any order: most of it is none."""
    return "".join(source.choice(SUSPECTS) for _ in range(source.randint(2, 14)))


NAMES = sorted(html5)
MARKS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and unicodedata.combining(chr(code))]
SUSPECTS = sorted({bytes([code]).decode(name) for name in MOJIBAKE_ENCODINGS for code in range(0x80, 0x100)}) + list("  aAz\n?s'")
SUITES = {
    prose: 3000, scripts: 4000, anything: 1000, emoji: 1000, controls: 1000, entities: 3000, marks: 1500, widths: 1000,
    oddities: 1500, long: 150, mojibake: 3000, lookalikes: 2500,
}  # fmt: skip


def fingerprint(ids):
    value = 0xCBF29CE484222325
    for byte in b"".join(number.to_bytes(2, "little") for number in ids):
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def generated():
    for suite, count in SUITES.items():
        source = random.Random(f"{SEED} {suite.__name__}")
        seen = set()
        while len(seen) < count:
            text = suite(source)
            if text not in seen:
                seen.add(text)
                yield suite.__name__, text


def class_names(path):
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".txt":
        return [line for line in content.split("\n") if line]
    parsed = json.loads(content)
    if "train" not in parsed:
        return sorted(parsed.values())
    return sorted({item[2] for part in ("train", "val", "test") for item in parsed[part]})


def main():
    tokenizer = load_tokenizer_module().SimpleTokenizer()
    versions = {"seed": SEED, "python": platform.python_version(), "unicode": unicodedata.unidata_version,
                "clip-anytorch": "2.6.0", "ftfy": ftfy.__version__, "regex": regex.__version__}  # fmt: skip
    FIXTURES.mkdir(exist_ok=True)
    with open(FIXTURES / "strings.jsonl", "w", encoding="utf-8", newline="\n") as file:
        print(json.dumps(versions), file=file)
        shown = {}
        for suite, text in generated():
            ids = tokenizer.encode(text)
            shown[suite] = shown.get(suite, 0) + 1
            row = [suite, text, ids if shown[suite] <= 30 and len(ids) < 60 else fingerprint(ids)]
            print(json.dumps(row, separators=(",", ":"), ensure_ascii=False), file=file)
    names = {}
    for path in sorted(SPLITS.glob("*.json")) + sorted(SPLITS.glob("*.txt")):
        texts = class_names(path)
        ids = [token for text in texts for token in [*tokenizer.encode(text), 49407]]
        names[path.name] = {"names": len(texts), "ids": fingerprint(ids)}
    (FIXTURES / "class-names.json").write_text(json.dumps({**versions, "files": names}, indent=1) + "\n")


if __name__ == "__main__":
    main()
