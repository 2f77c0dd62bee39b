"""Muon: momentum made orthogonal, for the weights that are matrices; Adam for the others.

Jordan et al. Muon: An optimizer for hidden layers in neural networks. 2024; the scale of an update
as in Liu et al. Muon is Scalable for LLM Training. 2025, so that one learning rate suits both.
"""

import torch


def orthogonal(matrix, steps=5):
    """The nearest semi-orthogonal matrix, nearly, by a Newton-Schulz iteration in bf16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Parameter groups with `muon` True (weights [out, in, ...]) or False; weight decay is
    decoupled."""

    def __init__(self, groups):
        super().__init__(groups, dict(lr=1e-3, weight_decay=0.0, momentum=.95, betas=(.9, .99),
                                      eps=1e-8, muon=False))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            update = self._matrix if group["muon"] else self._adam
            for p in group["params"]:
                p.mul_(1 - group["lr"] * group["weight_decay"])
                update(p, p.grad, self.state[p], group)

    def _matrix(self, p, grad, state, group):
        if not state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(grad, 1 - group["momentum"])
        ahead = grad.lerp(state["momentum"], group["momentum"])
        ahead = ahead.movedim(1, -1)   # as the weights of a convolution lie in memory
        turned = orthogonal(ahead.flatten(1)).view(ahead.shape).movedim(-1, 1)
        p.add_(turned.to(p.dtype), alpha=-group["lr"] * .2 * max(p.shape[0], p[0].numel()) ** .5)

    def _adam(self, p, grad, state, group):
        if not state:
            state.update(count=0, mean=torch.zeros_like(p), square=torch.zeros_like(p))
        state["count"] += 1
        first, second = group["betas"]
        state["mean"].lerp_(grad, 1 - first)
        state["square"].lerp_(grad.square(), 1 - second)
        bias = (1 - second ** state["count"]) ** .5 / (1 - first ** state["count"])
        p.addcdiv_(state["mean"], state["square"].sqrt().add_(group["eps"]),
                   value=-group["lr"] * bias)
