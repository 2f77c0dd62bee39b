"""Goldens of the samplers: diffusers' schedulers driven by a closed-form denoiser.

    python tools/reference/schedulers.py tests/golden/diffusion

Needs torch, diffusers, scipy and torchsde. dpmpp_2s_a and dpmpp_3m_sde, which diffusers lacks,
are computed here in float64 from the formulas of Lu et al., "DPM-Solver++" (2022). One JSON file a
sampler: the configuration, the request, the timesteps of every call of the network, and the result.
"""
import contextlib
import json
import math
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

torch.set_num_threads(1)

SD1 = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
           set_alpha_to_one=False, clip_sample=False, skip_prk_steps=True)
LEADING = dict(SD1, timestep_spacing="leading")
TRAILING = dict(SD1, timestep_spacing="trailing", steps_offset=0)
LINSPACE = dict(SD1, timestep_spacing="linspace")
V = dict(LEADING, prediction_type="v_prediction")
ZERO_SNR = dict(TRAILING, prediction_type="v_prediction", rescale_betas_zero_snr=True)
COSINE = dict(SD1, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction",
              timestep_spacing="leading")
STEEP = dict(COSINE, timestep_spacing="linspace")
PLAIN = dict(skip_prk_steps=True)
FLOW = dict(shift=3.0, num_train_timesteps=1000)

CLASSES = dict(
    ddim="DDIMScheduler", ddpm="DDPMScheduler", pndm="PNDMScheduler",
    euler="EulerDiscreteScheduler",
    euler_a="EulerAncestralDiscreteScheduler", heun="HeunDiscreteScheduler",
    dpm2="KDPM2DiscreteScheduler", dpm2_a="KDPM2AncestralDiscreteScheduler",
    dpmpp_2m="DPMSolverMultistepScheduler", dpmpp_2m_sde="DPMSolverMultistepScheduler",
    dpmpp_sde="DPMSolverSDEScheduler", unipc="UniPCMultistepScheduler", lms="LMSDiscreteScheduler",
    lcm="LCMScheduler", tcd="TCDScheduler")
COSINE_SDE = "CosineDPMSolverMultistepScheduler"
IGNORES_ZERO_SNR = {"pndm", "heun", "dpm2", "dpm2_a", "lms", "dpmpp_sde"}
NO_SIGMAS = {"ddim", "ddpm", "pndm", "lcm", "tcd", "euler_a"}
DISTILLED = {"lcm", "tcd"}


def denoiser(x, t):
    """Smooth, bounded slope, known to both sides."""
    return 0.8 * x + 0.15 * torch.sin(3 * x + 0.01 * float(t))


def start_image(shape):
    steps = torch.arange(math.prod(shape), dtype=torch.float32)
    return (0.5 * torch.sin(0.37 * steps + 1)).reshape(shape)


def round_exactly(s):
    """torch's vectorised square root, exponential and logarithm may miss the nearest float32. A
    Brownian path resolves the difference, so its samplers are given the nearest."""
    s.alphas_cumprod = s.alphas_cumprod.numpy()
    return s


@contextlib.contextmanager
def exact_scalars():
    exp, log = torch.Tensor.exp, torch.Tensor.log
    torch.Tensor.exp = lambda x: (
        torch.tensor(np.float32(math.exp(x.item()))) if x.dim() == 0 else exp(x))
    torch.Tensor.log = lambda x: (torch.tensor(np.float32(math.log(x.item())))
                                  if x.dim() == 0 and x.item() > 0 else log(x))
    yield
    torch.Tensor.exp, torch.Tensor.log = exp, log


def exact_exponential(s, ramp):
    logs = torch.linspace(math.log(s.config.sigma_min), math.log(s.config.sigma_max), len(ramp))
    return torch.from_numpy(np.exp(logs.double().numpy()).astype(np.float32)).flip(0)


def draw(shape, generator):
    if isinstance(generator, list):
        return torch.cat([torch.randn((1, *shape[1:]), generator=g) for g in generator])
    return torch.randn(shape, generator=generator)


def initial(shape, seeds):
    generators = [torch.Generator().manual_seed(s) for s in seeds]
    generator = generators if len(generators) > 1 else generators[0]
    return draw(shape, generator), generator


