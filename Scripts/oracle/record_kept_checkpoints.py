"""Records what people keep in checkpoints beside weights, for PickleTests and CLIPTests:
python Scripts/oracle/record_kept_checkpoints.py

Writes to Tests/PickleTests/Fixtures:
functions.json      pickles of functions, methods and objects in protocols 2 and 4, in hexadecimal: those that do no
                    harm, and those that would when loaded. Nothing of them is ever run, here neither.

and to Tests/CLIPTests/Fixtures/quantized:
qint8.pt            one weight of a CLIP, quantized per tensor.
packed.pt           a linear layer of a CLIP after torch's quantize_dynamic.
"""
import collections
import datetime
import functools
import json
import operator
import os
import pathlib
import pickle
import platform
import shutil
import subprocess
import sys
import warnings

import numpy
import torch

from protocol import ROOT

SEED = 20261128
PICKLES = ROOT / "Tests/PickleTests/Fixtures"
QUANTIZED = ROOT / "Tests/CLIPTests/Fixtures/quantized"

HARMLESS = {
    "torch.relu": torch.relu,
    "torch.trace": torch.trace,
    "torch.nn.functional.gelu": torch.nn.functional.gelu,
    "torch.Tensor.add": torch.Tensor.add,
    "Module.compile": torch.nn.Module.compile,
    "a bound method of a module": torch.nn.ReLU().eval,
    "partial of torch.relu": functools.partial(torch.relu),
    "str.lower": str.lower,
    "a bound method of a text": ", ".join,
    "a bound method of a dictionary": {"a": 1}.get,
    "datetime.now": datetime.datetime.now,
    "OrderedDict.fromkeys": collections.OrderedDict.fromkeys,
    "attrgetter": operator.attrgetter("lr.value"),
    "methodcaller": operator.methodcaller("lower"),
    "itemgetter": operator.itemgetter(1),
    "reduce": functools.reduce,
    "map": map(len, [[1]]),
    "numpy.mean": numpy.mean,
    "a path": pathlib.PurePosixPath("/data"),
    "torch.Size": torch.Size([2]),
    "torch.device": torch.device("cpu"),
    "torch.float16": torch.float16,
}


class Call:
    """Pickles as a call of a function, which Python would make when it loads the pickle."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


HARMFUL = {
    "os.system": os.system,
    "os.system, called": Call(os.system, "touch CANARY"),
    "eval, called": Call(eval, "1"),
    "a method of a function's globals": Call(getattr, Call(getattr, torch.nn.functional.gelu, "__globals__"), "get"),
    "getattr to builtins by a function's self": Call(getattr, len, "__self__"),
    "getattr to subclasses": Call(getattr, object, "__subclasses__"),
    "getattr to globals of a method": Call(getattr, Call(getattr, torch.nn.Module, "forward"), "__globals__"),
    "getattr to a module's os": Call(getattr, Call(getattr, torch.nn.Module, "x"), "os"),
    "getattr with a name that is computed": Call(getattr, torch.nn.Module, Call(str.join, "", ["__glo", "bals__"])),
    "getattr given away": functools.partial(getattr, torch.nn.Module),
    "getattr in a list": [getattr],
    "getattr mapped": Call(map, getattr, [1], [2]),
    "attrgetter to globals": operator.attrgetter("forward.__globals__"),
    "methodcaller of subclasses": operator.methodcaller("__subclasses__"),
    "Path.write_text": Call(getattr, pathlib.Path, "write_text"),
    "a bound method that writes": Call(getattr, Call(pathlib.PosixPath, "x"), "unlink"),
    "subprocess.run": subprocess.run,
    "shutil.rmtree": shutil.rmtree,
    "torch.load": torch.load,
    "setattr, called": Call(setattr, torch.nn.Module, "x", 1),
    "open, called": Call(open, "CANARY", "w"),
}


def pickles(values: dict) -> list:
    return [
        {"name": name, "protocol": protocol, "pickle": pickle.dumps(value, protocol=protocol).hex()}
        for name, value in values.items()
        for protocol in (2, 4)
    ]


def quantized() -> None:
    QUANTIZED.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(SEED)
    weight = torch.randn(8, 8, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
        torch.save({"text_projection": tensor, "ln_final.weight": torch.ones(8)}, QUANTIZED / "qint8.pt")
        layer = torch.nn.Sequential(torch.nn.Linear(8, 8))
        with torch.no_grad():
            layer[0].weight.copy_(weight)
            layer[0].bias.zero_()
        state = torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear}, dtype=torch.qint8).state_dict()
        name = "transformer.resblocks.0.mlp.c_fc"
        torch.save({name + key[1:]: value for key, value in state.items()}, QUANTIZED / "packed.pt")


def main() -> None:
    recipe = {
        "script": "Scripts/oracle/record_kept_checkpoints.py",
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__},
        "harmless": pickles(HARMLESS),
        "harmful": pickles(HARMFUL),
    }
    path = PICKLES / "functions.json"
    path.write_text(json.dumps(recipe, indent=1) + "\n")
    print(f"{path.relative_to(ROOT)}: {len(recipe['harmless'])} and {len(recipe['harmful'])} pickles")
    quantized()


if __name__ == "__main__":
    sys.exit(main())
