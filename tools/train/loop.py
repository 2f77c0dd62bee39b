"""What the training loops have in common: when to stop, the learning rate, reports, snapshots."""

import math
import os
import time

import numpy as np
import torch


class Budget:
    """How far a run is, from 0 to 1: of its minutes, or of the samples that it is to see in all, of
    which `seen` lie behind it; then the minutes only interrupt it. start: what of it is behind."""

    def __init__(self, minutes, start=0.0, samples=0, seen=0):
        self.minutes, self.start, self.samples, self.seen = minutes, start, samples, seen
        self.began = time.time()

    def done(self):
        passed = (time.time() - self.began) / 60 / self.minutes
        return self.seen / self.samples if self.samples else self.start + passed * (1 - self.start)

    def over(self):
        return self.done() >= 1 or time.time() - self.began >= self.minutes * 60


def cosine(peak, warm_up, least=0.0):
    """A learning rate that rises over warm_up steps and falls along the run."""
    def rate(done, step):
        rise = min(1, (step + 1) / warm_up)
        return peak * rise * (.5 + .5 * math.cos(math.pi * min(done, 1))) + least
    return rate


def train(team, rank, budget, batch, rate, loss_of, save, every=60):
    """Steps until the budget is spent. batch: samples of a process in a step; loss_of(done) gives
    the loss and the figure to report; save() runs in rank 0 every so many seconds."""
    step, reported, shown, going = 0, time.time(), [], True
    while going:
        done = budget.done()
        loss, figure = loss_of(done)
        going = team.step(loss, done, rate, step, last=budget.over())
        step += 1
        budget.seen += batch * team.size
        shown.append(float(figure.detach()))
        if rank == 0 and (not going or time.time() - reported > every):
            print(f"{time.strftime('%H:%M')} {done:.3f} step {step} seen {budget.seen} "
                  f"loss {np.mean(shown):.4f}", flush=True)
            reported, shown = time.time(), []
            save()


def store(contents, path):
    """So that a reader finds the old file or the new one, never half of it."""
    torch.save(contents, path + ".tmp")
    os.replace(path + ".tmp", path)
