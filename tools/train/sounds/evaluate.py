"""How well an exported model does what it is asked, by judge.py: the table of the model card.

400 prompts: 200 of one sound, 100 of two in sequence, 100 of two at once; each sound by diffusers,
or by any program that fills a folder with NNN.wav (--sounds) from prompts.txt that --list writes.
Traits are judged where the prompt names them.
"""

import argparse
import random
import re
from pathlib import Path

import numpy as np
import soundfile
import torch
from diffusers import AudioLDMPipeline, DDIMScheduler
from PIL import Image

import judge
import mel
import scenes
from kinds import NAMES

COUNTS = {"single": 200, "sequence": 100, "together": 100}
COLOURS = np.array([(0, 0, 4), (40, 11, 84), (101, 21, 110), (159, 42, 99), (212, 72, 66),
                    (245, 125, 21), (250, 193, 39), (252, 255, 164)])


def prompts():
    """[(label with nothing that is not said, prompt)]"""
    rng, words, rows = np.random.default_rng(2026), random.Random(2026), []
    for arrangement, count in COUNTS.items():
        for i in range(count):
            label = scenes.sample(rng)
            while (scenes.ARRANGEMENTS[label["arrangement"]] != arrangement or
                   label["kind"][0] != i % len(NAMES) and arrangement == "single"):
                label = scenes.sample(rng)
            for trait in scenes.TRAITS.values():
                label[trait][rng.random(2) < .4] = -1
            if rng.random() < .4:
                label["level"] = -1
            prompt = scenes.caption(words, label, said=1)
            if not any(re.search(rf"\b{s}$", prompt) for part in scenes.SPACES for s in part):
                label["space"] = -1
            rows.append((label, prompt))
    return rows


def make(folder, rows, steps, guidance, batch):
    pipe = AudioLDMPipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    out = []
    for i in range(0, len(rows), batch):
        generators = [torch.Generator().manual_seed(i + k) for k in range(len(rows[i:i + batch]))]
        with torch.autocast("cpu", torch.bfloat16):
            made = pipe([prompt for _, prompt in rows[i:i + batch]], guidance_scale=guidance,
                        num_inference_steps=steps, generator=generators, output_type="np").audios
        out.append(np.asarray(made, np.float32))
        print(f"{i + len(made)} of {len(rows)}", flush=True)
    return np.concatenate(out)


def listen(folder, count):
    out = np.zeros((count, scenes.SAMPLES), np.float32)
    for i in range(count):
        x, rate = soundfile.read(f"{folder}/{i:03d}.wav", dtype="float32")
        assert rate == mel.RATE and x.ndim == 1
        out[i, :len(x)] = x[:scenes.SAMPLES]
    return out


def spectrograms(audio):
    return np.concatenate([mel.log_mel(torch.from_numpy(x[None])).numpy() for x in audio])


def table(rows, found):
    want = judge.targets(np.array([label for label, _ in rows]))
    right = {k: (found[k] == want[k]).numpy() for k in judge.HEADS}
    named = {k: (want[k] >= 0).numpy() for k in judge.HEADS}
    parts = want["arrangement"].numpy()
    kinds = right["kind0"] & (right["kind1"] | (parts == 0))

    def line(name, values):
        print(f"| {name} | {values.mean() * 100:.1f} % | {len(values)} |")

    line("every kind", kinds)
    for i, name in enumerate(scenes.ARRANGEMENTS):
        line(f"every kind, {name}", kinds[parts == i])
    line("arrangement", right["arrangement"])
    groups = {k: [k + "0", k + "1"] for k in scenes.TRAITS.values()}
    groups.update(level=["level"], space=["space"])
    line("every trait, all sounds", np.concatenate(
        [right[h][named[h]] for heads in groups.values() for h in heads]))
    for name, heads in groups.items():
        line(name, np.concatenate([right[h][named[h]] for h in heads]))
    share = {n: np.concatenate([right[h][want[h].numpy() == i] for h in ("kind0", "kind1")]).mean()
             for i, n in enumerate(NAMES)}
    print("by kind, %:", ", ".join(f"{n} {100 * v:.0f}" for n, v in
                                   sorted(share.items(), key=lambda x: x[1])))


def sheet(mels, path, columns=4):
    """A PNG of spectrograms [n, frames, 64], low frequencies below, by rows; the last row
    begins again with the first sound."""
    rows = -(-len(mels) // columns)
    x = np.clip((np.resize(mels, (rows * columns, *mels.shape[1:])) + 9) / 10, 0, 1)
    x = np.pad(x.transpose(0, 2, 1)[:, ::-1], ((0, 0), (2, 2), (3, 3)))
    x = x.reshape(-1, columns, *x.shape[1:]).swapaxes(1, 2)
    x = x.reshape(-1, columns * x.shape[3]) * (len(COLOURS) - 1)
    rgb = np.stack([np.interp(x, range(len(COLOURS)), COLOURS[:, c]) for c in range(3)], -1)
    Image.fromarray(rgb.astype(np.uint8)).quantize(96).save(path, optimize=True)


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("folder")
    args.add_argument("--judge", default="judge.pt")
    args.add_argument("--steps", type=int, default=20)
    args.add_argument("--guidance", type=float, default=3)
    args.add_argument("--batch", type=int, default=20)
    args.add_argument("--every", type=int, default=1, help="judge each EVERY-th prompt alone")
    args.add_argument("--sheet", help="PNG of every tenth spectrogram")
    args.add_argument("--list", action="store_true", help="only write prompts.txt into FOLDER")
    args.add_argument("--sounds", help="folder of NNN.wav to judge instead of making them")
    args.add_argument("--keep", help="folder for NNN.wav of what was made")
    args = args.parse_args()
    torch.set_num_threads(1)
    rows = prompts()[::args.every]
    if args.list:
        Path(args.folder, "prompts.txt").write_text("\n".join(p for _, p in rows) + "\n")
        return
    audio = listen(args.sounds, len(rows)) if args.sounds else \
        make(args.folder, rows, args.steps, args.guidance, args.batch)
    if args.keep:
        Path(args.keep).mkdir(exist_ok=True)
        for i, x in enumerate(audio):
            soundfile.write(f"{args.keep}/{i:03d}.wav", x, mel.RATE)
    mels = spectrograms(audio)
    if args.sheet:
        sheet(mels[::10], args.sheet)
        print("\n".join(p for _, p in rows[::10]))
    table(rows, judge.judge(judge.read(args.judge), mels))


if __name__ == "__main__":
    main()
