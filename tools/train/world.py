"""The world of the default model: what a scene holds, how it is drawn, and how it is described."""

import ctypes
import math
import os
import subprocess
from pathlib import Path

import numpy as np

SIZE = 128
SHAPES = ["cube", "ball", "cylinder", "cone", "ring", "pyramid", "mushroom", "bottle",
          "house", "mug", "car", "chair", "teapot", "robot", "duck", "boat"]
FRONTED = set(range(SHAPES.index("house"), len(SHAPES)))
COLOURS = {"red": (200, 28, 28), "orange": (245, 125, 15), "yellow": (245, 215, 35),
           "green": (35, 150, 50), "cyan": (45, 205, 215), "blue": (35, 65, 200),
           "purple": (125, 45, 170), "pink": (245, 130, 185), "brown": (112, 66, 36),
           "white": (240, 240, 240), "gray": (122, 122, 124), "black": (26, 26, 28)}
COLOUR_NAMES = list(COLOURS)
MATERIALS = ["matte", "glossy", "metallic"]
SETTINGS = ["grass", "desert", "snow", "night", "sunset", "studio", "wood", "water"]
RELATIONS = ["left", "right", "top", "behind", "front"]
VIEWS = ["front", "side", "back", "overhead"]

# Colour and shape pairs that no training picture shows.
HELD_OUT = {(c, s) for c, s in [
    ("red", "chair"), ("orange", "cube"), ("yellow", "robot"), ("green", "mug"),
    ("cyan", "house"), ("blue", "ring"), ("purple", "duck"), ("pink", "cone"),
    ("brown", "ball"), ("white", "car"), ("gray", "boat"), ("black", "teapot"),
    ("blue", "bottle"), ("red", "pyramid"), ("purple", "mushroom"), ("green", "cylinder")]}

# One row of floats a scene; the renderer reads the same layout.
SCENE = np.dtype([("setting", "f4"), ("elevation", "f4"), ("distance", "f4"),
                  ("tan_half_fov", "f4"), ("target", "f4", 3), ("light", "f4", 3),
                  ("seed", "f4"), ("count", "f4"),
                  ("object", [("shape", "f4"), ("rgb", "f4", 3), ("material", "f4"),
                              ("position", "f4", 3), ("scale", "f4"), ("yaw", "f4")], 2)])

# What captions and the classifier know of a scene. The first object is the caption's subject; view
# is an index into VIEWS or -1, relation an index into RELATIONS or -1. Azimuth in radians, 0 is the
# front.
LABEL = np.dtype([("count", "i1"), ("shape", "i1", 2), ("colour", "i1", 2), ("material", "i1", 2),
                  ("setting", "i1"), ("relation", "i1"), ("view", "i1"), ("azimuth", "f4"),
                  ("elevation", "f4")])

# Shapes of one bounding sphere look unequally big: what evens that out.
APPARENT = {"cube": .88, "pyramid": .88, "house": .95, "mug": 1.05, "bottle": 1.04, "car": 1.04,
            "boat": 1.12, "teapot": 1.08, "robot": 1.08, "duck": 1.10}

# Where an object that stands on another one finds its footing, if not at the top.
FOOTING = {"chair": .73, "boat": 1.02, "robot": 1.68, "ring": .50, "teapot": 1.15, "house": 1.42}


def library():
    path = os.environ.get("RENDER_LIBRARY", "librender.so")
    here = Path(__file__).parent
    if not Path(path).exists():
        subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-ffast-math", "-shared",
                        "-fPIC", str(here / "render.cpp"), str(here / "shapes.cpp"),
                        "-o", path], check=True)
    return ctypes.CDLL(str(Path(path).resolve()))


