"""PyTorch's times for measure.py: python torch_side.py DEVICE JOBS, a JSON object a line.

Half precision on a GPU, channels last, scaled_dot_product_attention; each the median of runs after
warming up, eager and, on CUDA, captured in a graph, which leaves out what the host takes.
"""

import json
import statistics
import sys
import time

import torch

import torch_unet

DEVICE = sys.argv[1]
CUDA = DEVICE == "cuda"
DTYPE = torch.float16 if CUDA else torch.float32


def median(run, runs):
    times = []
    for i in range(runs + 3):
        if CUDA:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            torch.cuda.synchronize()
            times.append(begin.elapsed_time(end))
        else:
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times[3:])


def matmul(n):
    a, b = (torch.randn(n, n, device=DEVICE, dtype=DTYPE) for _ in range(2))
    ms = median(lambda: a @ b, 20 if CUDA else 3)
    return {"name": f"matmul {n}", "ms": ms, "tflops": 2 * n**3 / ms / 1e9}


def inputs(config, size, pixels=8):
    def random(*shape):
        return torch.randn(*shape, device=DEVICE, dtype=DTYPE)

    latent = random(2, config["in_channels"], size // pixels, size // pixels)
    given = [latent.to(memory_format=torch.channels_last), torch.full((2,), 512.0, device=DEVICE),
             random(2, 77, config["cross_attention_dim"])]
    if ids := config.get("addition_time_embed_dim"):
        pooled = config["projection_class_embeddings_input_dim"] - 6 * ids
        given += [random(2, pooled), torch.full((2, 6), 1024.0, device=DEVICE)]
    return given


def network(config):
    """diffusers' own, where it is installed, else ours of the same layers."""
    try:
        from diffusers import UNet2DConditionModel
    except ImportError:
        return torch_unet.UNet(config), "plain torch"
    model = UNet2DConditionModel.from_config(config)

    class Called(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x, t, context, pooled=None, ids=None):
            added = None if pooled is None else {"text_embeds": pooled, "time_ids": ids}
            return self.model(x, t, context, added_cond_kwargs=added).sample

    return Called(), "diffusers"


def unet(name, path, size):
    config = json.loads(open(path).read())
    with torch.device(DEVICE):
        model, source = network(config)
    model = model.to(DTYPE).to(memory_format=torch.channels_last).eval()
    given = inputs(config, size)
    yield {"name": f"{name} eager", "source": source,
           "ms": median(lambda: model(*given), 10 if CUDA else 2)}
    if not CUDA:
        return
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(*given)
    yield {"name": f"{name} graph", "source": source, "ms": median(graph.replay, 10)}


@torch.no_grad()
def main():
    torch.backends.cudnn.benchmark = True
    print(json.dumps({"name": "torch", "version": torch.__version__, "device": DEVICE}), flush=True)
    for job in json.loads(sys.argv[2]):
        if "matmul" in job:
            print(json.dumps(matmul(job["matmul"])), flush=True)
            continue
        try:
            for row in unet(job["name"], job["unet"], job["size"]):
                print(json.dumps(row), flush=True)
        except RuntimeError as failure:
            print(f"{job['name']}: {failure}", file=sys.stderr)


main()
