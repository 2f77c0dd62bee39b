"""Prompt adherence of an exported model, judged by classifier.py: the table of the model card.

500 prompts: 200 with one object in pairs seen in training, 100 with held-out pairs, 80 with a view
word, 120 with two objects and a relation. Pictures by diffusers, or by any program that fills a
folder with NNN.png (--pictures), from prompts.txt that --list writes.
"""

import argparse
import random
import re
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from PIL import Image

import classifier
import world


def prompts():
    rng, words = np.random.default_rng(2024), random.Random(2024)
    names = [(c, s) for c in world.COLOUR_NAMES for s in world.SHAPES]
    seen = [p for p in names if p not in world.HELD_OUT]
    held = sorted(world.HELD_OUT)
    rows = []
    for kind, count in (("one", 200), ("held out", 100), ("view", 80), ("two", 120)):
        for i in range(count):
            label = np.zeros((), world.LABEL)
            label["count"], label["relation"], label["view"] = 1, -1, -1
            label["setting"] = rng.integers(len(world.SETTINGS))
            pairs = [held[i % len(held)]] if kind == "held out" else \
                [seen[j] for j in rng.permutation(len(seen))[:2]]
            if kind == "view":
                view = i % 4
                while view < 3 and world.SHAPES.index(pairs[0][1]) not in world.FRONTED:
                    pairs = [seen[rng.integers(len(seen))]]
                label["view"] = view
            if kind == "two":
                label["count"], label["relation"] = 2, i % 5
            for k in range(int(label["count"])):
                label["colour"][k] = world.COLOUR_NAMES.index(pairs[k][0])
                label["shape"][k] = world.SHAPES.index(pairs[k][1])
                label["material"][k] = rng.integers(3)
            rows.append((kind, label, describe(words, label), len(rows)))
    return rows


def says(text, phrases):
    return any(re.search(rf"\b{re.escape(p.strip(', '))}\b", text) for p in phrases)


def describe(words, label):
    """A caption that says all that will be judged."""
    while True:
        text = bare = world.caption(words, label)
        for place in sorted(world.PHRASES[world.SETTINGS[label["setting"]]], key=len)[::-1]:
            bare = bare.replace(place, "")
        relation = world.RELATIONS[label["relation"]] if label["count"] == 2 else None
        view = world.VIEWS[label["view"]] if label["view"] >= 0 else None
        if relation and (" and " in bare or not says(bare, world.RELATION_WORDS[relation])):
            continue
        if view and not says(bare, world.VIEW_OF[view] + world.SEEN[view]):
            continue
        return text


def draw(folder, rows, steps, guidance, batch):
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None,
                                                   torch_dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    out = []
    for i in range(0, len(rows), batch):
        part = rows[i:i + batch]
        generators = [torch.Generator().manual_seed(r[3]) for r in part]
        with torch.autocast("cpu", torch.bfloat16):
            made = pipe([r[2] for r in part], num_inference_steps=steps, height=128, width=128,
                        guidance_scale=guidance, generator=generators, output_type="np").images
        out.append((made * 255).round().astype(np.uint8))
    return np.concatenate(out)


def table(rows, found):
    want = [classifier.targets(label) for _, label, _, _ in rows]
    kinds = np.array([kind for kind, _, _, _ in rows])

    def right(*heads):
        return np.array([all(int(found[h][i]) == int(w[h]) for h in heads)
                         for i, w in enumerate(want)])

    pair, everything = right("shape0", "colour0"), right("shape0", "colour0", "shape1", "colour1",
                                                         "relation")
    lines = [("one object, shape and colour", pair[kinds == "one"]),
             ("one object, shape", right("shape0")[kinds == "one"]),
             ("one object, colour", right("colour0")[kinds == "one"]),
             ("held-out pairs, shape and colour", pair[kinds == "held out"]),
             ("view word (front, side, back, overhead)", right("view")[kinds == "view"]),
             ("two objects, all four attributes and the relation", everything[kinds == "two"]),
             ("two objects, the four attributes",
              right("shape0", "colour0", "shape1", "colour1")[kinds == "two"]),
             ("two objects, both colours", right("colour0", "colour1")[kinds == "two"]),
             ("two objects, the relation", right("count", "relation")[kinds == "two"])]
    for name, values in lines:
        print(f"| {name} | {values.mean() * 100:.1f} % | {len(values)} |")

    def share(title, names, group, values):
        print(title, ", ".join(f"{name} {values[group == i].mean() * 100:.0f}"
                               for i, name in enumerate(names) if (group == i).any()))

    single = (kinds == "one") | (kinds == "held out")
    shape = np.where(single, [int(label["shape"][0]) for _, label, _, _ in rows], -1)
    view = np.where(kinds == "view", [int(label["view"]) for _, label, _, _ in rows], -1)
    relation = np.where(kinds == "two", [int(label["relation"]) for _, label, _, _ in rows], -1)
    share("shapes, of single objects, %:", world.SHAPES, shape, right("shape0"))
    share("views, %:", world.VIEWS, view, right("view"))
    share("everything of two objects, by relation, %:", world.RELATIONS, relation, everything)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("folder")
    args.add_argument("--classifier", default="classifier.pt")
    args.add_argument("--steps", type=int, default=20)
    args.add_argument("--guidance", type=float, default=3)
    args.add_argument("--batch", type=int, default=25)
    args.add_argument("--threads", type=int, default=1)
    args.add_argument("--every", type=int, default=1, help="judge each EVERY-th prompt alone")
    args.add_argument("--sheet", help="PNG of the first pictures of each kind")
    args.add_argument("--list", action="store_true", help="only write prompts.txt into FOLDER")
    args.add_argument("--pictures", help="folder of NNN.png to judge instead of drawing")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    rows = prompts()[::args.every]
    if args.list:
        Path(args.folder, "prompts.txt").write_text("\n".join(r[2] for r in rows) + "\n")
        return
    if args.pictures:
        images = np.stack([np.asarray(Image.open(f"{args.pictures}/{r[3]:03d}.png").convert("RGB"))
                           for r in rows])
    else:
        images = draw(args.folder, rows, args.steps, args.guidance, args.batch)
    if args.sheet:
        order = [i for k in ("one", "held out", "view", "two")
                 for i in [j for j, r in enumerate(rows) if r[0] == k][:8]]
        print("\n".join(rows[i][2] for i in order))
        sheet = images[order].reshape(-1, 8, 128, 128, 3).transpose(0, 2, 1, 3, 4)
        sheet = np.ascontiguousarray(sheet.reshape(-1, 8 * 128, 3))
        Image.fromarray(sheet).save(args.sheet, optimize=True)
    table(rows, classifier.judge(classifier.read(args.classifier), images))


if __name__ == "__main__":
    main()
