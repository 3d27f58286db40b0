"""Runs the reference's own shell scripts against `cocoop compat`, and its own parse_test_res.py on what comes out.

    Scripts/oracle/compat.py --reference CHECKOUT --toolbox CHECKOUT --data DATA --splits SPLITS [--work FOLDER]

CHECKOUT are clones of KaiyangZhou/CoOp (commit ff61507) and KaiyangZhou/Dassl.pytorch (c61a1b5); nothing of either is
kept. DATA holds caltech-101 and oxford_flowers in the reference's layout, and SPLITS their published split files. What is
run is copied to FOLDER first, with three changes: DATA in the scripts, a `python` on PATH that gives the arguments of
`train.py` to `cocoop compat` and anything else to Python, and small datasets (a few classes of the published splits).

What must hold: every script ends well; parse_test_res.py finds, in the folders that the scripts wrote, the accuracies that
`cocoop compat` reports for them; torch.load reads the prompts; the default configuration of the reference is the table of `cocoop compat --keys`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLASSES = range(23, 29)  # labels of each dataset: in Caltech101, bodies and heads of animals, which are easily mistaken
TEST_IMAGES = 10  # of each class


def main():
    parser = argparse.ArgumentParser()
    for name in ["reference", "toolbox", "data", "splits"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=ROOT / ".build" / "compat")
    options = parser.parse_args()
    work = options.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    check_keys(options)
    code = prepare(options, work)
    run_scripts(code, environment(work, code))
    check_prompts(code)


def check_keys(options):
    """Every key and default of the reference, read from its own code by its own library."""
    sys.path[:0] = [str(options.toolbox / "dassl" / "config"), str(options.reference)]
    import defaults  # Dassl's; it imports yacs alone

    source = (options.reference / "train.py").read_text()
    extend = source[source.index("def extend_cfg") : source.index("def setup_cfg")]
    namespace = {}
    exec(compile(extend, "train.py", "exec"), namespace)
    configuration = defaults._C.clone()
    namespace["extend_cfg"](configuration)
    expected = dict(flatten(configuration))
    table = subprocess.run([tool(), "compat", "--keys"], check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^\| `([A-Z0-9_.]+)` \| `(.*?)` \|", table, re.M))
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    for key, value in expected.items():
        shown = list(value) if isinstance(value, tuple) else value
        shown = "''" if shown == "" else re.sub("'", "", str(shown))
        assert found[key] == shown, f"{key}: {found[key]} is not {shown}"
    print(f"compat: all {len(expected)} keys and defaults are the reference's")


def flatten(node, prefix=""):
    for key, value in node.items():
        if hasattr(value, "items"):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def prepare(options, work):
    """A copy of the reference's scripts and configurations, small datasets, and the stand-in for Python."""
    code = work / "code"
    code.mkdir(parents=True)
    for name in ["scripts", "configs"]:
        shutil.copytree(options.reference / name, code / name)
    for name in ["train.py", "parse_test_res.py"]:
        shutil.copy(options.reference / name, code / name)
    data = work / "data"
    for script in code.glob("scripts/*/*.sh"):
        text = script.read_text()
        assert text.count("DATA=/path/to/datasets") == 1, script
        script.write_text(text.replace("DATA=/path/to/datasets", f"DATA={data}"))
    small(options, data, "caltech-101", "101_ObjectCategories", "split_zhou_Caltech101.json")
    small(options, data, "oxford_flowers", "jpg", "split_zhou_OxfordFlowers.json")
    imagenet(options, data)
    # The checkpoint of ViT-B/16 and the others is tiny-clip here, found by their names.
    models = work / "models"
    models.mkdir()
    for name in ["ViT-B-16", "ViT-B-32", "RN50", "RN101"]:
        (models / name).symlink_to(ROOT / "Sources/Embedded/Resources/tiny-clip")
    bin = work / "bin"
    bin.mkdir()
    stand_in = bin / "python"
    stand_in.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = train.py ]; then shift; exec "{tool()}" compat -- "$@"; fi\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    stand_in.chmod(0o755)
    return code


def small(options, data, folder, images, split_name):
    """A few classes of a published split, with up to TEST_IMAGES test images each."""
    source = options.data / folder
    split = json.loads((options.splits / split_name).read_text())
    target = data / folder
    target.mkdir(parents=True)
    (target / images).symlink_to((source / images).resolve())
    kept = {
        part: [[path, label - CLASSES.start, name] for path, label, name in entries if label in CLASSES]
        for part, entries in split.items()
    }
    kept["test"] = [
        entry
        for label in range(len(CLASSES))
        for entry in [entry for entry in kept["test"] if entry[1] == label][:TEST_IMAGES]
    ]
    (target / split_name).write_text(json.dumps(kept))


def imagenet(options, data):
    """ImageNet's layout with images of Caltech101: xd_train.sh and xd_test.sh ask for nothing else by name."""
    split = json.loads((options.splits / "split_zhou_Caltech101.json").read_text())
    images = options.data / "caltech-101" / "101_ObjectCategories"
    root = data / "imagenet"
    names = {}
    for part, source, count in [("train", "train", 4), ("val", "test", TEST_IMAGES)]:
        for label in range(40, 40 + len(CLASSES)):
            entries = [entry for entry in split[source] if entry[1] == label][:count]
            folder = root / "images" / part / f"n{label:08d}"
            folder.mkdir(parents=True)
            for number, (path, _, name) in enumerate(entries):
                names[folder.name] = name.replace("_", " ")
                (folder / f"{folder.name}_{number}.JPEG").symlink_to((images / path).resolve())
    (root / "classnames.txt").write_text("".join(f"{folder} {name}\n" for folder, name in sorted(names.items())))