class Renderer:
    def __init__(self):
        self.lib = library()
        extent = np.zeros(3, np.float32)
        self.extent = []
        for shape in range(len(SHAPES)):
            self.lib.shape_extent(shape, extent.ctypes.data_as(ctypes.c_void_p))
            self.extent.append(tuple(float(v) for v in extent))

    def render(self, scenes, size=SIZE):
        """[n] SCENE rows -> [n, size, size, 3] bytes."""
        scenes = np.ascontiguousarray(scenes)
        out = np.empty((len(scenes), size, size, 3), np.uint8)
        self.lib.render(scenes.ctypes.data_as(ctypes.c_void_p), len(scenes), size,
                        out.ctypes.data_as(ctypes.c_void_p))
        return out

    def coverage(self, scenes, cells=SIZE // 8):
        """[n] SCENE rows -> [n, cells, cells] bytes: how much of a tile the objects take."""
        scenes = np.ascontiguousarray(scenes)
        out = np.empty((len(scenes), cells, cells), np.uint8)
        self.lib.coverage(scenes.ctypes.data_as(ctypes.c_void_p), len(scenes), cells,
                          out.ctypes.data_as(ctypes.c_void_p))
        return out

    def sample(self, rng, held_out=False, pairs=.5):
        """A random scene and its label. held_out: draw the first object from the held-out pairs."""
        scene, label = np.zeros((), SCENE), np.zeros((), LABEL)
        label["count"] = 2 if rng.random() < pairs else 1
        label["setting"] = scene["setting"] = rng.integers(len(SETTINGS))
        label["relation"] = label["view"] = -1
        scene["tan_half_fov"] = math.tan(math.radians(15))
        scene["seed"] = rng.uniform(0, 30)
        azimuth = rng.choice([-1, 1]) * rng.uniform(.25, 1.1)
        elevation = rng.uniform(.60, 1.05)
        scene["light"] = (math.sin(azimuth) * math.cos(elevation), math.sin(elevation),
                          math.cos(azimuth) * math.cos(elevation))
        scene["count"] = label["count"]
        for i in range(int(label["count"])):
            self._dress(rng, scene, label, i, held_out and i == 0)
        (self._one if label["count"] == 1 else self._two)(rng, scene, label)
        label["elevation"] = scene["elevation"]
        return scene, label

    def _dress(self, rng, scene, label, i, held_out):
        while True:
            shape, colour = int(rng.integers(len(SHAPES))), int(rng.integers(len(COLOURS)))
            if ((COLOUR_NAMES[colour], SHAPES[shape]) in HELD_OUT) != held_out:
                continue
            if i == 1 and shape == label["shape"][0] and colour == label["colour"][0]:
                continue
            break
        label["shape"][i], label["colour"][i] = shape, colour
        label["material"][i] = rng.integers(len(MATERIALS))
        rgb = np.array(COLOURS[COLOUR_NAMES[colour]]) / 255
        o = scene["object"][i]
        o["shape"], o["material"] = shape, label["material"][i]
        o["rgb"] = np.clip(rgb + rng.normal(0, .010, 3), .02, .98)

    def _fit(self, shape):
        """The scale that makes every shape look about equally big."""
        x, z, h = self.extent[shape]
        return .98 * APPARENT.get(SHAPES[shape], 1) / math.hypot(max(x, z), h / 2)

    def _one(self, rng, scene, label):
        shape = int(label["shape"][0])
        fronted = shape in FRONTED
        azimuth = rng.uniform(-math.pi, math.pi)
        elevation = math.radians(rng.uniform(10, 32))
        draw = rng.random()
        if draw < .16:
            label["view"] = VIEWS.index("overhead")
            elevation = math.radians(rng.uniform(60, 82))
            azimuth = rng.normal(0, .6) if rng.random() < .6 else azimuth
        elif fronted and draw < .61:
            view = int((draw - .16) / .15)
            label["view"] = view
            turn = [0, math.pi / 2 * rng.choice([-1, 1]), math.pi][view]
            azimuth = turn + rng.uniform(-.35, .35)
            elevation = math.radians(rng.uniform(6, 24))
        elif rng.random() < .75:
            azimuth = rng.choice([-1, 1]) * rng.uniform(.35, 1.05)
        o = scene["object"][0]
        o["scale"] = self._fit(shape) * rng.uniform(.93, 1.05)
        o["yaw"] = -azimuth
        o["position"] = (rng.normal(0, .05), 0, rng.normal(0, .05))
        label["azimuth"] = math.remainder(azimuth, 2 * math.pi)
        scene["elevation"] = elevation
        scene["distance"] = rng.uniform(4.4, 4.7) if draw < .16 else rng.uniform(4.0, 4.4)
        scene["target"] = (0, self.extent[shape][2] * float(o["scale"]) / 2, 0)

    def _two(self, rng, scene, label):
        relation = int(rng.integers(len(RELATIONS)))
        label["relation"] = relation
        name = RELATIONS[relation]
        a, b = scene["object"]
        shapes = [int(s) for s in label["shape"]]
        scale = [self._fit(s) * rng.uniform(.92, 1.04) for s in shapes]
        elevation = rng.uniform(12, 30)
        if name in ("left", "right"):
            side = -1 if name == "left" else 1
            gap = rng.uniform(.88, .98)
            a["position"] = (side * gap, 0, rng.uniform(-.15, .15))
            b["position"] = (-side * gap, 0, rng.uniform(-.15, .15))
            distance, height = rng.uniform(6.6, 7.0), .65
        elif name == "top":
            scale[0] *= .72
            footing = FOOTING.get(SHAPES[shapes[1]], self.extent[shapes[1]][2]) * scale[1]
            a["position"] = (rng.normal(0, .03), footing, rng.normal(0, .03))
            distance = rng.uniform(6.0, 6.3)
            height = (footing + self.extent[shapes[0]][2] * scale[0]) / 2
            elevation = rng.uniform(8, 24)
        else:
            far, near = (a, b) if name == "behind" else (b, a)
            lateral = rng.choice([-1, 1]) * rng.uniform(.48, .62)
            far["position"] = (lateral, 0, rng.uniform(-1.2, -1.0))
            near["position"] = (-lateral, 0, rng.uniform(.80, 1.0))
            distance, height = rng.uniform(6.6, 7.0), .60
            elevation = rng.uniform(26, 36)
        if name != "top" and rng.random() < .08:
            label["view"] = VIEWS.index("overhead")
            elevation = rng.uniform(58, 78)
        for o, s in ((a, scale[0]), (b, scale[1])):
            o["scale"] = s
            o["yaw"] = rng.choice([-1, 1]) * rng.uniform(.25, 1.0)
        scene["elevation"] = math.radians(elevation)
        scene["distance"] = distance
        scene["target"] = (0, height, 0)


PHRASES = {"grass": ["on grass", "on the grass", "on green grass", "in a meadow"],
           "desert": ["in the desert", "on sand", "in a sandy desert"],
           "snow": ["in the snow", "on snow", "in winter"],
           "night": ["at night", "under the stars", "on a starry night"],
           "sunset": ["at sunset", "at dusk", "in the evening"],
           "studio": ["in a studio", "on a gray background", "on a plain background"],
           "wood": ["on a wooden floor", "on a wooden table", "on wood"],
           "water": ["on water", "on the water", "on the sea", "in the sea"]}
MATERIAL_WORDS = {"matte": ["matte", "matt"], "glossy": ["glossy", "shiny"],
                  "metallic": ["metallic", "metal"]}
COLOUR_WORDS = {"gray": ["gray", "grey"], "purple": ["purple", "violet"],
                "cyan": ["cyan", "turquoise"]}
SHAPE_WORDS = {"cube": ["cube", "cube", "box"], "ball": ["ball", "ball", "sphere"],
               "ring": ["ring", "ring", "torus", "donut"], "mug": ["mug", "mug", "cup"],
               "boat": ["boat", "boat", "ship"]}
VIEW_OF = {"front": ["front view of", "frontal view of", "a front view of"],
           "side": ["side view of", "a side view of"],
           "back": ["back view of", "rear view of", "a back view of"],
           "overhead": ["overhead view of", "top view of", "an overhead view of"]}
SEEN = {"front": [", front view", "seen from the front", "from the front"],
        "side": [", side view", "seen from the side", "from the side"],
        "back": [", back view", "seen from behind", "from the back"],
        "overhead": [", overhead view", "seen from above", "from above"]}
FACING = ["facing {}", "facing {}", "facing to the {}", "looking {}"]   # which side of the picture
RELATION_WORDS = {"left": ["to the left of", "left of", "on the left of"],
                  "right": ["to the right of", "right of", "on the right of"],
                  "top": ["on top of", "on", "standing on"],
                  "behind": ["behind"], "front": ["in front of"]}
PREFIXES = ["a picture of", "a photo of", "an image of", "a rendering of", "a scene with",
            "there is"]
FILLERS = ["small", "big", "large", "little", "beautiful", "nice", "cute", "old", "new", "simple",
           "pretty", "single", "solid", "plain", "lovely", "tiny", "huge", "modern", "clean"]


def article(phrase):
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def noun(rng, label, i, material=None):
    colour, shape = COLOUR_NAMES[label["colour"][i]], SHAPES[label["shape"][i]]
    words = [rng.choice(COLOUR_WORDS.get(colour, [colour])),
             rng.choice(SHAPE_WORDS.get(shape, [shape]))]
    if rng.random() < .4 if material is None else material:
        words.insert(0, rng.choice(MATERIAL_WORDS[MATERIALS[label["material"][i]]]))
    if rng.random() < .06:
        words.insert(0, rng.choice(FILLERS))
    phrase = " ".join(words)
    draw = rng.random()
    return article(phrase) if draw < .85 else "the " + phrase if draw < .92 else phrase


def is_turned(label):
    """Whether the front of a single object points clearly to the left or right of the picture."""
    return label["count"] == 1 and label["shape"][0] in FRONTED \
        and label["view"] != VIEWS.index("overhead") and abs(math.sin(label["azimuth"])) > .4


def facing(rng, label):
    """Words for where that front points to, or none."""
    if not is_turned(label) or rng.random() > .6:
        return ""
    return rng.choice(FACING).format("left" if label["azimuth"] > 0 else "right")


def caption(rng, label):
    """One of the many ways to say what a picture shows. rng: random.Random."""
    text = noun(rng, label, 0)
    turned = facing(rng, label)
    last = turned and rng.random() < .6
    if turned and not last:
        text += " " + turned
    if label["count"] == 2:
        other = noun(rng, label, 1)
        if rng.random() < .05:
            pair = [text, other]
            rng.shuffle(pair)
            text = " and ".join(pair)
        else:
            text += f" {rng.choice(RELATION_WORDS[RELATIONS[label['relation']]])} {other}"
    place = rng.choice(PHRASES[SETTINGS[label["setting"]]]) if rng.random() < .6 else ""
    view = VIEWS[label["view"]] if label["view"] >= 0 else ""
    said = rng.random() if view and rng.random() < .85 else None
    first = place and said is None and rng.random() < .06
    if place and not first:
        text += ("" if rng.random() < .85 else ",") + " " + place
    if said is None:
        if rng.random() < .12:
            text = f"{rng.choice(PREFIXES)} {text}"
    elif said < .62:
        text = f"{rng.choice(VIEW_OF[view])} {text}"
    else:
        text = f"{text} {rng.choice(SEEN[view])}".replace(" ,", ",")
    if last:
        text += ("" if rng.random() < .6 else ",") + " " + turned
    return f"{place}, {text}" if first else text


def vocabulary():
    """Every word that a caption can hold."""
    lists = [PHRASES, MATERIAL_WORDS, COLOUR_WORDS, SHAPE_WORDS, VIEW_OF, SEEN, RELATION_WORDS]
    phrases = [p for group in lists for options in group.values() for p in options]
    phrases += PREFIXES + FILLERS + SHAPES + COLOUR_NAMES + MATERIALS + ["a an the and"]
    return sorted({w for p in phrases for w in p.replace(",", " ").split()})
