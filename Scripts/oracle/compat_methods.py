"""Runs the shell scripts of KgCoOp, ProGrad, TCP, MaPLe's program, PromptSRC's, CoPrompt's and MMRL's against
`cocoop compat`.

    python compat_methods.py --repositories FOLDER --data DATA --splits SPLITS [--work FOLDER] [--only TEXT]

FOLDER holds clones, bare or not, named as OWNER+NAME or OWNER+NAME/repo: htyao89+KgCoOp (read at c43ccc3),
BeierZhu+Prompt-align (1b76203), htyao89+Textual-based_Class-aware_prompt_tuning (bd97bec),
muzairkhattak+multimodal-prompt-learning (69bce21), muzairkhattak+PromptSRC (bb95c77), ShuvenduRoy+CoPrompt (a2a6c12),
yunncheng+MMRL (27d8821) and KaiyangZhou+Dassl.pytorch (c61a1b5); nothing of any of them is kept. DATA and SPLITS are
those of compat.py. What is run is copied first, with these changes: DATA in the scripts, no parse_test_res.py at their
end, one seed where a script loops over three, one dataset where it loops over all, and a `python` on PATH that gives
the arguments of `train.py` to `cocoop compat`. The datasets are small, and the checkpoint of ViT-B/16 is a transformer
of 12 narrow blocks with formula weights.

What must hold, for each script: it ends well; the original's parse_test_res.py, where there is one, finds in the
folders that it wrote the accuracies that were printed; every key that the log prints has the value that the original's
own library gives it from the same files and arguments; torch.load reads the prompts, under the names that the original saves.
"""

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import compat
import torchvision_names  # noqa: F401  before clip, which imports torchvision
import clip.model
import torch

import formula_weights
from record_originals import checkout

WIDTH = 64


class Program:
    """An original's program, and calls of its scripts: where from, the script, its arguments, the folder to parse,
    whether it only tests, and the names of what it saves.

    `more` are further files that it reads. `specific` makes of its modules, by name, and the configuration the settings
    of a dataset; `is_last` says whether these win over the command line."""

    def __init__(self, repository: str, folder: str, calls: list, more: tuple = (), specific=None, is_last=False):
        self.repository, self.folder, self.calls = repository, folder, calls
        self.more, self.specific, self.is_last = more, specific, is_last


def pairs(trainer: str, configuration: str, shots: str = "shots_16") -> tuple[str, str]:
    middle = f"caltech101/{shots}/{trainer}/{configuration}"
    return f"output/base2new/train_base/{middle}", f"output/base2new/test_new/{middle}"


KGCOOP = pairs("KgCoOp", "vit_b16_ep100_ctxv1", "shots_16_8.0")
PROGRAD = pairs("ProGrad", "rn50_ep100", "shots_4")
MAPLE = pairs("MaPLe", "vit_b16_c2_ep5_batch4_2ctx")
IVLP = pairs("IVLP", "vit_b16_c2_ep5_batch4_2+2ctx")
VPT = pairs("VPT", "vit_b16_c2_ep5_batch4_4")
PROMPTSRC = pairs("PromptSRC", "vit_b16_c2_ep20_batch4_4+4ctx")
MMRL = pairs("MMRL", "vit_b16")
COPROMPT = "output/coprompt/{}/caltech101/shots_16/CoPrompt/coprompt"
TCP = "base2new/{}/caltech101/shots_16_1.0/TCP/vit_b16_ep100_ctxv1"
DATASET_SEED = ["caltech101", "1"]
CROSS = "output/{}/vit_b16_c2_ep5_batch4_2ctx_cross_datasets_16shots"

