"""Records the character tables of the Tokenization target, by asking the reference about every code point.

Writes Sources/Tokenization/Resources/{merges,characters,entities}.txt. Run once, with CPython 3.11 and
clip-anytorch 2.6.0, ftfy 6.3.1 and regex 2026.11.15 installed:

    python Scripts/oracle/record_token_tables.py

Nothing here is copied from those packages: each table is what their functions answer, one code point at a time
(the sets of characters in ftfy's patterns and its single-byte encodings are read as data).
"""

import itertools
import platform
import re
import re._constants as sre
import re._parser as sre_parse
import unicodedata
from html.entities import html5
from pathlib import Path

import ftfy
import regex
from ftfy import badness, chardata, fixes

from clip_tokenizer import load_tokenizer_module

RESOURCES = Path(__file__).resolve().parents[2] / "Sources" / "Tokenization" / "Resources"
SCALARS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
CATEGORIES = {sre.CATEGORY_SPACE: re.compile(r"\s"), sre.CATEGORY_WORD: re.compile(r"\w")}
VERSIONS = (
    f"CPython {platform.python_version()}, Unicode {unicodedata.unidata_version}; regex {regex.__version__}; "
    f"ftfy {ftfy.__version__}"
)


def hexadecimal(text):
    return "+".join(f"{ord(character):X}" for character in text)


def ranges(belongs):
    """`41-5A 61-7A AA …`: the code points for which `belongs` holds."""
    spans = []
    for character in SCALARS:
        if not belongs(character):
            continue
        code = ord(character)
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return " ".join(f"{low:X}" if low == high else f"{low:X}-{high:X}" for low, high in spans)


def mapping(pairs):
    """`C0=41+300 …`, sorted by key."""
    return " ".join(f"{ord(key):X}={hexadecimal(value)}" for key, value in sorted(pairs))


def matching(pattern, package=re, flags=0):
    compiled = package.compile(pattern, flags)
    return lambda character: compiled.fullmatch(character) is not None


def one_pass(character):
    """What ftfy's character-wise fixers, in its order, make of one character."""
    for fixer in (
        fixes.fix_c1_controls,
        fixes.fix_latin_ligatures,
        fixes.fix_character_width,
        fixes.uncurl_quotes,
        fixes.fix_line_breaks,
    ):
        character = fixer(character)
    return character


def final_after(prefix, character):
    return (prefix + character + "\N{GREEK CAPITAL LETTER SIGMA}").lower().endswith("\N{GREEK SMALL LETTER FINAL SIGMA}")


def composes(character):
    return unicodedata.normalize("NFC", character) == character and len(one_step(character)) == 2


def one_step(character):
    fields = unicodedata.decomposition(character).split()
    return "" if not fields or fields[0].startswith("<") else "".join(chr(int(field, 16)) for field in fields)


def hangul(character):
    return 0xAC00 <= ord(character) <= 0xD7A3


def encoding(name):
    """Byte 0x80…0xFF (and 0x1A, which stands for U+FFFD in ftfy's sloppy encodings) of each character."""
    codes = [*range(0x80, 0x100)] + ([0x1A] if name.startswith("sloppy") else [])
    return mapping((bytes([code]).decode(name), chr(code)) for code in codes)


def alternatives(parsed):
    """Every sequence of sets that a parsed pattern matches, in the order in which `re` tries them."""
    sequences = [[]]
    for operation, argument in parsed:
        sequences = [sequence + more for sequence in sequences for more in expanded(operation, argument)]
    return sequences


def expanded(operation, argument):
    if operation is sre.BRANCH:
        return [sequence for branch in argument[1] for sequence in alternatives(branch)]
    if operation is sre.SUBPATTERN:
        return alternatives(argument[3])
    if operation is sre.MAX_REPEAT:
        low, high, repeated = argument
        return [
            [element for part in parts for element in part]
            for count in range(high, low - 1, -1)
            for parts in itertools.product(alternatives(repeated), repeat=count)
        ]
    if operation is sre.AT and argument is sre.AT_BEGINNING:
        return [["^"]]
    members = {sre.IN: argument, sre.LITERAL: [(operation, argument)], sre.ANY: [(sre.NEGATE, None), (sre.LITERAL, 10)]}
    return [[ranges(lambda character: belongs(ord(character), members[operation]))]]


def belongs(code, members):
    negated = members[0][0] is sre.NEGATE
    for operation, argument in members[1:] if negated else members:
        if operation is sre.LITERAL and code == argument:
            return not negated
        if operation is sre.RANGE and argument[0] <= code <= argument[1]:
            return not negated
        if operation is sre.CATEGORY and CATEGORIES[argument].fullmatch(chr(code)):
            return not negated
    return negated


