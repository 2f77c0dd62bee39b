#!/usr/bin/env python3
"""Measures Kiln on this machine's GPU, beside PyTorch in the same run: one call, one table.

    python3 measure.py [--small] [--splats] [--device NAME] [--torch-device cuda|cpu] [--out FOLDER]

First finds the Vulkan driver (a bare machine may have only the driver's libraries), then runs the
tests, whose failures stand below the table and in the exit status, and draws a picture; one that
does not look as another driver drew it ends the run. Then measures. Lies in the folder that
tools/gpu/pack makes. --small: in a minute on a CPU, to try the script. --splats: the splat
rasteriser and nothing else, as a table to be pasted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import splats
import vulkan

HERE = Path(__file__).resolve().parent
PROMPT = "a red cube"


class Kiln:
    def __init__(self, device, out):
        self.out = out
        self.work = Path(tempfile.mkdtemp(prefix="kiln-"))  # what nobody wants to keep
        self.env = vulkan.environment(HERE, self.work)
        self.env["KILN_CACHE"] = str(self.work / "cache")  # empty: the first start is one
        self.device = ["--device", device] if device else []

    def run(self, *arguments, timeout=300, **more):
        command = [str(HERE / "bin/kiln"), *map(str, arguments), *self.device]
        env = dict(self.env, **more)
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)

    def rows(self, *arguments, timeout=300):
        done = self.run(*arguments, "--json", timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"kiln {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test(kiln, device, which="test_*"):
    """Which test executables fail, with the end of what they say."""
    env = dict(kiln.env, KILN_TEST_VALIDATION="0", KILN_TEST_DEVICE=device or "")
    failed = []
    for path in sorted((HERE / "bin").glob(which)):
        begin = time.time()
        try:
            done = subprocess.run([path], env=env, capture_output=True, text=True, timeout=150)
            status, text = done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            status, text = "no end", ""
        verdict = "passed" if status == 0 else "FAILED"
        print(f"  {path.name}: {verdict}, {time.time() - begin:.0f} s")
        if status != 0:
            failed.append(path.name)
            print("\n".join("    " + line for line in text.splitlines()[-40:]))
    return failed


def psnr(path, expected):
    try:
        import numpy
        from PIL import Image
    except ImportError:
        return None
    a, b = (numpy.asarray(Image.open(p).convert("RGB"), dtype=float) for p in (path, expected))
    return float("inf") if (a == b).all() else 10 * numpy.log10(255**2 / ((a - b) ** 2).mean())


def draw(kiln, name, *flags, **env):
    """Seconds from the start of the process to the picture in its file."""
    path = kiln.work / f"{name}.png"
    path.unlink(missing_ok=True)
    begin = time.time()
    done = kiln.run("image", PROMPT, "--seed", 1, "-o", path, "--quiet", *flags, **env)
    if done.returncode:
        raise RuntimeError(f"kiln image: {done.stderr.strip()}")
    return time.time() - begin, path


def torch_times(jobs, device):
    """What torch_side.py measures, in a process of its own; {} where there is no torch."""
    command = [sys.executable, str(HERE / "torch_side.py"), device, json.dumps(jobs)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=420)
    except subprocess.TimeoutExpired:
        print("  PyTorch did not end within seven minutes")
        return {}
    found = [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]
    if done.returncode or not found:
        print("  no PyTorch: " + (done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    for row in found:
        print("  PyTorch:", row)
    return {row["name"]: row for row in found}


def matmul_table(kiln, sizes, torch):
    for n in sizes:
        rows = kiln.rows("bench", f"matmul {n}x{n}x{n}", "--seconds", 1)
        half = next(r for r in rows if r.get("dtype") == "f16" and r["bench"] == "ops")
        yield {"what": f"matmul f16 {n}^3, TFLOP/s", "kiln": half["gflops"] / 1e3,
               "torch": torch.get(f"matmul {n}", {}).get("tflops"), "limit": half["share"]}
        if n == sizes[0]:
            for peak in (r for r in rows if r["bench"] == "peaks"):
                print("  limit:", peak["case"], peak.get("gbs") or peak.get("gflops"))


def unet_table(kiln, models, torch, precision):
    for name, folder, size, steps in models:
        model = ["--model", folder] if folder else []
        rows = kiln.rows("bench", "unet", *model, "--size", size, "--batch", 2, "--steps", steps,
                         "--precision", precision, "--profile", kiln.out / f"{name}.trace.json",
                         "--roofline", kiln.out / f"{name}.svg", timeout=420)
        (kiln.out / f"{name}.json").write_text("\n".join(map(json.dumps, rows)))
        step = rows[-1]
        for row in [r for r in rows if r["case"].startswith("kernel")][:6]:
            print(f"  {row['case']}: {row['ms']:.2f} ms, {100 * row['share']:.0f} % of the limit")
        print(f"  host: {step['host_ms']:.3f} ms a step, {100 * step['host_part']:.2f} %")
        for way in ("eager", "graph"):
            yield {"what": f"U-Net {name} {size}, batch 2, ms ({way})", "kiln": step["ms"],
                   "torch": torch.get(f"{name} {way}", {}).get("ms"), "limit": step["share"]}


def fill(folder):
    """Random values behind the headers that pack left of the weights."""
    import numpy
    noise = numpy.random.default_rng(1).uniform(-1, 1, 1 << 22)
    for path in sorted(folder.rglob("*.header")):
        target = path.with_suffix("")
        if target.exists():
            continue
        text = path.read_bytes()
        with open(target, "wb") as file:
            file.write(text)
            for name, tensor in json.loads(text[8:]).items():
                left, shape = numpy.prod(tensor["shape"], dtype=int), tensor["shape"]
                values = noise / 8 + name.endswith("norm.weight")
                if len(shape) > 1:
                    values = noise * (3 * shape[0] / left) ** 0.5
                values = values.astype(numpy.float16)
                for _ in range(-(-left // len(values))):
                    file.write(values[:left].tobytes())
                    left -= len(values)


def show(table):
    print(f"\n{'':44} {'Kiln':>10} {'PyTorch':>10} {'share':>8} {'of limit':>9}")
    for row in table:
        torch, share = row.get("torch"), ""
        if torch:
            faster = row["kiln"] / torch if "TFLOP" in row["what"] else torch / row["kiln"]
            share = f"{100 * faster:.0f} %"
        limit = f"{100 * row['limit']:.0f} %" if "limit" in row else ""
        theirs = f"{torch:10.3f}" if torch else f"{'-':>10}"
        print(f"{row['what']:44} {row['kiln']:10.3f} {theirs} {share:>8} {limit:>9}")


def measure_splats(kiln, small):
    """The table, whose rows are also in splat.json."""
    sizes = ["--splats", "1000", "--size", "64"] if small else []
    rows = kiln.rows("bench", "splat", "--steps", 5 if small else 30, *sizes, timeout=420)
    (kiln.out / "splat.json").write_text("\n".join(map(json.dumps, rows)))
    print("\n".join(splats.table(rows)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--device", default="")
    parser.add_argument("--torch-device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "measured")))
    parser.add_argument("--no-tests", action="store_true")
    parser.add_argument("--splats", action="store_true")
    o = parser.parse_args()
    o.out = o.out.resolve()
    o.out.mkdir(parents=True, exist_ok=True)
    kiln = Kiln(o.device, o.out)
    print(kiln.run("devices").stdout or kiln.run("devices").stderr)
    failed = [] if o.no_tests else test(kiln, o.device, "test_splat" if o.splats else "test_*")
    if o.splats:
        measure_splats(kiln, o.small)
        shutil.rmtree(kiln.work)
        return "these tests failed: " + ", ".join(failed) if failed else 0
    first, path = draw(kiln, "default")
    again, path = draw(kiln, "default")
    alike = psnr(path, HERE / "expected.png")
    if alike is None:
        print("  without numpy and Pillow nobody looks at the picture")
    else:
        print(f"  the picture is as expected to {alike:.1f} dB")
    if alike is not None and not alike > 30:
        return "the picture is wrong: nothing is measured"
    precision, sizes = ("f32", [256]) if o.small else ("f16", [4096, 8192])
    models = [("default", None, 128, 2)] if o.small else [
        ("sd15", HERE / "models/sd15", 512, 10), ("sdxl", HERE / "models/sdxl", 1024, 10)]
    configs = {name: str((folder or HERE / "share/kiln/models/image") / "unet/config.json")
               for name, folder, _, _ in models}
    jobs = [{"matmul": n} for n in sizes]
    jobs += [{"name": n, "unet": configs[n], "size": size} for n, _, size, _ in models]
    for _, folder, _, _ in models:
        if folder:
            fill(folder)
    torch = torch_times(jobs, o.torch_device)
    table = [{"what": "default model, first start to picture, s", "kiln": first},
             {"what": "default model, later start to picture, s", "kiln": again}]
    parts = [matmul_table(kiln, sizes, torch), unet_table(kiln, models, torch, precision)]
    for part in parts:
        try:
            for row in part:
                table.append(row)
                print("  " + json.dumps(row), flush=True)
        except (RuntimeError, subprocess.TimeoutExpired) as failure:
            print("  " + str(failure))
    for name, folder, size, _ in models:
        if folder and size == 512:
            flags = ["--model", folder, "-W", size, "-H", size, "--steps", 20]
            draw(kiln, name, *flags)
            seconds, _ = draw(kiln, name, *flags)
            table.append({"what": f"{name} {size}, 20 steps, start to picture, s", "kiln": seconds})
    show(table)
    found = {"failed tests": failed, "table": table}
    (o.out / "table.json").write_text(json.dumps(found, indent=1))
    shutil.rmtree(kiln.work)
    return "these tests failed: " + ", ".join(failed) if failed else 0


if __name__ == "__main__":
    sys.exit(main())
