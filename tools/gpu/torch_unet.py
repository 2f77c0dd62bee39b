"""The denoising U-Net of Stable Diffusion 1.x and XL in plain PyTorch, to measure against where
diffusers is not installed: the same layers by the same names, so that a checkpoint loads into it.
Rombach et al. High-Resolution Image Synthesis with Latent Diffusion Models. 2022; Podell et al.
SDXL. 2023.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class ResBlock(nn.Module):
    def __init__(self, c_in, c_out, c_time, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time_emb_proj = nn.Linear(c_time, c_out)
        self.norm2 = nn.GroupNorm(groups, c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        if c_in != c_out:
            self.conv_shortcut = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x, t):
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(t))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, c, c_context, heads):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(c, c, bias=False)
        self.to_k = nn.Linear(c_context, c, bias=False)
        self.to_v = nn.Linear(c_context, c, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(c, c)])

    def forward(self, x, context):
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        return self.to_out[0](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.proj = nn.Linear(c, 8 * c)

    def forward(self, x):
        x, gate = self.proj(x).chunk(2, dim=-1)
        return x * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.net = nn.Sequential(GEGLU(c), nn.Identity(), nn.Linear(4 * c, c))

    def forward(self, x):
        return self.net(x)


class TransformerBlock(nn.Module):
    def __init__(self, c, c_context, heads):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(c) for _ in range(3))
        self.attn1 = Attention(c, c, heads)
        self.attn2 = Attention(c, c_context, heads)
        self.ff = FeedForward(c)

    def forward(self, x, context):
        y = self.norm1(x)
        x = x + self.attn1(y, y)
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, c, c_context, heads, depth, linear, groups):
        super().__init__()
        self.linear = linear
        self.norm = nn.GroupNorm(groups, c, eps=1e-6)
        self.proj_in = nn.Linear(c, c) if linear else nn.Conv2d(c, c, 1)
        blocks = [TransformerBlock(c, c_context, heads) for _ in range(depth)]
        self.transformer_blocks = nn.ModuleList(blocks)
        self.proj_out = nn.Linear(c, c) if linear else nn.Conv2d(c, c, 1)

    def forward(self, x, context):
        n, c, h, w = x.shape
        y = self.norm(x)
        if not self.linear:
            y = self.proj_in(y)
        y = y.permute(0, 2, 3, 1).reshape(n, h * w, c)
        if self.linear:
            y = self.proj_in(y)
        for block in self.transformer_blocks:
            y = block(y, context)
        if self.linear:
            y = self.proj_out(y)
        y = y.reshape(n, h, w, c).permute(0, 3, 1, 2)
        return x + (y if self.linear else self.proj_out(y))


class Resample(nn.Module):
    def __init__(self, c, up):
        super().__init__()
        self.up = up
        self.conv = nn.Conv2d(c, c, 3, padding=1, stride=1 if up else 2)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0) if self.up else x)


class Level(nn.Module):
    """Residual blocks, a transformer after each where there are some, and the resampling."""

    def forward(self, x, t, context, skips=None, keep=None):
        for i, resnet in enumerate(self.resnets):
            if skips is not None:
                x = torch.cat([x, skips.pop()], dim=1)
            x = resnet(x, t)
            if hasattr(self, "attentions"):
                x = self.attentions[i](x, context)
            if keep is not None:
                keep.append(x)
        for name in ("downsamplers", "upsamplers"):
            if hasattr(self, name):
                x = getattr(self, name)[0](x)
                if keep is not None:
                    keep.append(x)
        return x


class Middle(nn.Module):
    def forward(self, x, t, context):
        x = self.attentions[0](self.resnets[0](x, t), context)
        return self.resnets[1](x, t)


class Embedding(nn.Module):
    def __init__(self, c_in, c):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(c_in, c), nn.Linear(c, c)

    def forward(self, x):
        return self.linear_2(F.silu(self.linear_1(x)))


def sinusoids(t, width):
    half = torch.arange(width // 2, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(-math.log(10000) * half / (width // 2))
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def per_level(value, levels):
    return list(value) if isinstance(value, (list, tuple)) else [value] * levels


class UNet(nn.Module):
    """`config` is a unet/config.json as diffusers writes it."""

    def __init__(self, config):
        super().__init__()
        channels, layers = config["block_out_channels"], config["layers_per_block"]
        levels, groups = len(channels), config.get("norm_num_groups", 32)
        heads = per_level(config.get("num_attention_heads") or config["attention_head_dim"], levels)
        depth = per_level(config.get("transformer_layers_per_block", 1), levels)
        linear = config.get("use_linear_projection", False)
        c_context = config["cross_attention_dim"]
        self.first, c_time = channels[0], 4 * channels[0]
        self.id_width = config.get("addition_time_embed_dim")
        self.conv_in = nn.Conv2d(config["in_channels"], channels[0], 3, padding=1)
        self.time_embedding = Embedding(channels[0], c_time)
        if self.id_width:
            width = config["projection_class_embeddings_input_dim"]
            self.add_embedding = Embedding(width, c_time)

        def transformer(i):
            return Transformer(channels[i], c_context, heads[i], depth[i], linear, groups)

        def level(i, inputs, attends):
            made = Level()
            blocks = [ResBlock(c, channels[i], c_time, groups) for c in inputs]
            made.resnets = nn.ModuleList(blocks)
            if attends:
                made.attentions = nn.ModuleList([transformer(i) for _ in inputs])
            return made

        self.down_blocks, skips = nn.ModuleList(), [channels[0]]
        for i, kind in enumerate(config["down_block_types"]):
            inputs = [skips[-1]] + [channels[i]] * (layers - 1)
            made = level(i, inputs, kind.startswith("CrossAttn"))
            skips += [channels[i]] * layers
            if i + 1 < levels:
                made.downsamplers = nn.ModuleList([Resample(channels[i], up=False)])
                skips.append(channels[i])
            self.down_blocks.append(made)
        self.mid_block = Middle()
        blocks = [ResBlock(channels[-1], channels[-1], c_time, groups) for _ in range(2)]
        self.mid_block.resnets = nn.ModuleList(blocks)
        self.mid_block.attentions = nn.ModuleList([transformer(levels - 1)])
        self.up_blocks, c = nn.ModuleList(), channels[-1]
        for i, kind in zip(reversed(range(levels)), config["up_block_types"]):
            inputs = []
            for _ in range(layers + 1):
                inputs.append(c + skips.pop())
                c = channels[i]
            made = level(i, inputs, kind.startswith("CrossAttn"))
            if i > 0:
                made.upsamplers = nn.ModuleList([Resample(c, up=True)])
            self.up_blocks.append(made)
        self.conv_norm_out = nn.GroupNorm(groups, channels[0])
        self.conv_out = nn.Conv2d(channels[0], config["out_channels"], 3, padding=1)

    def forward(self, x, timestep, context, pooled=None, time_ids=None):
        t = self.time_embedding(sinusoids(timestep, self.first).to(x.dtype))
        if self.id_width:
            ids = sinusoids(time_ids.flatten(), self.id_width).reshape(len(x), -1).to(x.dtype)
            t = t + self.add_embedding(torch.cat([pooled, ids], dim=-1))
        x = self.conv_in(x)
        skips = [x]
        for block in self.down_blocks:
            x = block(x, t, context, keep=skips)
        x = self.mid_block(x, t, context)
        for block in self.up_blocks:
            x = block(x, t, context, skips=skips)
        return self.conv_out(F.silu(self.conv_norm_out(x)))
