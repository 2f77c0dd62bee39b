"""What the trainers of denoisers share: the noise schedule and the loss.

Ho et al. Denoising Diffusion Probabilistic Models. 2020; v-prediction of Salimans and Ho.
Progressive Distillation for Fast Sampling of Diffusion Models. 2022; schedule with zero terminal
SNR of Lin et al. Common Diffusion Noise Schedules and Sample Steps are Flawed. 2023.
"""

import torch
from diffusers import DDIMScheduler

SCHEDULER = dict(num_train_timesteps=1000, beta_start=.00085, beta_end=.012,
                 beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True,
                 prediction_type="v_prediction", rescale_betas_zero_snr=True,
                 timestep_spacing="trailing", steps_offset=1)


def loss_of(predict, x0, weight=1.0):
    """predict(noisy latents, timesteps) gives v; weight: of each place, [n, 1, h, w], or 1."""
    abar = DDIMScheduler(**SCHEDULER).alphas_cumprod
    # Stratified over the schedule, so that a small batch sees all of it.
    count = len(x0)
    t = ((torch.arange(count) + torch.rand(count)) * 1000 / count).long()
    a, s = abar[t].sqrt().view(-1, 1, 1, 1), (1 - abar[t]).sqrt().view(-1, 1, 1, 1)
    noise = torch.randn_like(x0)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = predict(a * x0 + s * noise, t)
    error = (predicted.float() - (a * noise - s * x0)).square().mean(1, keepdim=True)
    return (error * weight).mean() / torch.as_tensor(weight).mean()


def is_matrix(name, parameter):
    """Whether Muon updates it: not tables of embeddings, and not the first and last layer."""
    return parameter.ndim > 1 and not any(w in name for w in ("embedding.", "embeddings.",
                                                              "conv_in", "conv_out"))