PROGRAMS = [
    Program("htyao89+KgCoOp", "KgCoOp", [
        ("scripts", "base2new_train.sh", ["caltech101", "8.0"], KGCOOP[0], False),
        ("scripts", "base2new_test.sh", ["caltech101", "8.0"], KGCOOP[1], True),
    ]),
    Program("BeierZhu+Prompt-align", "ProGrad.public", [
        ("scripts", "base2new_train_prograd.sh", ["caltech101"], PROGRAD[0], False),
        ("scripts", "base2new_test_prograd.sh", ["caltech101"], PROGRAD[1], True),
    ]),
    Program("htyao89+Textual-based_Class-aware_prompt_tuning", "", [
        ("scripts", "base2new_train.sh", [], "output_1108_4/" + TCP.format("train_base"), False),
    ]),
    Program("muzairkhattak+multimodal-prompt-learning", "", [
        (".", "scripts/maple/base2new_train_maple.sh", DATASET_SEED, MAPLE[0], False),
        (".", "scripts/maple/base2new_test_maple.sh", DATASET_SEED, MAPLE[1], True),
        (".", "scripts/maple/xd_train_maple.sh", ["imagenet", "1"], CROSS.format("imagenet/MaPLe"), False),
        (".", "scripts/maple/xd_test_maple.sh", DATASET_SEED,
         CROSS.format("evaluation/MaPLe") + "/caltech101", True),
        (".", "scripts/independent-vlp/base2new_train_ivlp.sh", DATASET_SEED, IVLP[0], False),
        (".", "scripts/independent-vlp/base2new_test_ivlp.sh", DATASET_SEED, IVLP[1], True),
        (".", "scripts/vpt/base2new_train_vpt.sh", DATASET_SEED, VPT[0], False),
        (".", "scripts/vpt/base2new_test_vpt.sh", DATASET_SEED, VPT[1], True),
    ]),
    Program("muzairkhattak+PromptSRC", "", [
        (".", "scripts/promptsrc/base2new_train.sh", DATASET_SEED, PROMPTSRC[0], False),
        (".", "scripts/promptsrc/base2new_test.sh", DATASET_SEED, PROMPTSRC[1], True),
        (".", "scripts/promptsrc/few_shot.sh", ["caltech101", "1"],
         "output/caltech101/PromptSRC/vit_b16_c2_ep50_batch4_4+4ctx_few_shot_1shots", False),
    ]),
    Program("ShuvenduRoy+CoPrompt", "", [
        (".", "scripts/base2new_train_coprompt.sh", [*DATASET_SEED, "coprompt"], COPROMPT.format("train_base"), False),
        (".", "scripts/base2new_test_coprompt.sh", [*DATASET_SEED, "coprompt", "8"], COPROMPT.format("test_new"), True),
    ], ("gpt_file/caltech_prompt.json",), ("trainers/constants.py", lambda specific, made: specific(made.DATASET.NAME)),
        is_last=True),
    Program("yunncheng+MMRL", "", [
        (".", "scripts/mmrl/base2new_train.sh", ["caltech101"], MMRL[0], False),
        (".", "scripts/mmrl/base2new_test.sh", ["caltech101"], MMRL[1], True),
    ], (), ("trainers/config.py", lambda specific, made: specific(made.DATASET.NAME, "MMRL", "B2N"))),
]  # fmt: skip

# What each trainer saves: its folder, and the names of learned tensors without the numbers of blocks.
SAVED = {
    "KgCoOp": ("prompt_learner", {"ctx"}), "ProGrad": ("prompt_learner", {"ctx"}),
    "TCP": ("prompt_learner", {"ctx", *(f"meta_net.linear{n}.{part}" for n in (1, 2) for part in ("weight", "bias"))}),
    "VPT": ("prompt_learner", {"image_encoder.VPT", "image_encoder.transformer.resblocks.N.VPT_shallow"}),
    "MaPLe": ("MultiModalPromptLearner", {
        "prompt_learner.ctx", "prompt_learner.proj.weight", "prompt_learner.proj.bias",
        "prompt_learner.compound_prompts_text.N", "prompt_learner.compound_prompt_projections.N.weight",
        "prompt_learner.compound_prompt_projections.N.bias"}),
}
SAVED["CoPrompt"] = ("MultiModalPromptLearner", SAVED["MaPLe"][1] | {
    f"adapter_{tower}.fc.N.weight" for tower in ("image", "text")})
SAVED["MMRL"] = ("MultiModalRepresentationLearner", {
    "image_encoder.proj_rep", "representation_learner.compound_rep_tokens",
    *(f"representation_learner.compound_rep_tokens_{to}proj.N.{part}"
      for to in ("r2v", "r2t") for part in ("weight", "bias"))})
