"""Writes tests/golden/io/blocks.safetensors and reference.gguf: quantised blocks, and a
file of them, as the gguf package reads and writes them.
Pinned: gguf 0.19.0, numpy 2.4.6, safetensors 0.8.0.

    python tools/reference/blocks.py
"""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

OUT = Path(__file__).resolve().parents[2] / "tests/golden/io"
FORMATS = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
HALVES = {"Q4_1": 2, "Q5_1": 2, "Q4_K": 2, "Q5_K": 2}  # f16 numbers that a block begins with


def random_blocks(name, count, rng):
    """Any bytes are a block; only the f16 numbers must be finite."""
    size = gguf.GGML_QUANT_SIZES[Type[name]][1]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    numbers = HALVES.get(name, 1)
    at = size - 2 if name == "Q6_K" else 0
    halves = rng.normal(0, 0.1, (count, numbers)).astype(np.float16).view(np.uint8)
    blocks[:, at : at + 2 * numbers] = halves.reshape(count, -1)
    return blocks


def main():
    rng = np.random.default_rng(5)
    tensors = {}
    for name in FORMATS:
        blocks = random_blocks(name, 3, rng)
        tensors[f"{name}.blocks"] = blocks.reshape(-1)
        tensors[f"{name}.values"] = gguf.dequantize(blocks, Type[name]).reshape(-1)
    values = rng.normal(0, 1, (6, 32)).astype(np.float32)
    values[4], values[5] = 0, np.abs(values[5])
    tensors["given"] = values.reshape(-1)
    for name in FORMATS[:5]:  # the package quantises only these
        tensors[f"{name}.quantised"] = gguf.quantize(values, Type[name]).reshape(-1)
    save_file(tensors, OUT / "blocks.safetensors")

    writer = gguf.GGUFWriter(OUT / "reference.gguf", "sd1")
    writer.add_string("general.name", "caf\u00e9")
    writer.add_float32("a.float", 0.5)
    writer.add_array("a.list", [1, 2, 3])
    writer.add_array("a.words", ["x"] * 20)
    writer.add_bool("a.flag", True)
    writer.add_array("comfy.gguf.orig_shape.folded", [4, 64])
    matrix = (np.arange(3 * 64, dtype=np.float32) / 8).reshape(3, 64)
    writer.add_tensor("plain", matrix)
    writer.add_tensor("half", matrix[:, :5].astype(np.float16))
    writer.add_tensor("quantised", gguf.quantize(matrix, Type.Q8_0), raw_dtype=Type.Q8_0)
    folded = random_blocks("Q4_K", 1, rng)
    writer.add_tensor("folded", folded, raw_dtype=Type.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