def environment(work, code):
    return os.environ | {
        "PATH": f"{work / 'bin'}:{os.environ['PATH']}",
        "COCOOP_MODELS": str(work / "models"),
        "PYTHONPATH": str(stand_in_toolbox(work)),
    }


def stand_in_toolbox(work):
    """The two functions of Dassl that parse_test_res.py imports: the whole of it would need a GPU's worth of packages."""
    package = work / "toolbox" / "dassl"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "utils.py").write_text(
        "import os\n"
        "check_isfile = os.path.isfile\n"
        "def listdir_nohidden(path, sort=False):\n"
        "    names = [name for name in os.listdir(path) if not name.startswith('.')]\n"
        "    return sorted(names) if sort else names\n"
    )
    return package.parent


# Each script as its README calls it: where from, with which arguments; the folder to parse, and whether it only tests.
CALLS = [
    ("scripts/cocoop", "base2new_train.sh", ["caltech101", "1"],
     "output/base2new/train_base/caltech101/shots_16/CoCoOp/vit_b16_c4_ep10_batch1_ctxv1", False),
    ("scripts/cocoop", "base2new_test.sh", ["caltech101", "1"],
     "output/base2new/test_new/caltech101/shots_16/CoCoOp/vit_b16_c4_ep10_batch1_ctxv1", True),
    (".", "scripts/coop/main.sh", ["caltech101", "rn50_ep50", "middle", "16", "1", "True"],
     "output/caltech101/CoOp/rn50_ep50_1shots/nctx16_cscTrue_ctpmiddle", False),
    (".", "scripts/coop/zeroshot.sh", ["oxford_flowers", "vit_b16"], "output/ZeroshotCLIP/vit_b16", True),
    ("scripts/cocoop", "xd_train.sh", ["1"], "output/imagenet/CoCoOp/vit_b16_c4_ep10_batch1_ctxv1_16shots", False),
    ("scripts/cocoop", "xd_test.sh", ["oxford_flowers", "1"],
     "output/evaluation/CoCoOp/vit_b16_c4_ep10_batch1_ctxv1_16shots/oxford_flowers", True),
    (".", "scripts/coop/main.sh", ["imagenet", "vit_b16_ep50", "end", "16", "16", "False"],
     "output/imagenet/CoOp/vit_b16_ep50_16shots/nctx16_cscFalse_ctpend", False),
    (".", "scripts/coop/eval.sh", ["caltech101", "vit_b16_ep50"],
     "output/evaluation/CoOp/vit_b16_ep50_16shots/nctx16_cscFalse_ctpend/caltech101", True),
]  # fmt: skip


def run_scripts(code, environment):
    for folder, script, arguments, output, tests_only in CALLS:
        print(f"compat: {script} {' '.join(arguments)}", flush=True)
        run = subprocess.run(
            ["bash", script, *arguments], cwd=code / folder, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
        # As printed on the way: the last result of each call of train.py.
        printed = [float(result) for result in re.findall(r"^\* accuracy: ([\d.]+)%$", run.stdout, re.M)]
        parsed = parse(code, environment, output, tests_only)
        assert parsed and parsed == printed[-len(parsed) :], f"{parsed} is not {printed}"
        print(f"compat:   parse_test_res.py finds {parsed}", flush=True)


def check_prompts(code):
    """Every file of prompts, read as the reference reads them: torch.load with its default settings."""
    import torch

    files = sorted(code.glob("output/**/model*.pth.tar*"))
    assert files
    for file in files:
        checkpoint = torch.load(file, map_location="cpu")
        assert checkpoint.keys() == {"state_dict", "epoch", "optimizer", "scheduler", "val_result"}, checkpoint.keys()
        state = checkpoint["state_dict"]
        length, width = state["ctx"].shape[-2:]
        classes = state["token_prefix"].shape[0]
        assert state["token_prefix"].shape == (classes, 1, width)
        assert state["token_suffix"].shape == (classes, 77 - 1 - length, width)
        assert file.name.endswith(f"-{checkpoint['epoch']}")
        assert (file.parent / "checkpoint").read_text() == file.name + "\n"
    print(f"compat: torch.load reads all {len(files)} files of prompts")


def parse(code, environment, output, tests_only):
    flags = ["--test-log"] if tests_only else []
    run = subprocess.run(
        ["python", "parse_test_res.py", output, *flags], cwd=code, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    # TCP's prints no line for each run, but their mean alone.
    each = re.findall(r"accuracy: ([\d.]+)%\. *$", run.stdout, re.M)
    return [float(result) for result in each or re.findall(r"accuracy: ([\d.]+)% \+- ", run.stdout)]


def tool():
    return str(ROOT / ".build" / "release" / "cocoop")


if __name__ == "__main__":
    main()