def run(sampler, config, steps, strength=1.0, schedule="default", seeds=(7,), shape=(1, 2, 3, 4),
        eta=None, scheduler=None, extra=None, sigmas=None):
    options = dict(config, **(extra or {}))
    if schedule in ("karras", "exponential", "beta"):
        options[f"use_{schedule}_sigmas"] = True
    if sampler == "dpmpp_2m_sde":
        options["algorithm_type"] = "sde-dpmsolver++"
    if sampler == "dpmpp_sde":
        options["noise_sampler_seed"] = seeds[0] if len(seeds) == 1 else list(seeds)
    cls = getattr(diffusers, scheduler or CLASSES[sampler])
    s = cls.from_config(options)
    if sampler == "dpmpp_sde":
        round_exactly(s)
    if scheduler == COSINE_SDE:
        s._compute_exponential_sigmas = lambda ramp: exact_exponential(s, ramp)
    if sigmas is not None:
        s.set_timesteps(sigmas=sigmas)
    else:
        s.set_timesteps(steps)
    skip = (steps - min(int(steps * strength), steps)) * s.order
    timesteps = s.timesteps[skip:]
    if hasattr(s, "set_begin_index"):
        s.set_begin_index(skip)
    noise, generator = initial(shape, seeds)
    if strength < 1:
        add = s.add_noise if hasattr(s, "add_noise") else s.scale_noise
        x = add(start_image(shape), noise, timesteps[:1])
        if not hasattr(s, "add_noise"):
            x = s.scale_noise(start_image(shape), timesteps[:1], noise)
    else:
        x = noise * getattr(s, "init_noise_sigma", 1.0)
    arguments = {}
    if sampler in ("ddim", "ddpm", "euler_a", "dpm2_a", "dpmpp_2m_sde", "lcm", "tcd"):
        arguments["generator"] = generator
    if eta is not None:
        arguments["eta"] = eta
    with exact_scalars() if sampler == "dpmpp_sde" else contextlib.nullcontext():
        for t in timesteps:
            scaled = s.scale_model_input(x, t) if hasattr(s, "scale_model_input") else x
            x = s.step(denoiser(scaled, t), t, x, return_dict=False, **arguments)[0]
    return [float(t) for t in timesteps], x


def k_diffusion(sampler, config, steps, strength=1.0, schedule="default", seeds=(7,),
                shape=(1, 2, 3, 4)):
    options = dict(config)
    if schedule != "default":
        options[f"use_{schedule}_sigmas"] = True
    s = round_exactly(diffusers.EulerDiscreteScheduler.from_config(options))
    s.set_timesteps(steps)
    table = np.log(np.array(((1 - s.alphas_cumprod) / s.alphas_cumprod) ** 0.5))
    skip = steps - min(int(steps * strength), steps)
    sigmas = s.sigmas.double()
    noise, generator = initial(shape, seeds)
    x = noise.double() * s.init_noise_sigma.double()
    if strength < 1:
        x = start_image(shape).double() + noise.double() * sigmas[skip]
    calls = []

    def denoise(x, sigma, t=None):
        t = float(s._sigma_to_t(np.float64(sigma), table)) if t is None else float(t)
        calls.append(t)
        out = denoiser((x / (sigma ** 2 + 1) ** 0.5).float(), t).double()
        if s.config.prediction_type == "v_prediction":
            return x / (sigma ** 2 + 1) - out * sigma / (sigma ** 2 + 1) ** 0.5
        return x - sigma * out

    tree = BrownianTreeNoiseSampler(x.float(), float(sigmas[:-1].min()), float(sigmas.max()),
                                    seed=seeds[0] if len(seeds) == 1 else list(seeds))
    history = []
    for i in range(skip, steps):
        a, b = sigmas[i], sigmas[i + 1]
        d = denoise(x, a, s.timesteps[i])
        if sampler == "dpmpp_2s_a":
            up = min(b, (b ** 2 * (a ** 2 - b ** 2) / a ** 2) ** 0.5)
            down = (b ** 2 - up ** 2) ** 0.5
            if down == 0:
                x = x + (x - d) / a * (down - a)
            else:
                t, t_next = -a.log(), -down.log()
                h = t_next - t
                middle = (-(t + h / 2)).exp()
                x2 = middle / a * x - (-h / 2).expm1() * d
                x = down / a * x - (-h).expm1() * denoise(x2, middle)
            if b > 0:
                x = x + draw(shape, generator).double() * up
            continue
        if b == 0:
            x = d
            continue
        h = a.log() - b.log()
        e = 2 * h
        x = (-e).exp() * x - (-e).expm1() * d
        phi2 = (-e).expm1() / e + 1
        phi3 = phi2 / e - 0.5
        if len(history) > 1:
            (d1, h1), (d2, h2) = history[-1], history[-2]
            r0, r1 = h1 / h, h2 / h
            g0, g1 = (d - d1) / r0, (d1 - d2) / r1
            x = x + phi2 * (g0 + (g0 - g1) * r0 / (r0 + r1)) - phi3 * (g0 - g1) / (r0 + r1)
        elif history:
            d1, h1 = history[-1]
            x = x + phi2 * (d - d1) / (h1 / h)
        x = x + tree(a.float(), b.float()).double() * b * (-(-2 * h).expm1()).sqrt()
        history.append((d, h))
    return calls, x.float()


