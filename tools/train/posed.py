"""Renders pictures with exact poses, to fit splats to: posed.py FOLDER [--size 256] [--views 100].

The folder gets images/, transforms_train.json and transforms_test.json, whose world has z up, and
the training views once more as COLMAP's models binary/sparse/0 and text/sparse/0, whose world has y
down, with points on what is seen. Two solids stand on a disc of wood under one light; with --sky on
a desert, and the cameras see the sky above it. With --exposed, each training picture is darker by
another factor, 1/2 to 1, as if the camera had chosen it, and those to test by the mean of them.
"""

import argparse
import ctypes
import json
import math
import struct
from pathlib import Path

import numpy as np
from PIL import Image

import world


class Wide:
    """What --sky changes: a lens, how high and far the cameras are, and where the ground ends."""
    tan_half_fov = math.tan(math.radians(30))
    elevations = 2, 30
    distance, disc = 3.2, 1e9


class Narrow:
    tan_half_fov = math.tan(math.radians(18))
    elevations = 8, 70
    distance, disc = 4.6, 1.9


def scene(setting, lens):
    row = np.zeros((), world.SCENE)
    row["setting"] = world.SETTINGS.index(setting)
    row["tan_half_fov"] = lens.tan_half_fov
    row["light"] = (.45, .80, .40)
    row["seed"], row["count"] = 7, 2
    for o, shape, colour, material, scale, place, yaw in zip(
            row["object"], ("teapot", "mushroom"), ("blue", "orange"), ("glossy", "matte"),
            (.75, .7), ((-.45, 0, .1), (.8, 0, -.35)), (.5, 0)):
        o["shape"] = world.SHAPES.index(shape)
        o["rgb"] = np.array(world.COLOURS[colour]) / 255
        o["material"] = world.MATERIALS.index(material)
        o["position"], o["scale"], o["yaw"] = place, scale, yaw
    return row


def cameras(count, turn, lens):
    """Spread evenly over directions above the ground: [n, 4, 3], the axes to the right, up and back
    and the place, y up."""
    axes = np.zeros((count, 4, 3), np.float32)
    target = np.array([0, .45, 0])
    for i in range(count):
        low, high = (math.sin(math.radians(e)) for e in lens.elevations)
        y = low + (high - low) * (i + .5) / count
        angle = turn + i * math.pi * (3 - math.sqrt(5))
        r = math.sqrt(1 - y * y)
        back = np.array([r * math.sin(angle), y, r * math.cos(angle)])
        right = np.cross([0, 1, 0], back)
        right /= np.linalg.norm(right)
        axes[i] = right, np.cross(back, right), back, target + lens.distance * back
    return axes


def render(lib, row, axes, size, disc):
    pictures = np.empty((len(axes), size, size, 4), np.uint8)
    distance = np.empty((len(axes), size, size), np.float32)
    pointer = [a.ctypes.data_as(ctypes.c_void_p) for a in (row, axes, pictures, distance)]
    lib.views(pointer[0], pointer[1], len(axes), size, ctypes.c_float(disc), *pointer[2:])
    return pictures, distance


def write_transforms(path, axes, names, lens):
    frames = []
    for a, name in zip(axes, names):
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = a[:3].T, a[3]
        z_up = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
        frames.append({"file_path": f"./images/{name}",
                       "transform_matrix": (z_up @ matrix).tolist()})
    text = {"camera_angle_x": 2 * math.atan(lens.tan_half_fov), "frames": frames}
    path.write_text(json.dumps(text, indent=1))


def quaternion(m):
    """w x y z of a rotation; w is the square root of (1 + trace) / 4 where that is large enough."""
    k = np.array([[m[0, 0] - m[1, 1] - m[2, 2], 0, 0, 0],
                  [m[0, 1] + m[1, 0], m[1, 1] - m[0, 0] - m[2, 2], 0, 0],
                  [m[0, 2] + m[2, 0], m[1, 2] + m[2, 1], m[2, 2] - m[0, 0] - m[1, 1], 0],
                  [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)]])
    vectors = np.linalg.eigh(k / 3)[1]
    return vectors[[3, 0, 1, 2], -1]


