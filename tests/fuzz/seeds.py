"""Writes seed inputs and dictionaries for the fuzz targets: seeds.py FOLDER."""

import base64
import gzip
import json
import struct
import sys
import zlib
from pathlib import Path

from states import fields, fits

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def safetensors():
    def file(header, data=b""):
        text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def tensor(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    yield (GOLDEN / "io/reference.safetensors").read_bytes()
    yield file({})
    yield file({"__metadata__": {"format": "pt"}, "w": tensor("F32", [2, 3], 0, 24)}, bytes(24))
    yield file(
        {
            "a": tensor("F16", [], 0, 2),
            "b": tensor("F4", [2], 2, 3),
            "c": tensor("BOOL", [0, 7], 3, 3),
        },
        bytes(3),
    )
    yield file({"a": tensor("U8", [4], 0, 4), "b": tensor("U8", [4], 2, 6)}, bytes(6))
    yield file({"a": tensor("F32", [1 << 32, 1 << 32], 0, 0)})
    yield file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', bytes(1))
    yield struct.pack("<Q", 1 << 62) + b"{}"


def gguf():
    def text(value):
        return struct.pack("<Q", len(value)) + value

    def file(tensors, entries, body, data=64):
        header = b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + body
        return header + bytes(-len(header) % 32 + data)

    def tensor(name, dims, kind, offset):
        return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)

    yield (GOLDEN / "io/reference.gguf").read_bytes()
    yield file(0, 0, b"")
    alignment = text(b"general.alignment") + struct.pack("<II", 4, 64)
    yield file(1, 1, alignment + tensor(b"w", [8], 0, 0))
    yield file(2, 0, tensor(b"a", [32], 8, 0) + tensor(b"b", [4, 2], 1, 64), 128)
    yield file(0, 1, text(b"k") + struct.pack("<IIQ", 9, 8, 1) + text(b"v"))
    yield file(1, 0, tensor(b"w", [256], 14, 0), 224)


def tokenizer():
    small, saved = GOLDEN / "text/small", GOLDEN / "text/small_saved"
    prompt = "a red cat, it's 42 caf\u00e9 <|endoftext|> \U0001f600".encode()
    vocabulary, merges = (small / "vocab.json").read_bytes(), (small / "merges.txt").read_bytes()
    config = (small / "tokenizer_config.json").read_bytes()
    yield b"\xff".join(
        [
            (saved / "tokenizer.json").read_bytes(),
            b"",
            b"",
            (saved / "tokenizer_config.json").read_bytes(),
            b"",
            b"",
            prompt,
        ]
    )
    yield b"\xff".join(
        [
            b"",
            vocabulary,
            merges,
            config,
            b'{"pad_token":"!","bos_token":{"content":"<s>","normalized":true}}',
            b'{"<x>":600}',
            prompt,
        ]
    )
    yield b"\xff".join(
        [
            b"",
            b'{"a":0,"b":1,"ab":2,"<|startoftext|>":3,"<|endoftext|>":4}',
            b"a b\n",
            b"",
            b"",
            b"",
            b"abab",
        ]
    )
    yield b"\xff".join(
        [
            b"",
            b"",
            b"#version\ni n\nt h\nth e</w>\n",
            b'{"added_tokens_decoder":{"7":{"content":"q","single_word":true}}}',
            b"",
            b"",
            prompt,
        ]
    )

    for pieces in (None, 24):
        vocabulary = b'{"<s>":0,"</s>":1,"<mask>":2,"a":3,"\xc4\xa0":4,"d":5,"\xc4\xa0d":6}'
        whole = {}
        if pieces:
            whole = json.loads((GOLDEN / "text/t5_saved/tokenizer.json").read_text())
            whole["model"]["vocab"] = whole["model"]["vocab"][:pieces]
            whole["added_tokens"] = whole["added_tokens"][:3]
        yield b"\xff".join(
            [
                json.dumps(whole).encode() if whole else b"",
                b"" if whole else vocabulary,
                b"" if whole else b"#version\n\xc4\xa0 d\n",
                b'{"add_prefix_space":true,"extra_ids":2}',
                b'{"mask_token":{"content":"<mask>","lstrip":true,"rstrip":true}}',
                b"",
                b" a <mask> dog\n\n  barks \xc3\xa9\xe3\x80\x80\xef\xbc\xa1",
            ]
        )