def named_sigmas(config, name, steps):
    s = diffusers.EulerDiscreteScheduler.from_config(config)
    table = np.array(((1 - s.alphas_cumprod) / s.alphas_cumprod) ** 0.5).astype(np.float64)
    n = len(table)
    if name == "simple":
        return [table[-(1 + int(i * n / steps))] for i in range(steps)] + [0.0]
    t = np.linspace(n - 1, 0, steps + 1)[:-1]
    return list(np.exp(np.interp(t, np.arange(n), np.log(table)))) + [0.0]


def cases(sampler):
    distilled = sampler in DISTILLED
    grid = [dict(config=SD1, steps=10), dict(config=LEADING, steps=4),
            dict(config=LEADING, steps=20),
            dict(config=LEADING, steps=50), dict(config=TRAILING, steps=7),
            dict(config=LINSPACE, steps=10), dict(config=LEADING, steps=1),
            dict(config=TRAILING, steps=2), dict(config=V, steps=10), dict(config=COSINE, steps=10),
            dict(config=PLAIN, steps=12), dict(config=LEADING, steps=10, strength=0.6),
            dict(config=TRAILING, steps=20, strength=0.35),
            dict(config=LEADING, steps=5, shape=(2, 3, 3, 4), seeds=(3, 5)),
            dict(config=LEADING, steps=5, shape=(2, 3, 3, 4), seeds=(2 ** 32 + 9,))]
    if sampler not in IGNORES_ZERO_SNR:
        grid.append(dict(config=ZERO_SNR, steps=10))
    if sampler not in NO_SIGMAS:
        for name in ("karras", "exponential", "beta"):
            grid.append(dict(config=LEADING, steps=10, schedule=name))
        grid.append(dict(config=LINSPACE, steps=20, schedule="karras"))
        grid.append(dict(config=dict(V, use_karras_sigmas=True), steps=8, strength=0.7))
    if sampler == "ddim":
        grid += [dict(config=LEADING, steps=10, eta=0.5), dict(config=TRAILING, steps=7, eta=1.0),
                 dict(config=dict(SD1, prediction_type="sample", thresholding=True,
                                  sample_max_value=1.2), steps=6)]
    if sampler == "ddpm":
        grid += [dict(config=dict(LEADING, variance_type="fixed_large"), steps=6),
                 dict(config=dict(LEADING, variance_type="fixed_small_log"), steps=6)]
    if sampler == "pndm":
        grid += [dict(config=dict(SD1, skip_prk_steps=False, _class_name="PNDMScheduler"),
                      steps=10),
                 dict(config=dict(V, skip_prk_steps=False), steps=5)]
    if sampler in ("ddim", "ddpm", "unipc", "dpmpp_2m", "dpmpp_2m_sde"):
        grid.append(dict(config=STEEP, steps=10))
    if sampler in ("euler", "dpmpp_2m", "unipc", "dpmpp_2m_sde"):
        grid.append(dict(config=dict(LEADING, final_sigmas_type="sigma_min"), steps=10))
    if sampler == "euler":
        grid += [dict(config=FLOW, steps=8, scheduler="FlowMatchEulerDiscreteScheduler"),
                 dict(config=FLOW, steps=8, strength=0.5,
                      scheduler="FlowMatchEulerDiscreteScheduler"),
                 dict(config=dict(FLOW, use_karras_sigmas=True, shift_terminal=0.05), steps=6,
                      scheduler="FlowMatchEulerDiscreteScheduler"),
                 dict(config=dict(LEADING, interpolation_type="log_linear"), steps=6),
                 dict(config=dict(V, timestep_type="continuous", sigma_min=0.002, sigma_max=700.0,
                                  use_karras_sigmas=True), steps=6)]
        for name in ("simple", "sgm_uniform"):
            grid.append(dict(config=LINSPACE, steps=9, schedule=name,
                             sigmas=named_sigmas(LINSPACE, name, 9)))
    if sampler in ("dpmpp_2m", "dpmpp_2m_sde"):
        grid += [dict(config=dict(LEADING, solver_type="heun"), steps=17),
                 dict(config=dict(LEADING, euler_at_final=True, final_sigmas_type="sigma_min"),
                      steps=16)]
    if sampler == "dpmpp_2m_sde":
        two = dict(shape=(2, 3, 3, 4), seeds=(3, 5))
        grid += [dict(config={}, steps=steps, scheduler=COSINE_SDE, **more) for steps, more in
                 ((10, {}), (20, two), (12, dict(strength=0.5)))]
        grid += [dict(config=dict(sigma_max=80.0, solver_type="heun"), steps=9,
                      scheduler=COSINE_SDE),
                 dict(config=dict(sigma_min=0.02, sigma_max=80.0, solver_order=1), steps=8,
                      scheduler=COSINE_SDE)]
    if sampler in ("dpmpp_2m", "unipc"):
        grid.append(dict(config=dict(prediction_type="flow_prediction", use_flow_sigmas=True,
                                     flow_shift=3.0), steps=8))
    if sampler == "unipc":
        grid += [dict(config=dict(LEADING, solver_order=3), steps=12),
                 dict(config=dict(LEADING, solver_order=3, solver_type="bh1",
                             final_sigmas_type="sigma_min"), steps=12),
                 dict(config=dict(LEADING, disable_corrector=[0, 2]), steps=6)]
    if sampler == "tcd":
        grid += [dict(config=LEADING, steps=4, eta=0.0), dict(config=LEADING, steps=4, eta=0.8)]
    if sampler == "dpm2":
        grid.append(dict(config=LEADING, steps=2, strength=0.5))
    if distilled:
        grid.append(dict(config=dict(SD1, original_inference_steps=40), steps=3))
    if sampler == "lms":   # diffusers weighs a history that an image start does not have
        grid = [c for c in grid if c.get("strength", 1) == 1]
    return grid


