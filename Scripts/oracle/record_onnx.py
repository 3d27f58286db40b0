"""Records a small ONNX model as onnx's own library writes it: Tests/ExportTests/Fixtures/small.onnx, and with its largest
weight in another file small-apart.onnx and small-apart.onnx.data.

Every kind of message and attribute that the package writes is in it: a cast to 16 bits, constants of three types, a node
with two results, lists of integers and a number as attributes, a free axis, metadata.
"""
import importlib.metadata

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from protocol import ROOT

FOLDER = ROOT / "Tests/ExportTests/Fixtures"


def model(is_apart: bool) -> bytes:
    weight = (numpy.arange(32 * 32, dtype=numpy.float32).reshape(32, 32) / 1024).T.astype(numpy.float16)
    large = numpy_helper.from_array(weight, "layer/weight")
    if is_apart:
        onnx.external_data_helper.set_external_data(large, "small-apart.onnx.data", offset=0, length=weight.nbytes)
        large.ClearField("raw_data")
    constants = [large, numpy_helper.from_array(numpy.array([16, 16]), "integers/16_16"),
                 numpy_helper.from_array(numpy.float32(-0.5), "numbers/-0.5")]
    nodes = [
        helper.make_node("Cast", ["pixels"], ["pixels/cast"], "pixels/cast", to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["pixels/cast", "layer/weight"], ["layer/product"], "layer/product"),
        helper.make_node("Split", ["layer/product", "integers/16_16"], ["layer/left", "layer/right"], "layer/split", axis=-1),
        helper.make_node("Transpose", ["layer/left"], ["turned"], "turned", perm=[1, 0]),
        helper.make_node("Cast", ["turned"], ["turned/cast"], "turned/cast", to=TensorProto.FLOAT),
        helper.make_node("LeakyRelu", ["turned/cast"], ["bent"], "bent", alpha=0.25),
        helper.make_node("Mul", ["bent", "numbers/-0.5"], ["answers"], "answers"),
    ]
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["B", 32])],
        [helper.make_tensor_value_info("answers", TensorProto.FLOAT, [16, "B"])], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="cocoop",
                             producer_version="1.2.3")
    helper.set_model_props(made, {"classes": '["größe","b"]', "method": "none"})
    if is_apart:
        (FOLDER / "small-apart.onnx.data").write_bytes(weight.tobytes())
    else:
        onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "small.onnx").write_bytes(model(False))
    (FOLDER / "small-apart.onnx").write_bytes(model(True))
    print(f"{FOLDER.relative_to(ROOT)}: two models of onnx {importlib.metadata.version('onnx')}")