def rules(name, pattern):
    """One line for each alternative: `^` if it must stand at the start, then one set for each place."""
    for sequence in alternatives(sre_parse.parse(pattern.pattern, pattern.flags)):
        anchor, places = ("^ ", sequence[1:]) if sequence[0] == "^" else ("", sequence)
        yield f"rule {name}", anchor + " | ".join(places)


def character_tables():
    ignore_case = regex.IGNORECASE
    decomposable = [c for c in SCALARS if not hangul(c) and unicodedata.normalize("NFD", c) != c]
    yield "set letters", ranges(matching(r"[\p{L}]", regex, ignore_case))
    yield "set numbers", ranges(matching(r"[\p{N}]", regex, ignore_case))
    yield "set symbols", ranges(matching(r"[^\s\p{L}\p{N}]", regex, ignore_case))
    yield "set separators", ranges(matching(r"\s", regex))
    yield "set spaces", ranges(str.isspace)
    yield "set digits", ranges(matching(r"\d"))
    yield "set cased", ranges(lambda c: final_after("1", c))
    yield "set ignorable", ranges(lambda c: final_after("A", c) and not final_after("1", c))
    yield "map lowercase", mapping((c, c.lower()) for c in SCALARS if c.lower() != c)
    yield "map repairs", mapping((c, one_pass(c)) for c in SCALARS if one_pass(c) != c)
    yield "map compositions", mapping((c, one_step(c)) for c in decomposable if composes(c))
    yield "map decompositions", mapping((c, unicodedata.normalize("NFD", c)) for c in decomposable if not composes(c))
    yield "map combining", mapping((c, chr(unicodedata.combining(c))) for c in SCALARS if unicodedata.combining(c))
    yield "map controls", mapping((c, fixes.fix_c1_controls(c)) for c in SCALARS if fixes.fix_c1_controls(c) != c)
    yield from rules("mojibake", badness.BADNESS_RE)
    yield from rules("altered", chardata.ALTERED_UTF8_RE)
    yield from rules("lossy", chardata.LOSSY_UTF8_RE)
    for name, members in chardata.UTF8_CLUES.items():
        yield f"set {name}", ranges(matching(f"[{members}]"))
    for name in chardata.CHARMAP_ENCODINGS:
        yield f"map encoding.{name}", encoding(name)


def entities():
    """`eacute* E9 C9`: `&eacute;` is U+E9, `*` if the semicolon may be missing, and ftfy reads `&EACUTE;` as U+C9."""
    for bare in sorted(name[:-1] for name in html5 if name.endswith(";")):
        name = bare + ";"
        if bare in html5:
            assert html5[bare] == html5[name]
        upper = chardata.HTML_ENTITIES.get("&" + name.upper()) if name.upper() not in html5 else None
        fields = [bare + ("*" if bare in html5 else ""), hexadecimal(html5[name])]
        yield " ".join(fields + ([hexadecimal(upper)] if upper is not None and bare == bare.lower() else []))
    assert all(name.endswith(";") or name + ";" in html5 for name in html5)


def check_entities(lines):
    """ftfy's table is exactly HTML's names with a semicolon and the upper-case names recorded here."""
    recorded = {}
    for name, value, *upper in (line.split(" ") for line in lines):
        plain = name.rstrip("*")
        recorded[f"&{plain};"] = value
        if upper:
            recorded[f"&{plain.upper()};"] = upper[0]
    assert recorded == {name: hexadecimal(value) for name, value in chardata.HTML_ENTITIES.items()}


def write(name, header, lines):
    lines = list(lines)
    (RESOURCES / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8", newline="\n")
    print(name, len(lines), "lines", (RESOURCES / name).stat().st_size, "bytes")


def main():
    tokenizer = load_tokenizer_module().SimpleTokenizer()
    merges = [f"{first} {second}" for first, second in tokenizer.bpe_ranks]
    write("merges.txt", "# The merges of CLIP's vocabulary, in rank order (OpenAI, MIT licence)", merges)
    tables = [f"{name} {values}" for name, values in character_tables()]
    write("characters.txt", f"# Recorded by record_token_tables.py: {VERSIONS}", tables)
    names = list(entities())
    check_entities(names)
    write("entities.txt", f"# Recorded by record_token_tables.py: {VERSIONS}", names)


if __name__ == "__main__":
    main()