SAVED["IVLP"] = SAVED["PromptSRC"] = ("VLPromptLearner", {
    "prompt_learner.ctx", "image_encoder.VPT", "image_encoder.transformer.resblocks.N.VPT_shallow",
    "text_encoder.transformer.resblocks.N.VPT_shallow"})
BUFFERS = {"token_prefix", "token_suffix"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ["repositories", "data", "splits"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=compat.ROOT / ".build" / "compat-methods")
    parser.add_argument("--only", default="", help="of scripts whose name has this text")
    options = parser.parse_args()
    work = options.work.resolve()
    compat.shutil.rmtree(work, ignore_errors=True)
    data = work / "data"
    compat.small(options, data, "caltech-101", "101_ObjectCategories", "split_zhou_Caltech101.json")
    compat.imagenet(options, data)
    models = work / "models"
    models.mkdir()
    small_transformer(models / "ViT-B-16.pt")
    (models / "RN50").symlink_to(compat.ROOT / "Sources/Embedded/Resources/tiny-clip")
    stand_in(work / "bin", work / "calls.jsonl")
    toolbox = checkout(clone(options.repositories, "KaiyangZhou+Dassl.pytorch"), ["dassl/config"], {})
    environment = compat.environment(work, None)
    for program in PROGRAMS:
        calls = [call for call in program.calls if options.only in call[1]]
        if calls:
            run_program(program, calls, options, work, environment, toolbox)


def clone(folder: Path, name: str) -> Path:
    inner = folder / name / "repo"
    return (inner if inner.exists() else folder / name).resolve()


def small_transformer(file: Path):
    """OpenAI's architecture with 12 narrow blocks in both towers, and images of 224 pixels."""
    model = clip.model.CLIP(WIDTH, 224, 12, WIDTH, 32, 77, 49408, WIDTH, 1, 12)
    formula_weights.fill(model)
    torch.save(model.float().state_dict(), file)


def stand_in(folder: Path, calls: Path):
    """A `python` that notes the arguments of train.py and gives them to `cocoop compat`."""
    folder.mkdir()
    python = folder / "python"
    python.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "if sys.argv[1] == 'train.py':\n"
        f"    with open({str(calls)!r}, 'a') as file: file.write(json.dumps(sys.argv[2:]) + '\\n')\n"
        f"    os.execv({compat.tool()!r}, ['cocoop', 'compat', '--', *sys.argv[2:]])\n"
        f"os.execv({sys.executable!r}, sys.argv)\n")
    python.chmod(0o755)


def run_program(program, calls, options, work, environment, toolbox):
    prefix = program.folder + "/" if program.folder else ""
    repository = clone(options.repositories, program.repository)
    names = [*program.more, "scripts", "configs", "train.py"] + ([program.specific[0]] if program.specific else [])
    listed = subprocess.run(
        ["git", "-C", repository, "ls-tree", "--name-only", "HEAD", prefix + "parse_test_res.py"], check=True,
        capture_output=True, text=True).stdout
    has_parser = bool(listed.strip())  # CoPrompt's has none
    names += ["parse_test_res.py"] if has_parser else []
    code = checkout(repository, [prefix + name for name in names], {}) / program.folder
    for script in code.glob("scripts/**/*.sh"):
        text = re.sub(r"^DATA=.*$", f"DATA={work / 'data'}", script.read_text(), flags=re.M)
        text = re.sub(r"^python3? parse_test_res.py .*$", "", text, flags=re.M)
        text = re.sub(r"^for SEED in 1 2 3$", "for SEED in 1", text, flags=re.M)
        # TCP's has a second loop, over datasets of fewer epochs.
        text = re.sub(r"^for DATASET in .*$", "for DATASET in caltech101", text, count=1, flags=re.M)
        script.write_text(re.sub(r"^for DATASET in (?!caltech101$).*$", "for DATASET in", text, flags=re.M))
    for folder, script, arguments, output, tests_only in calls:
        print(f"compat: {script} {' '.join(arguments)}", flush=True)
        (work / "calls.jsonl").write_text("")
        run = subprocess.run(
            ["bash", script if "/" in script else f"./{script}", *arguments], cwd=code / folder, env=environment,
            capture_output=True, text=True)
        assert run.returncode == 0 and "Error:" not in run.stderr, run.stdout[-2000:] + run.stderr[-2000:]
        printed = [float(result) for result in re.findall(r"^\* accuracy: ([\d.]+)%$", run.stdout, re.M)]
        parsed = compat.parse(code, environment, output, tests_only) if has_parser else printed
        assert parsed and parsed == printed[: len(parsed)], f"{parsed} is not {printed}"
        lines = (work / "calls.jsonl").read_text().splitlines()
        assert len(lines) == len(printed), f"{len(lines)} calls, but {len(printed)} results"
        keys = [check_configuration(json.loads(line), code, toolbox, run.stdout, index, program) for index, line in
                enumerate(lines)]
        found = f"parse_test_res.py finds {parsed}" if has_parser else f"it prints {printed}"
        count = check_files(code)
        print(f"compat:   {found}; {min(keys)} keys as the original's; {count} files of prompts", flush=True)


