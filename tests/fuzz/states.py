"""Small states of fits of splats and of radiance fields, as seeds.py wants them: safetensors."""
import json
import math
import struct


def written(metadata, parts):
    """A file of parts {name: (dtype, shape, the one value of all)}, in their order."""
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, shape, value) in parts.items():
        count = math.prod(shape)
        part = struct.pack(f"<{count}{'f' if dtype == 'F32' else 'I'}", *[value] * count)
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def fits():
    def file(n, harmonics, exposures, words={}):
        parts = {"means": [n, 3], "log_scales": [n, 3], "quaternions": [n, 4], "logits": [n],
                 "sh": [n, harmonics, 3]}
        shapes = {f"{group}.{part}": shape for group in ("splats", "first", "second")
                  for part, shape in parts.items()}
        shapes |= {"lengths": [n], "pictures": [n]}
        if exposures:
            shapes["exposures"] = [19 * exposures]
        return written({"kiln.fit": "1", "kiln.fit.steps": "9", "kiln.fit.views": "7", **words},
                       {name: ("F32", shape, .5) for name, shape in shapes.items()})

    yield file(1, 1, 0)
    yield file(3, 1, 2)
    yield file(2, 4, 0)
    yield file(2, 1, 0, {"kiln.fit": "2"})
    yield file(2, 1, 0, {"kiln.fit.steps": "-1"})


def fields():
    def file(values, cells, words={}, second=.5):
        return written({"kiln.field": "1", "kiln.field.steps": "9", "kiln.field.rays": "200",
                        "kiln.field.origin": "7", **words},
                       {"densities": ("F32", [cells], .5), "first": ("F32", [values], -.5),
                        "occupied": ("U32", [(cells + 31) // 32], 3),
                        "parameters": ("F32", [values], .5), "second": ("F32", [values], second)})

    yield file(4, 8)
    yield file(6, 33)
    yield file(4, 8, {"kiln.field.steps": "-1"})
    yield file(4, 8, second=-1)
