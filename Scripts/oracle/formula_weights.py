"""Weights from a formula, so that another program can build the same random model without any file.

For a tensor called `name`, with 64-bit unsigned arithmetic that wraps:

    state    = FNV-1a-64 of the name's UTF-8 bytes
    z        = state + (i + 1) * 0x9E3779B97F4A7C15            for element i, in row-major order
    z        = (z ^ z >> 30) * 0xBF58476D1CE4E5B9
    z        = (z ^ z >> 27) * 0x94D049BB133111EB
    z        = z ^ z >> 31                                      (splitmix64)
    u        = Double(z >> 40) / 2^23 - 1                       in [-1, 1)
    value    = Float32(offset + scale * u)                      computed in float64, rounded once

Offset and scale follow from the name and the shape; see `offset_and_scale`. Tensors that are no weights say their own.
"""

import math

import numpy
import torch

GOLDEN_NAME = "token_embedding.weight"


def fnv1a(name: str) -> int:
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def bits(name: str, count: int) -> numpy.ndarray:
    """The first `count` outputs of splitmix64 that starts at the hash of `name`."""
    z = numpy.uint64(fnv1a(name)) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def values(name: str, shape, scale: float, offset: float = 0) -> torch.Tensor:
    """A float32 tensor, uniform in offset ± scale."""
    u = (bits(name, math.prod(shape)) >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1
    return torch.from_numpy((offset + scale * u).astype(numpy.float32).reshape(shape))


def offset_and_scale(name: str, shape) -> tuple[float, float]:
    """The range of a weight: one that keeps activations of ordinary size through twelve layers."""
    last_two = ".".join(name.split(".")[-2:])
    if len(shape) == 1 and name.endswith(".weight"):  # of a norm
        return 1, 0.1
    if name.endswith(".running_var"):
        return 1, 0.5
    if name.endswith(".gamma"):
        return 0.5, 0.2
    if name == "logit_scale":
        return math.log(100), 0
    if last_two == "token_embedding.weight" or name.split(".")[-1] in {"positional_embedding", "class_embedding"}:
        return 0, 0.05
    if len(shape) >= 2:
        multiplies_from_the_right = name.split(".")[-1] in {"proj", "text_projection"}
        fan_in = shape[0] if multiplies_from_the_right else math.prod(shape[1:])
        return 0, math.sqrt(3 / fan_in) * 0.8
    return 0, 0.05


def weight(name: str, shape) -> torch.Tensor:
    offset, scale = offset_and_scale(name, tuple(shape))
    return values(name, tuple(shape), scale, offset)


def fill(module: torch.nn.Module, prefix: str = "") -> None:
    """Gives every parameter and statistic of `module` its formula value; `prefix` stands before each name."""
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(weight(prefix + name, tensor.shape))


def golden() -> dict:
    """First values for one name, for the test of another implementation."""
    return {
        "name": GOLDEN_NAME,
        "fnv1a64": f"{fnv1a(GOLDEN_NAME):#018x}",
        "splitmix64": [f"{int(z):#018x}" for z in bits(GOLDEN_NAME, 4)],
        "values": [float(v) for v in values(GOLDEN_NAME, (8,), 0.05)],
    }


def check() -> None:
    """The published first outputs of FNV-1a and splitmix64, so that the formula is the one that it says it is."""
    assert fnv1a("") == 0xCBF29CE484222325 and fnv1a("a") == 0xAF63DC4C8601EC8C
    z = 0x9E3779B97F4A7C15  # splitmix64 from state 0
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    assert z ^ z >> 31 == 0xE220A8397B1DCDAF
    state = fnv1a(GOLDEN_NAME)
    for i, found in enumerate(bits(GOLDEN_NAME, 4)):
        z = (state + (i + 1) * 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        assert z ^ z >> 31 == int(found)


check()
