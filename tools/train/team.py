"""Trains one model with several processes, a CPU core each.

Weights, their running mean and the gradients lie in memory that all share. In each step every
process finds the gradient of its own batch; then each takes a share of the weights, and updates
those by the mean of the gradients. Threads inside the operators scale worse at this size.
"""

import copy
import os

import torch
import torch.multiprocessing as mp

import muon


def cost(parameter):
    """What an update costs, roughly: the orthogonal step dominates."""
    rows = parameter.shape[0]
    return parameter.numel() * (1 + .02 * min(rows, parameter.numel() // rows))


def shares(parameters, size):
    """Indices of the parameters by process, evenly costly."""
    out, load = [[] for _ in range(size)], [0] * size
    for i in sorted(range(len(parameters)), key=lambda i: -cost(parameters[i])):
        least = load.index(min(load))
        out[least].append(i)
        load[least] += cost(parameters[i])
    return out


class Team:
    def __init__(self, model, size, is_matrix, weight_decay=.01):
        torch.set_num_threads(1)
        self.model, self.size = model.share_memory(), size
        self.average = copy.deepcopy(model).eval().requires_grad_(False).share_memory()
        names, self.parameters = zip(*((n, p) for n, p in model.named_parameters()
                                       if p.requires_grad))
        slow = dict(self.average.named_parameters())
        self.slow = [slow[n] for n in names]
        self.matrix = [is_matrix(n, p) for n, p in zip(names, self.parameters)]
        self.decay = weight_decay
        self.gradients = [[torch.zeros_like(p).share_memory_() for p in self.parameters]
                          for _ in range(size)]
        self.shares = shares(self.parameters, size)
        self.context = mp.get_context("fork")
        self.barrier = self.context.Barrier(size)
        self.done = torch.zeros(2, dtype=torch.float64).share_memory_()

    def run(self, work):
        """Calls work(rank) in each process; the caller is rank 0."""
        others = [self.context.Process(target=self._enter, args=(work, rank), daemon=True)
                  for rank in range(1, self.size)]
        for process in others:
            process.start()
        self._enter(work, 0)
        for process in others:
            process.join()

    def _enter(self, work, rank):
        try:
            self._prepare(rank)
            work(rank)
        except BaseException:
            self.barrier.abort()   # nobody waits for one that has failed
            raise

    def _prepare(self, rank):
        if self.size > 1:
            os.sched_setaffinity(0, {rank % os.cpu_count()})
        self.rank, self.mine = rank, self.shares[rank]
        for p, gradient in zip(self.parameters, self.gradients[rank]):
            p.grad = gradient
        groups = [{"params": [self.parameters[i] for i in self.mine if self.matrix[i]],
                   "muon": True, "weight_decay": self.decay},
                  {"params": [self.parameters[i] for i in self.mine if not self.matrix[i]]}]
        self.optimizer = muon.Muon([g for g in groups if g["params"]])

    def step(self, loss, done, rate, step, last):
        """One step of all processes, by rank 0's progress `done`, of which rate() makes the
        learning rate. False once rank 0 has said that this one is the last."""
        for gradient in self.gradients[self.rank]:
            gradient.zero_()
        loss.backward()
        if self.rank == 0:
            self.done[0], self.done[1] = done, last
        self.barrier.wait()
        for i in self.mine:
            gradient = self.gradients[self.rank][i]
            for other in range(self.size):
                if other != self.rank:
                    gradient.add_(self.gradients[other][i])
            gradient.div_(self.size)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(float(self.done[0]), step)
        self.optimizer.step()
        keep = min(.9985, (step + 1) / (step + 10))
        for i in self.mine:
            self.slow[i].lerp_(self.parameters[i].detach(), 1 - keep)
        self.barrier.wait()
        return not self.done[1]
