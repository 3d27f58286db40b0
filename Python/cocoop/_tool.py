"""Where the tool is, and the environment in which it finds its libraries.

A wheel has the tool inside, without libtorch: it uses the one of the ``torch`` that is installed beside it. Python need
not import torch for that.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import re
import shutil
import struct

_BUNDLED = pathlib.Path(__file__).resolve().parent / "_tool"
_MACHINES = {62: "x86_64", 183: "aarch64"}  # e_machine of ELF


class ToolError(Exception):
    """The tool cannot be started. The text is one line that says why, and what to do."""


def command() -> tuple[str, dict[str, str]]:
    """The path of the tool, and the environment to start it in.

    ``COCOOP_TOOL`` names another tool than the wheel's. Without a wheel, the tool on the PATH is taken.

    :raises ToolError: where there is no tool, or no torch that fits it.
    """
    environment = dict(os.environ)
    given = environment.get("COCOOP_TOOL")
    if given:
        if not os.access(given, os.X_OK):
            raise ToolError(f"COCOOP_TOOL names {given}, which is no program. Correct it, or unset it.")
        return given, environment
    tool = _BUNDLED / "bin" / "cocoop"
    if not tool.exists():
        found = shutil.which("cocoop")
        if found is None:
            raise ToolError("There is no cocoop on the PATH. Install it, or name it in COCOOP_TOOL.")
        return found, environment
    built = json.loads((_BUNDLED / "build.json").read_text(encoding="utf-8"))
    folders = [str(_BUNDLED / "lib"), str(_torch_libraries(built["torch"], built["machine"]))]
    if environment.get("LD_LIBRARY_PATH"):
        folders.append(environment["LD_LIBRARY_PATH"])
    environment["LD_LIBRARY_PATH"] = ":".join(folders)
    return str(tool), environment


def _torch_libraries(version: str, machine: str) -> pathlib.Path:
    """The folder of the installed torch's libraries, if they are of this version and machine."""
    major, minor = version.split(".")
    remedy = f"Run: pip install 'torch>={version},<{major}.{int(minor) + 1}'"
    spec = importlib.util.find_spec("torch")
    places = list(spec.submodule_search_locations or []) if spec else []
    folder = pathlib.Path(places[0]) if places else None
    if folder is None or not (folder / "version.py").exists():
        raise ToolError(f"cocoop uses the libraries of torch {version}, and no torch is installed beside it. {remedy}")
    found = _version(folder)
    if not re.match(rf"{re.escape(version)}(\D|$)", found):
        raise ToolError(f"cocoop was built for torch {version}, and torch {found} is installed in {folder}. {remedy}")
    library = folder / "lib" / "libtorch_cpu.so"
    if not library.exists():
        raise ToolError(f"The torch in {folder} has no lib/libtorch_cpu.so. {remedy} --force-reinstall")
    architecture = _machine(library)
    if architecture != machine:
        raise ToolError(f"cocoop is for {machine}, and {library} is for {architecture}. {remedy} --force-reinstall")
    return library.parent


def _version(folder: pathlib.Path) -> str:
    text = (folder / "version.py").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^__version__\s*(?::[^=]*)?=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return found[1] if found else "of an unknown version"


def _machine(library: pathlib.Path) -> str:
    with library.open("rb") as file:
        header = file.read(20)
    if header[:5] != b"\x7fELF\x02" or len(header) < 20:
        return "another system, or damaged"
    number = struct.unpack_from("<H", header, 18)[0]
    return _MACHINES.get(number, f"another machine (ELF {number})")
