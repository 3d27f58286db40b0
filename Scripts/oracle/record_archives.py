"""Records files as Python and torch write them, for PickleTests and TorchTests: python Scripts/oracle/record_archives.py

Writes to Tests/PickleTests/Fixtures:
values-N.pkl        the same Python values in pickle protocol N, 0 to 5.
few-shot.pkl        examples as the reference's few-shot caches hold them.

and to Tests/TorchTests/Fixtures:
saved-*.pt          the same values by torch.save: zip, legacy (before torch 1.6), and other pickle protocols.
script.pt           a small module by torch.jit.save.
module.pt           a pickled module.
attack-*.pt         torch.save of objects that call a shell when loaded; the command would make a file CANARY.
archives.safetensors, archives.json  what the tensors of all these files are.


and to Tests/PromptLearningTests/Fixtures/reference, as an output folder of the reference's training:
prompt_learner/model.pth.tar-2, prompt_learner/checkpoint
                    CoCoOp's prompts of tiny-clip's widths in half precision, with DataParallel's prefixes and with whole
                    optimisers and schedulers of torch beside them.
"""
import collections
import pickle
import random
import sys
import types

import torch

import fixture
from protocol import ROOT

SEED = 20261124
PICKLES = ROOT / "Tests/PickleTests/Fixtures"
PROMPTS = ROOT / "Tests/PromptLearningTests/Fixtures/reference"
ARCHIVES = ROOT / "Tests/TorchTests/Fixtures"


class Datum:
    """Stands in for the reference's class of this name: attributes behind underscores."""

    def __init__(self, impath, label, classname):
        self._impath = impath
        self._label = label
        self._domain = 0
        self._classname = classname


# The reference's module, so that the pickles name its class.
for name in ["dassl", "dassl.data", "dassl.data.datasets", "dassl.data.datasets.base_dataset"]:
    sys.modules[name] = types.ModuleType(name)
Datum.__module__ = "dassl.data.datasets.base_dataset"
sys.modules[Datum.__module__].Datum = Datum


def values():
    shared = ["shared", 1]
    return collections.OrderedDict([
        ("none", None), ("true", True), ("false", False), ("small", 200), ("negative", -7), ("wide", 70000),
        ("long", 2 ** 40), ("lowest", -(2 ** 63)), ("double", -1.5e-300), ("text", "Größe 犬 🐕\n'\"\\"),
        ("bytes", bytes(range(256))), ("empty", [[], (), {}, set(), b"", ""]), ("tuple", (1, (2, (3, (4, 5))))),
        ("set", {7}), ("frozen", frozenset([8])), ("array", bytearray(b"\0\xff")), ("one", shared), ("two", shared),
        ("counts", collections.Counter({"a": 2})), ("default", collections.defaultdict(list, {"k": [1]})),
        ("many", list(range(1500))), ("class", collections.OrderedDict), ("nested", {"a": {"b": {3: "c"}}}),
    ])


def record_pickles():
    for protocol in range(6):
        (PICKLES / f"values-{protocol}.pkl").write_bytes(pickle.dumps(values(), protocol=protocol))
    train = [Datum(f"/data/caltech-101/{c}/image_{i:04}.jpg", label, c)
             for label, c in enumerate(["face", "leopard"]) for i in range(3)]
    data = {"train": train, "val": train[:2]}
    (PICKLES / "few-shot.pkl").write_bytes(pickle.dumps(data, protocol=pickle.HIGHEST_PROTOCOL))


def tensors():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 4
    return {
        "float32": torch.randn(2, 3), "float16": torch.randn(3).half(), "bfloat16": torch.randn(3).bfloat16(),
        "float64": torch.randn(2, 2, dtype=torch.float64), "int64": torch.tensor([-(2 ** 63), 2 ** 63 - 1]),
        "int32": torch.tensor([-(2 ** 31), 5], dtype=torch.int32), "int16": torch.tensor([-300, 5], dtype=torch.int16),
        "int8": torch.tensor([-128, 127], dtype=torch.int8), "uint8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]), "scalar": torch.tensor(7.5), "empty": torch.zeros(0, 3),
        "whole": base, "transposed": base.t(), "slice": base[1:3, 2:5], "column": base[:, 3], "last": base[3, 5],
        "expanded": torch.tensor([1.5]).expand(3, 2), "parameter": torch.nn.Parameter(torch.randn(2)),
    }