def noise_golden():
    """Draws in sequence from one generator, and increments of one Brownian tree."""
    nine = lambda x: [float(f"{v:.9g}") for v in x.flatten().tolist()]
    sequences = []
    for seed, sizes in ((0, (6,)), (0, (16,)), (42, (6, 3, 20, 5, 1)), (2 ** 32 + 1, (37, 15, 16)),
                        (123456789, (100,))):
        g = torch.Generator().manual_seed(seed)
        sequences.append(dict(seed=seed, sizes=list(sizes),
                              values=[nine(torch.randn(n, generator=g)) for n in sizes]))
    trees = []
    for seed, count in ((0, 16), (7, 24), (2 ** 40 + 3, 20), (11, 5)):
        low, high = 0.029167518, 14.614647
        tree = BrownianTreeNoiseSampler(torch.zeros(count), low, high, seed=seed)
        for a, b in ((high, 7.0), (7.0, 3.0), (3.0, 0.5), (0.5, low), (0.1, 0.09), (1.0, 1.000001)):
            a, b = float(np.float32(a)), float(np.float32(b))
            trees.append(dict(seed=seed, count=count, range=[float(np.float32(low)),
                                                             float(np.float32(high))],
                              step=[a, b], values=nine(tree(torch.tensor(a), torch.tensor(b)))))
    return dict(torch=torch.__version__, sequences=sequences, trees=trees)


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "noise.json").write_text(json.dumps(noise_golden(), separators=(",", ":")) + "\n")
    for sampler in [*CLASSES, "dpmpp_2s_a", "dpmpp_3m_sde"]:
        rows = []
        for case in cases(sampler):
            reference = k_diffusion if sampler not in CLASSES else run
            if sampler == "dpmpp_sde" and case["config"].get("prediction_type") == "sample":
                continue
            if reference is k_diffusion and case["config"].get("rescale_betas_zero_snr"):
                continue
            try:
                calls, x = reference(sampler, **case)
            except (ValueError, IndexError, RuntimeError) as error:
                print(f"{sampler}: skipped {case}: {error}")
                continue
            if not torch.isfinite(x).all():
                print(f"{sampler}: skipped {case}: not finite")
                continue
            config = dict(case["config"])
            if "scheduler" in case:
                config["_class_name"] = case["scheduler"]
            row = {k: v for k, v in case.items() if k not in ("config", "scheduler", "sigmas")}
            row.update(config=config, shape=list(case.get("shape", (1, 2, 3, 4))),
                       seeds=list(case.get("seeds", (7,))),
                       timesteps=[float(f"{t:.7g}") for t in calls],
                       out=[float(f"{v:.8g}") for v in x.flatten().tolist()])
            rows.append(row)
        text = json.dumps(dict(source=f"diffusers {diffusers.__version__}",
                               torch=torch.__version__, cases=rows), separators=(",", ":"))
        text = text.replace('{"steps"', '\n{"steps"')
        (folder / f"{sampler}.json").write_text(text + "\n")
        print(f"{sampler}: {len(rows)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