def pieces():
    def varint(value):
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)

    def field(number, value):
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        if isinstance(value, float):
            return varint(number << 3 | 5) + struct.pack("<f", value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    def piece(text, score, kind=1):
        return field(1, field(1, text.encode()) + field(2, score) + field(3, kind))

    saved = json.loads((GOLDEN / "text/t5_saved/tokenizer.json").read_text())
    charsmap = base64.b64decode(saved["normalizer"]["precompiled_charsmap"])
    specials = piece("<pad>", 0.0, 3) + piece("</s>", 0.0, 3) + piece("<unk>", 0.0, 2)
    words = b"".join(piece(text, score) for text, score in saved["model"]["vocab"][3:30])
    trainer = field(2, field(3, 1) + field(40, 2))
    prompt = "a dog\u3000\u00e9e\u0301 \ufb01 \u732b</s>\u2581x".encode()
    for model in (
        specials + words + trainer + field(3, field(2, charsmap[:1500])),
        specials + words + trainer + field(3, field(2, charsmap)),
        specials + words + trainer,
        specials + piece("a", -1.0, 4) + trainer + field(3, field(2, struct.pack("<III", 8, 0, 0))),
        words,
        field(2, field(3, 2)) + specials,
    ):
        yield bytes([len(prompt)]) + prompt + model
    yield bytes([3]) + b"a b" + (GOLDEN / "text/t5/spiece.model").read_bytes()


def documents():
    yield (GOLDEN / "text/small_saved/tokenizer.json").read_bytes()
    yield (GOLDEN / "text/small/tokenizer_config.json").read_bytes()
    yield b'{"a":[1,-2,3.5e-3,"x\\u00e9\\ud83d\\ude00",null,true,false],"b":{"c":{}}}'
    yield b"[" * 70
    yield b'{"a":1,"a":2}'


def pictures():
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    yield (GOLDEN / "io/text.png").read_bytes()
    yield b"\x89PNG\r\n\x1a\n" + chunk(b"tEXt", b"k\0v") + chunk(
        b"zTXt", b"k\0\0" + zlib.compress(b"text")
    ) + chunk(b"IEND", b"")
    yield b"\x89PNG\r\n\x1a\n" + chunk(b"iTXt", b"k\0\1\0en\0t\0" + zlib.compress(b"text"))
    yield "caf\u00e9 \u732b".encode()


def sounds():
    def wav(kind, channels, rate, bits, data, size=None):
        head = struct.pack("<HHIIHH", kind, channels, rate, rate, channels * bits // 8, bits)
        body = b"WAVEfmt " + struct.pack("<I", 16) + head
        body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
        return b"RIFF" + struct.pack("<I", len(body)) + body

    for name in ("tone.wav", "tone.flac", "tone.ogg"):
        yield (GOLDEN / "io" / name).read_bytes()
    yield wav(1, 1, 8000, 16, bytes(range(64)))
    yield wav(1, 2, 44100, 24, bytes(60), 0xFFFFFFFF)
    yield wav(3, 1, 16000, 32, struct.pack("<4f", 0.5, -1, 2, float("nan")))
    yield wav(6, 1, 8000, 8, bytes(range(256)))
    yield wav(17, 1, 8000, 4, bytes(256))
    yield b"FORM" + struct.pack(">I", 50) + b"AIFFCOMM" + struct.pack(
        ">IHIH", 18, 1, 4, 16
    ) + b"\x40\x0b\xfa\0\0\0\0\0\0\0" + b"SSND" + struct.pack(">III", 16, 0, 0) + bytes(8)


def splats(pattern):
    for path in sorted((GOLDEN / "assets").glob(pattern)):
        yield path.read_bytes()


def plys():
    yield from splats("*.ply")
    names = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1"]
    names += ["scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    properties = "".join(f"property float {name}\n" for name in names)
    for kind, data in (("ascii", b"1 " * 28), ("binary_big_endian", b"?\x80\0\0" * 28)):
        header = f"ply\nformat {kind} 1.0\ncomment c\nelement before 0\nproperty uchar a\n"
        header += f"element vertex 2\n{properties}end_header\n"
        yield header.encode() + data


def spzs():
    for file in splats("spz_*.spz"):
        yield file
        yield gzip.decompress(file)
    yield struct.pack("<4sIIBBBB", b"NGSP", 2, 1, 0, 12, 2, 0) + bytes(30)
    yield from splats("spz4_*.spz")


def dot_splats():
    one = struct.pack("<6f8B", 1, 2, 3, 0.1, 0.2, 0.3, 1, 2, 3, 255, 255, 128, 128, 128)
    yield one
    yield one + struct.pack("<6f8B", 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 128, 128, 128, 128)
    yield struct.pack("<8B", 0, 0, 37, 63, 0, 0, 0, 64) + one[8:] + b"NGSP" + one[4:]


def glbs():
    yield from splats("*.glb")
    for file in splats("*0.glb"):   # small again, with a node that turns
        length = struct.unpack("<I", file[12:16])[0]
        document = json.loads(file[20 : 20 + length])
        document["nodes"] = [{"mesh": 0, "rotation": [0, 0, 1, 0], "translation": [1, 2, 3]}]
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        body = struct.pack("<I4s", len(text), b"JSON") + text + file[20 + length :]
        yield struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def meshes():
    """A square: as text in the ways there are, and as glTF with a texture that is none."""
    points = "v 0 0 0\nv 1 0 0 1 1 1\nv 1 1 -1e-3\nv 0 1 0\n"
    for faces in ("f 1 2 3 4", "f -4/1/1 -3/1/1 -2/1/1", "f 1//1 2//1 3//1\nf 1/1 3/1 4/1"):
        yield f"# a\nmtllib a.mtl\n{points}vt 0 0\nvn 0 0 1\n{faces}\n".encode()
    binary = struct.pack("<12f", 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0)
    binary += struct.pack("<6H4s", 0, 1, 2, 0, 2, 3, b"\x89PNG")
    document = {
        "asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "children": [1]}, {"mesh": 0, "scale": [1, 2, 3]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}], "images": [{"bufferView": 2, "mimeType": "image/png"}],
        "buffers": [{"byteLength": 64}],
        "bufferViews": [{"buffer": 0, "byteOffset": at, "byteLength": length}
                        for at, length in ((0, 48), (48, 12), (60, 4))],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
                      {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"}]}
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    body += struct.pack("<I4s", 64, b"BIN\0") + binary
    yield struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def colmap(cameras, images, points):
    return struct.pack("<HH", len(cameras), len(images)) + cameras + images + points


def colmap_binaries():
    """A camera of each model that is read."""
    for model, count in enumerate((3, 4, 4, 5, 8)):
        lens = (struct.pack("<4d", 30, 31, 10, 8) if count in (4, 8) else
                struct.pack("<3d", 30, 10, 8))
        lens = (lens + struct.pack("<5d", .01, .02, .03, .04, 0))[: 8 * count]
        images = struct.pack("<QI7dI", 1, 1, .9, .1, .2, .3, 0, 0, 4, 7) + b"a.png\0"
        yield colmap(struct.pack("<QIiQQ", 1, 7, model, 20, 16) + lens,
                     images + struct.pack("<Q", 1) + bytes(24),
                     struct.pack("<QQ3d3BdQII", 1, 1, 1, 2, 3, 4, 5, 6, .5, 1, 1, 0))
    yield colmap(struct.pack("<Q", 1 << 62), bytes(8), bytes(8))


def colmap_texts():
    for lens in ("PINHOLE 20 16 30 31 10 8", "OPENCV 20 16 30 31 10 8 .01 .02 .03 .04",
                 "SIMPLE_RADIAL 20 16 30 10 8 -.1", "FOV 20 16 30 31 10 8 .1"):
        yield colmap(f"# remark\n7 {lens}\n".encode(),
                     b"1 .9 .1 .2 .3 0 0 4 7 a b.png\n1 2 -1\n2 1 0 0 0 1 1 3 7 c.png\r\n\n",
                     b"1 1 2 3 4 5 6 .5 1 0\n2 -1e2 0 nan 255 256 0 1\n")


def transforms():
    matrix = [[0, 0, 1, 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    frames = [{"file_path": "./a", "transform_matrix": matrix},
              {"file_path": "b.png", "transform_matrix": matrix[:3], "fl_x": 20, "w": 9, "h": 8}]
    for lens in ({"camera_angle_x": .7}, {"w": 20, "h": 16, "fl_x": 25, "fl_y": 24, "cx": 9,
                                          "cy": 8, "k1": .1, "k2": .2, "p1": .01, "p2": .02,
                                          "camera_model": "OPENCV", "is_fisheye": False}):
        yield json.dumps({**lens, "frames": frames}).encode()
    yield b'{"frames": []}'


WORDS = {
    "safetensors": ["dtype", "shape", "data_offsets", "__metadata__", "F32", "BF16", "F8_E4M3",
                    "F4", "C64", "BOOL", '":{"'],
    "gguf": ["GGUF", "general.alignment", "comfy.gguf.orig_shape.w", "[1, 2]"],
    "tokenizer": ["model", "vocab", "merges", "added_tokens", "content", "normalized",
                  "single_word", "bos_token", "eos_token", "pad_token", "unk_token",
                  "added_tokens_decoder", "model_max_length", "<|startoftext|>", "<|endoftext|>",
                  "</w>", "Unigram", "Precompiled", "precompiled_charsmap", "Metaspace",
                  "unk_id", "lstrip", "additional_special_tokens", "extra_ids"],
    "sentencepiece": ["<unk>", "</s>", "<pad>", "<extra_id_0>"],
    "json": ["true", "false", "null", "\\\\u", '":', "1e99"],
    "png_text": ["tEXt", "zTXt", "iTXt", "IEND", "IHDR"],
    "sound": ["RIFF", "WAVE", "fmt ", "data", "LIST", "INFO", "ICMT", "RF64", "ds64", "fLaC",
              "OggS", "FORM", "AIFC", "COMM", "SSND", "vorbis", "OpusHead"],
    "ply": ["element vertex ", "property float ", "property list uchar int ", "format ascii 1.0",
            "format binary_big_endian 1.0", "comment ", "end_header", "f_rest_0", "rot_3", "double",
            "nan", "inf", "-inf", "1e999"],
    "dot_splat": ["\\x00\\x00\\xc0\\x7f", "\\x00\\x00\\x80\\x7f", "\\x80\\x80\\x80\\x80"],
    "spz": ["NGSP", "\\x1f\\x8b", "\\x28\\xb5\\x2f\\xfd"],
    "glb": ["bufferView", "byteOffset", "byteStride", "byteLength", "componentType", "count",
            "accessors", "nodes", "children", "matrix", "rotation", "scale", "translation", "scene",
            "normalized", "KHR_gaussian_splatting:", "SH_DEGREE_1_COEF_0", "5121", "1e999"],
    "mesh": ["POSITION", "indices", "byteOffset", "byteLength", "componentType", "5121", "5125",
             "count", "mode", "matrix", "baseColorTexture", "bufferView", "\\x0af ", "\\x0av ",
             "//", "-1", "1e999", "nan"],
    "colmap_binary": ["a.png\\x00", "\\x00\\x00\\xf8\\x7f", "\\xff\\xff\\xff\\x7f"],
    "colmap_text": ["PINHOLE", "SIMPLE_PINHOLE", "RADIAL", "SIMPLE_RADIAL", "OPENCV", "FOV",
                    "nan", "inf", "1e999", "-1"],
    "transforms": ["camera_angle_x", "fl_x", "fl_y", "cx", "k1", "k3", "camera_model", "OPENCV",
                   "is_fisheye", "frames", "file_path", "transform_matrix", "1e999"],
    "fit": ["kiln.fit", "kiln.fit.steps", "kiln.fit.views", "splats.", "exposures", "F32",
            "\\x00\\x00\\xc0\\x7f", "\\xff\\xff\\x7f\\x7f", "\\x00\\x00\\xf0\\x41"],
    "field": ["kiln.field", "kiln.field.steps", "kiln.field.rays", "kiln.field.origin", "F32",
              "U32", "\\x00\\x00\\xc0\\x7f", "\\xff\\xff\\x7f\\x7f", "\\x00\\x00\\x80\\xbf"],
}


def main():
    folder = Path(sys.argv[1])
    for name, seeds in {
        "safetensors": safetensors,
        "gguf": gguf,
        "tokenizer": tokenizer,
        "sentencepiece": pieces,
        "json": documents,
        "png_text": pictures,
        "sound": sounds,
        "ply": plys,
        "dot_splat": dot_splats,
        "spz": spzs,
        "glb": glbs,
        "mesh": meshes,
        "colmap_binary": colmap_binaries,
        "colmap_text": colmap_texts,
        "transforms": transforms,
        "fit": fits,
        "field": fields,
    }.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds()):
            (folder / name / f"seed-{i}").write_bytes(seed)
        quote = [word.replace('"', '\\"') for word in WORDS[name]]
        (folder / f"{name}.dict").write_text("".join(f'"{word}"\n' for word in quote))


if __name__ == "__main__":
    main()