def check_configuration(arguments: list[str], code: Path, toolbox: Path, log: str, index: int, program) -> int:
    """Compares every line of the log's configuration with what yacs makes of the same files and arguments."""
    sys.path.insert(0, str(toolbox / "dassl" / "config"))
    import defaults  # Dassl's; it imports yacs alone
    import yacs.config

    source = (code / "train.py").read_text()
    extend = source[source.index("def extend_cfg"):source.index("def setup_cfg")]
    names = {"CN": yacs.config.CfgNode}  # which some import at the top
    exec(compile(extend, "train.py", "exec"), names)
    theirs = defaults._C.clone()
    names["extend_cfg"](theirs)
    given = {}
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        option = rest.pop(0)
        given[option] = rest.pop(0) if rest and option != "--eval-only" else True
    for option in ["--dataset-config-file", "--config-file"]:
        theirs.merge_from_file(str(code / given[option]))
    specific = []
    if program.specific:
        names = {}
        exec(compile((code / program.specific[0]).read_text(), program.specific[0], "exec"), names)
        specific = program.specific[1](names["get_dataset_specified_config"], theirs)
    for settings in (rest, specific) if program.is_last else (specific, rest):
        theirs.merge_from_list(settings)
    theirs.DATASET.ROOT, theirs.OUTPUT_DIR = given["--root"], given["--output-dir"]
    theirs.SEED, theirs.TRAINER.NAME = int(given["--seed"]), given["--trainer"]
    expected = dict(compat.flatten(theirs))
    block = log.split("Configuration\n")[1 + index]
    found = dict(re.findall(r"^  ([A-Za-z0-9_.]+): (.*)$", block, re.M))
    assert len(found) > 40, found
    for key, shown in found.items():
        if key not in expected or key.startswith("TRAINER.COCOOP."):  # of CoOp's other sections, which nothing reads
            continue
        value = list(expected[key]) if isinstance(expected[key], tuple) else expected[key]
        text = "''" if value in ("", None) else re.sub("'", "", str(value))
        assert shown == text or numbers(shown) == numbers(text) is not None, f"{key}: {shown} is not {text}"
    name = expected["TRAINER.NAME"].upper()
    section = [key for key in expected if key.startswith("TRAINER.") and name in key.upper()]
    assert all(key in found for key in section), section
    return len(found.keys() & expected.keys())


def numbers(text: str):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None


def check_files(code: Path) -> int:
    files = sorted(code.glob("output*/**/model*.pth.tar*"))
    for file in files:
        trainer = next(part for part in file.parts if part in SAVED)
        folder, names = SAVED[trainer]
        checkpoint = torch.load(file, map_location="cpu")
        found = {re.sub(r"\.\d+(\.|$)", r".N\1", name) for name in checkpoint["state_dict"]} - BUFFERS
        assert file.parent.name == folder and found == names, f"{file}: {found ^ names}"
        assert file.name.endswith(f"-{checkpoint['epoch']}")
        assert (file.parent / "checkpoint").read_text() == file.name + "\n"
    return len(files)


if __name__ == "__main__":
    main()