def points(pictures, distance, axes, count, rng, lens):
    """Places and colours of pixels chosen at random."""
    n, size = distance.shape[:2]
    i, y, x = (rng.integers(0, k, 8 * count) for k in (n, size, size))
    seen = (distance[i, y, x] < 1e8) & (pictures[i, y, x, 3] == 255)
    i, y, x = i[seen][:count], y[seen][:count], x[seen][:count]
    u = (2 * (x + .5) / size - 1) * lens.tan_half_fov
    v = (1 - 2 * (y + .5) / size) * lens.tan_half_fov
    d = axes[i, 0] * u[:, None] + axes[i, 1] * v[:, None] - axes[i, 2]
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    return axes[i, 3] + d * distance[i, y, x][:, None], pictures[i, y, x, :3]


def write_colmap(folder, axes, names, size, cloud, lens):
    flip = np.diag([1.0, -1, -1])   # both of the world's axes and of the cameras'
    focal = size / 2 / lens.tan_half_fov
    poses = []
    for a in axes:
        rotation = flip @ a[:3] @ flip
        poses.append((quaternion(rotation), -rotation @ flip @ a[3]))
    places = cloud[0] @ flip
    text, binary = folder / "text/sparse/0", folder / "binary/sparse/0"
    for model in (text, binary):
        model.mkdir(parents=True, exist_ok=True)
        link = model.parents[1] / "images"
        if not link.exists():
            link.symlink_to("../images")
    (text / "cameras.txt").write_text(
        f"# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n1 PINHOLE {size} {size} {focal!r} {focal!r} "
        f"{size / 2} {size / 2}\n")
    (binary / "cameras.bin").write_bytes(
        struct.pack("<QIiQQ4d", 1, 1, 1, size, size, focal, focal, size / 2, size / 2))
    lines, rows = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME, then points"], []
    for i, ((q, t), name) in enumerate(zip(poses, names)):
        numbers = " ".join(repr(float(v)) for v in (*q, *t))
        lines += [f"{i + 1} {numbers} 1 {name}.png", ""]
        rows.append(struct.pack("<I7dI", i + 1, *q, *t, 1) + f"{name}.png".encode() + bytes(9))
    (text / "images.txt").write_text("\n".join(lines) + "\n")
    (binary / "images.bin").write_bytes(struct.pack("<Q", len(rows)) + b"".join(rows))
    lines, rows = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[]"], []
    for i, (p, c) in enumerate(zip(places, cloud[1])):
        lines.append(f"{i + 1} {p[0]:.9g} {p[1]:.9g} {p[2]:.9g} {c[0]} {c[1]} {c[2]} 0.5 1 {i}")
        rows.append(struct.pack("<Q3d3BdQII", i + 1, *p, *c, .5, 1, 1, i))
    (text / "points3D.txt").write_text("\n".join(lines) + "\n")
    (binary / "points3D.bin").write_bytes(struct.pack("<Q", len(rows)) + b"".join(rows))


def gain(i, count):
    """1 to 1/2 evenly by their logarithms, in no order."""
    return .5 ** ((i * 37 % count + .5) / count)


def save(picture, gain, path):
    if (picture[..., 3] == 255).all():
        picture = picture[..., :3]
    scaled = np.rint(picture[..., :3].astype(np.float32) * gain).clip(0, 255).astype(np.uint8)
    Image.fromarray(np.concatenate([scaled, picture[..., 3:]], -1)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--views", type=int, default=100)
    parser.add_argument("--test", type=int, default=10)
    parser.add_argument("--points", type=int, default=4000)
    parser.add_argument("--sky", action="store_true")
    parser.add_argument("--exposed", action="store_true")
    args = parser.parse_args()
    renderer = world.Renderer()
    lens = Wide if args.sky else Narrow
    row = scene("desert" if args.sky else "wood", lens)
    (args.folder / "images").mkdir(parents=True, exist_ok=True)
    for part, count, turn in (("train", args.views, 0), ("test", args.test, 1.3)):
        axes = cameras(count, turn, lens)
        names = [f"{part}_{i:03}" for i in range(count)]
        pictures, distance = render(renderer.lib, row, axes, args.size, lens.disc)
        gains = [1] * count
        if args.exposed:
            gains = [gain(i, count) if part == "train" else math.sqrt(.5) for i in range(count)]
        for name, picture, g in zip(names, pictures, gains):
            save(picture, g, args.folder / f"images/{name}.png")
        write_transforms(args.folder / f"transforms_{part}.json", axes, names, lens)
        if part == "train":
            cloud = points(pictures, distance, axes, args.points, np.random.default_rng(1),
                           lens)
            write_colmap(args.folder, axes, names, args.size, cloud, lens)


if __name__ == "__main__":
    main()
