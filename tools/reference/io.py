"""Writes tests/golden/io: files made by the safetensors library and by Pillow, and what they hold.
Pinned: safetensors 0.8.0, torch 2.15.0, pillow as in the requirements.

    python tools/reference/io.py
"""

import json
from pathlib import Path

import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parents[2] / "tests/golden/io"
NAMES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(3)
    tensors, golden = {}, {}
    for i, (dtype, name) in enumerate(NAMES.items()):
        shape = [(2, 3), (), (5,), (1, 2, 1, 3), (0, 4)][i % 5]
        values = (torch.randn(shape, generator=generator) * 20).to(dtype)
        key = f"block.{i}.weight" if i % 2 else f"\u00e9t\u00e9.{i} \"q\""
        tensors[key] = values
        golden[key] = {
            "shape": list(shape),
            "dtype": name,
            "values": values.float().flatten().tolist(),
        }
    metadata = {"format": "pt", "modelspec.title": "\u732b \n\"quoted\"", "empty": ""}
    save_file(tensors, OUT / "reference.safetensors", metadata)
    (OUT / "reference.json").write_text(
        json.dumps({"metadata": metadata, "tensors": golden}, indent=1) + "\n"
    )

    info = PngImagePlugin.PngInfo()
    texts = [
        ("parameters", "a cat\nSteps: 20"),
        ("latin", "caf\u00e9"),
        ("zipped", "z" * 5000),
        ("international", "\u732b"),
        ("international zipped", "\u732b" * 600),
    ]
    info.add_text("parameters", texts[0][1])
    info.add_text("latin", texts[1][1])
    info.add_text("zipped", texts[2][1], zip=True)
    info.add_itxt("international", texts[3][1], lang="ja", tkey="\u672c")
    info.add_itxt("international zipped", texts[4][1], zip=True)
    Image.new("RGB", (3, 2), (255, 128, 0)).save(OUT / "text.png", pnginfo=info)
    (OUT / "text.json").write_text(json.dumps(texts, indent=1) + "\n")


if __name__ == "__main__":
    main()
