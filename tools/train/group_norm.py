"""torch.nn.GroupNorm replaced by group_norm.cpp: bf16, channels-last, and a fast backward."""

import ctypes
import os
import subprocess
from pathlib import Path

import torch


def library():
    path = Path(os.environ.get("GROUP_NORM_LIBRARY", "libgroup_norm.so"))
    if not path.exists():
        subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-ffast-math", "-shared",
                        "-fPIC", str(Path(__file__).parent / "group_norm.cpp"), "-o", path],
                       check=True)
    return ctypes.CDLL(str(path.resolve()))


LIBRARY = library()


def address(tensor):
    return ctypes.c_void_p(tensor.data_ptr())


def channels_last(x):
    return x.to(torch.bfloat16).contiguous(
        **({"memory_format": torch.channels_last} if x.ndim == 4 else {}))


class Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, groups, eps):
        x = channels_last(x)
        n, c = x.shape[:2]
        y, statistics = torch.empty_like(x), torch.empty(n, groups, 2)
        ctx.sizes = (n, x.numel() // n // c, c, groups)
        LIBRARY.group_norm_forward(address(x), address(gamma), address(beta), *ctx.sizes,
                                   ctypes.c_float(eps), address(y), address(statistics))
        ctx.save_for_backward(x, gamma, statistics)
        return y

    @staticmethod
    def backward(ctx, dy):
        x, gamma, statistics = ctx.saved_tensors
        dy, dx = channels_last(dy), torch.empty_like(x)
        d_gamma, d_beta = torch.zeros_like(gamma), torch.zeros_like(gamma)
        LIBRARY.group_norm_backward(address(x), address(dy), address(gamma), address(statistics),
                                    *ctx.sizes, address(dx), address(d_gamma), address(d_beta))
        return dx, d_gamma, d_beta, None, None


class GroupNorm(torch.nn.GroupNorm):
    def forward(self, x):
        if not torch.is_autocast_enabled("cpu") or x.ndim != 4:
            return super().forward(x)
        return Function.apply(x, self.weight, self.bias, self.num_groups, self.eps)


def install(model):
    """Changes the class of every GroupNorm of the model; weights stay."""
    for module in model.modules():
        if type(module) is torch.nn.GroupNorm:
            module.__class__ = GroupNorm
    return model