def training():
    """A model's training state, with whole objects of torch in it, as the reference's scheduler keeps them."""
    model = torch.nn.DataParallel(torch.nn.Linear(3, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
    return model, {
        "state_dict": model.state_dict(), "epoch": 10, "val_result": 81.25, "optimizer": optimizer.state_dict(),
        "scheduler": {"last_epoch": 1, "successor": scheduler}, "note": None,
    }


class Script(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(2, 3).half())
        self.register_buffer("steps", torch.tensor([4]))
        self.inner = torch.nn.Linear(3, 2)
        self.size: int = 224
        self.names = ["a", "b"]

    def forward(self, x):
        return self.inner(x) + self.weight.float().sum() + self.size


class Call:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def record_archives():
    model, state = training()
    everything = {"tensors": tensors(), "training": state, "list": [torch.ones(1), (torch.zeros(2),)]}
    forms = {
        "zip": {}, "legacy": {"_use_new_zipfile_serialization": False}, "zip-protocol4": {"pickle_protocol": 4},
        "legacy-protocol5": {"pickle_protocol": 5, "_use_new_zipfile_serialization": False},
    }
    for name, options in forms.items():
        torch.save(everything, ARCHIVES / f"saved-{name}.pt", **options)
    script = Script()
    torch.jit.save(torch.jit.script(script), ARCHIVES / "script.pt")
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)), ARCHIVES / "module.pt")
    import os
    import subprocess
    attacks = {
        "system": Call(os.system, "touch CANARY"), "popen": Call(subprocess.check_output, ["touch", "CANARY"]),
        "eval": Call(eval, "__import__('os').system('touch CANARY')"),
        "hidden": {"state_dict": {"ctx": torch.ones(4, 8)}, "scheduler": [Call(exec, "import os; os.system('touch CANARY')")]},
    }
    for name, attack in attacks.items():
        torch.save(attack, ARCHIVES / f"attack-{name}.pt")
    torch.save(attacks["system"], ARCHIVES / "attack-legacy.pt", _use_new_zipfile_serialization=False)

    expected = {f"tensors.{key}": tensor for key, tensor in everything["tensors"].items()}
    expected |= {f"training.state_dict.{key}": tensor for key, tensor in model.state_dict().items()}
    expected |= {f"script.{key}": tensor for key, tensor in script.state_dict().items()}
    integers = [torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    widened = {key: tensor.long() if tensor.dtype in integers else tensor.float() if tensor.dtype == torch.float64 else tensor
               for key, tensor in expected.items()}
    fixture.write("TorchTests", "archives", __file__, widened, {"seed": SEED})


class PromptLearner(torch.nn.Module):
    """The parameters and buffers of the reference's module of this name (protocol, section 8), for tiny-clip."""

    def __init__(self, classes, contexts=4, width=256, embedding=512, tokens=77):
        super().__init__()
        self.ctx = torch.nn.Parameter(torch.randn(contexts, width) * 0.02)
        self.meta_net = torch.nn.Sequential(collections.OrderedDict([
            ("linear1", torch.nn.Linear(embedding, embedding // 16)), ("relu", torch.nn.ReLU()),
            ("linear2", torch.nn.Linear(embedding // 16, width))]))
        self.register_buffer("token_prefix", torch.zeros(classes, 1, width))
        self.register_buffer("token_suffix", torch.zeros(classes, tokens - 1 - contexts, width))


class WarmUp(torch.optim.lr_scheduler.LRScheduler):
    """Holds another scheduler, as the reference's does."""

    def __init__(self, optimizer, successor):
        self.successor = successor
        super().__init__(optimizer)

    def get_lr(self):
        return [1e-5 for _ in self.base_lrs]


def record_prompts():
    learner = PromptLearner(classes=2).half()
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.002, momentum=0.9)
    scheduler = WarmUp(optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10))
    state = torch.nn.DataParallel(learner).state_dict()
    folder = PROMPTS / "prompt_learner"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "epoch": 2, "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(), "val_result": None}, folder / "model.pth.tar-2")
    (folder / "checkpoint").write_text("model.pth.tar-2\n")


torch.manual_seed(SEED)
random.seed(SEED)
PICKLES.mkdir(parents=True, exist_ok=True)
record_pickles()
record_archives()
record_prompts()
