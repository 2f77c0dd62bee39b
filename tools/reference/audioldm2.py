"""Goldens of AudioLDM 2's U-Net: diffusers with weights that a hash makes (models.py), so that only
the configuration, tensor names and results are stored.

    python tools/reference/audioldm2.py

Writes tests/golden/audio/audioldm2.json and audioldm2.safetensors.
"""

import json

import diffusers
import torch
from diffusers import AudioLDM2UNet2DConditionModel
from safetensors.torch import save_file

from audioldm import OUT, fill, tree_of
from models import noise

UNET = dict(
    in_channels=8,
    out_channels=8,
    block_out_channels=[32, 64],
    cross_attention_dim=[[None, 24, 40], [None, 24, 40]],
    attention_head_dim=4,
    down_block_types=["DownBlock2D", "CrossAttnDownBlock2D"],
    up_block_types=["CrossAttnUpBlock2D", "UpBlock2D"],
    layers_per_block=2,
    norm_num_groups=8,
    sample_size=16,
)


def main():
    unet = fill(AudioLDM2UNet2DConditionModel.from_config(UNET))
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[0, 5:] = 0
    out = unet(
        noise("latent", (2, 8, 11, 6)) * 2,
        torch.tensor([981.0, 20.5]),
        encoder_hidden_states=noise("generated", (2, 8, 24)) * 2,
        encoder_hidden_states_1=noise("text", (2, 9, 40)) * 2,
        encoder_attention_mask_1=mask,
    ).sample
    document = dict(
        source=f"diffusers {diffusers.__version__}, torch {torch.__version__}",
        config=dict(_class_name="AudioLDM2UNet2DConditionModel", **UNET),
        tensors=tree_of({k: v.shape for k, v in unet.state_dict().items()}),
    )
    text = json.dumps(document, separators=(",", ":"))
    (OUT / "audioldm2.json").write_text(text + "\n")
    save_file(dict(unet=out), OUT / "audioldm2.safetensors")
    (OUT / "audioldm2.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
