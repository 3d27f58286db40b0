"""Records what PyTorch computes, for TorchTests: python Scripts/oracle/record_torch.py

Needs torch==2.13.0+cpu, safetensors==0.8.0 and numpy. Writes to Tests/TorchTests/Fixtures:

operations.safetensors  for each operation OP: OP/input0…, OP/output, OP/weight, and OP/gradient0…, the gradients of
                        mean(output * weight) with respect to the inputs.
python.safetensors      every element type, a scalar, an empty tensor and awkward names, as Python writes them.
"""
import pathlib

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F

SEED = 20240607
FIXTURES = pathlib.Path(__file__).parents[2] / "Tests/TorchTests/Fixtures"
MADE_BY = {"recipe": f"Scripts/oracle/record_torch.py, seed {SEED}, torch {torch.__version__}, "
                     f"safetensors {safetensors.__version__}"}


def attention(q, k, v):
    heads = [x.unflatten(2, (2, -1)).transpose(1, 2) for x in (q, k, v)]
    return F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)


def unit_rows(x):
    return x / x.norm(dim=-1, keepdim=True)


# Name, operation, shapes of the inputs. TorchTests/OperationTests.swift has the same names.
OPERATIONS = [
    ("add", lambda a, b: a + 0.5 * b, [(2, 3, 4), (3, 1)]),
    ("subtract", lambda a, b: a - b, [(3, 4), (4,)]),
    ("multiply", lambda a, b: a * b, [(2, 3, 4), (3, 4)]),
    ("divide", lambda a, b: a / (b * b + b.new_ones(())), [(3, 4), (3, 4)]),
    ("scale", lambda a: a * 2.5, [(3, 4)]),
    ("matmul", lambda a, b: a @ b, [(2, 3, 4), (4, 5)]),
    ("mean", lambda a: a.mean((0, 2)), [(2, 3, 4)]),
    ("unitRows", unit_rows, [(3, 4)]),
    ("softmax", lambda a: a.softmax(-1), [(2, 3, 4)]),
    ("crossEntropy", lambda a: F.cross_entropy(a, torch.tensor([2, 0, 1])), [(3, 4)]),
    ("relu", F.relu, [(4, 5)]),
    ("relu6", lambda a: F.relu6(a * 5), [(4, 5)]),
    ("gelu", F.gelu, [(4, 5)]),
    ("quickGELU", lambda a: a * torch.sigmoid(1.702 * a), [(4, 5)]),
    ("linear", F.linear, [(2, 3, 4), (5, 4), (5,)]),
    ("layerNorm", lambda x, w, b: F.layer_norm(x, (4,), w, b), [(2, 3, 4), (4,), (4,)]),
    ("convolution", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1, groups=2),
     [(2, 4, 5, 6), (6, 2, 3, 3), (6,)]),
    ("arrange", lambda a: a.permute(2, 0, 1).reshape(4, 6)[1:3], [(2, 3, 4)]),
    ("expand", lambda a: a.expand(2, 3, 4), [(3, 1)]),
    ("gather", lambda a: a.index_select(1, torch.tensor([2, 0, 2])), [(2, 3, 4)]),
    ("concatenate", lambda a, b: torch.cat([a, b], 1), [(2, 3), (2, 2)]),
    ("pad", lambda a: F.pad(a, (1, 0, 2, 1)), [(1, 2, 3, 4)]),
    ("attention", attention, [(2, 3, 8), (2, 5, 8), (2, 5, 8)]),
]


def record_operations():
    tensors = {}
    for name, operation, shapes in OPERATIONS:
        inputs = [torch.randn(shape, requires_grad=True) for shape in shapes]
        output = operation(*inputs)
        weight = torch.randn(output.shape)
        gradients = torch.autograd.grad((output * weight).mean(), inputs)
        tensors |= {f"{name}/output": output.detach(), f"{name}/weight": weight}
        tensors |= {f"{name}/input{i}": x.detach() for i, x in enumerate(inputs)}
        tensors |= {f"{name}/gradient{i}": x for i, x in enumerate(gradients)}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(tensors, FIXTURES / "operations.safetensors", metadata=MADE_BY)


def record_file():
    floats = torch.tensor([[0.5, -1.25, 3.0], [65504.0, 1e-7, -0.0]])
    tensors = {
        "floats": floats,
        "half": floats.half(),
        "brain": floats.bfloat16(),
        "integers": torch.tensor([-(2 ** 63), -1, 0, 2 ** 63 - 1]),
        "scalar": torch.tensor(7.5),
        "empty": torch.zeros(0, 3),
        "odd": torch.tensor([1.0, 2.0, 3.0]).half(),
        'quote " slash \\ tab \t bell \x07 Größe 犬 🐕': torch.tensor([1.0]),
    }
    safetensors.torch.save_file(tensors, FIXTURES / "python.safetensors", metadata=MADE_BY)


torch.manual_seed(SEED)
FIXTURES.mkdir(parents=True, exist_ok=True)
record_operations()
record_file()
