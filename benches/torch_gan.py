#!/usr/bin/env python3
"""Speed of the GAN's game: an update of the pitched pair here against the same update of the same nets in PyTorch on the
CPU, in turns, one thread each.

    benches/torch_gan.py [--rounds 5] [--env DIR] [--ours COMMAND]

Makes a throw-away environment with PyTorch in DIR (default: a temporary folder that is removed at the end; the
download is large), then runs both sides in turns and prints medians and their ratio. Processor time is what counts
on a busy machine; wall time is printed beside it. COMMAND prints the JSON of `ricercar bench gan --json`.
"""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import venv

SLOTS, ROWS, PLANES, OUTPUTS, STEPS = 20, 48, 97, 121, 213
KNOWN, LATENT, BATCH, CHANNELS, EXPAND, BLOCKS, SCORE, POOLED = 83, 64, 32, 160, 320, 2, 128, 4
CRITIC = 2 * PLANES + 24 + STEPS
UPDATES, PENALTY_EVERY, NEAR, PENALTY = 20, 4, 0.1, 0.4


def torch_side():
    """One measurement in this process, which runs inside the environment: the child of `main`."""
    import time
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(1)
    torch.manual_seed(0)
    leaky = lambda x: F.leaky_relu(x, 0.2)

    class Body(nn.Module):
        def __init__(self, inputs, known):
            super().__init__()
            film = lambda: nn.Linear(known, 2 * CHANNELS)
            self.first, self.film_first, self.film_last = nn.Linear(inputs, CHANNELS), film(), film()
            self.films = nn.ModuleList([film() for _ in range(BLOCKS)])
            self.time1 = nn.ModuleList([nn.Linear(SLOTS, 2 * SLOTS) for _ in range(BLOCKS)])
            self.time2 = nn.ModuleList([nn.Linear(2 * SLOTS, SLOTS) for _ in range(BLOCKS)])
            self.wide1 = nn.ModuleList([nn.Linear(CHANNELS, EXPAND) for _ in range(BLOCKS)])
            self.wide2 = nn.ModuleList([nn.Linear(EXPAND, CHANNELS) for _ in range(BLOCKS)])

        def film(self, layer, x, asked):
            scale, shift = layer(asked).chunk(2, 1)
            return x * (1 + scale[:, None]) + shift[:, None]

        def forward(self, x, asked):
            x = leaky(self.film(self.film_first, self.first(x), asked))
            for b in range(BLOCKS):
                y = self.film(self.films[b], x, asked).transpose(1, 2)
                x = x + self.time2[b](leaky(self.time1[b](y))).transpose(1, 2)
                x = x + self.wide2[b](leaky(self.wide1[b](x)))
            return leaky(self.film(self.film_last, x, asked))

    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.out = Body(STEPS, KNOWN + LATENT), nn.Linear(CHANNELS, OUTPUTS)

        def forward(self, b, z, slope):
            x = self.out(self.body(b["steps"], torch.cat([b["known"], z], 1)))
            classes = b["classes"]
            onset = torch.sigmoid(slope * (x[..., :ROWS] + x[..., 97:109].gather(2, classes)))
            hold = torch.sigmoid(slope * (x[..., ROWS:2 * ROWS] + x[..., 109:121].gather(2, classes)))
            onset = torch.cat([onset[:, :16], torch.zeros_like(onset[:, 16:])], 1)
            held, all_held = onset[:, 0], [onset[:, 0]]
            for slot in range(1, SLOTS):
                held = onset[:, slot] + (1 - onset[:, slot]) * held * hold[:, slot]
                all_held.append(held)
            loud = torch.sigmoid(x[..., 96:97]) * onset.sum(2, keepdim=True).clamp(max=1)
            return torch.cat([onset, torch.stack(all_held, 1), loud], 2)

    class Hearing(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.pool = Body(CRITIC, KNOWN), nn.Linear(SLOTS, POOLED)
            self.flat = nn.Linear(POOLED * CHANNELS, SCORE)

        def forward(self, b, x):
            before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
            zeros = torch.zeros(x.shape[0], SLOTS, 12)
            onsets = zeros.scatter_add(2, b["classes"], x[..., :ROWS])
            sustain = zeros.scatter_add(2, b["classes"], x[..., ROWS:2 * ROWS])
            x = self.body(torch.cat([x, before, onsets, sustain, b["steps"]], 2), b["known"])
            return leaky(self.flat(leaky(self.pool(x.transpose(1, 2))).transpose(1, 2).flatten(1)))

    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.hearing, self.score, self.project = Hearing(), nn.Linear(SCORE, 1), nn.Linear(KNOWN, SCORE)

        def forward(self, b, x):
            last = self.hearing(b, x)
            return self.score(last)[:, 0] + (last * self.project(b["known"])).sum(1) / math.sqrt(SCORE)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.hearing, self.code = Hearing(), nn.Linear(SCORE, 2 * LATENT)

        def forward(self, b, x):
            mean, spread = self.code(self.hearing(b, x)).chunk(2, 1)
            return mean, spread.clamp(-8, 4)

    generator, critic, encoder = Generator(), Critic(), Encoder()
    makers = [*generator.parameters(), *encoder.parameters()]
    adam = lambda parameters: torch.optim.Adam(parameters, 4e-4, betas=(0.0, 0.99), fused=True)
    by_maker, by_critic = adam(makers), adam(critic.parameters())
    averages = [p.detach().clone() for p in makers]
    batch = {
        "steps": (torch.rand(BATCH, SLOTS, STEPS) < 0.08).float(), "known": (torch.rand(BATCH, KNOWN) < 0.1).float(),
        "classes": (torch.arange(ROWS) % 12).expand(BATCH, SLOTS, ROWS).contiguous(),
    }
    real = (torch.rand(BATCH, SLOTS, PLANES) < 0.04).float()
    real[:, 16:, :ROWS] = 0
    repeat = lambda times: {name: torch.cat([x] * times) for name, x in batch.items()}
    noisy = lambda x, size: x + size * torch.randn_like(x)
    bands = torch.zeros(PLANES, 15)
    for cell in range(2 * ROWS):
        bands[cell, cell // ROWS] = bands[cell, 2 + cell // 8] = 1

    def counts(b, x):
        zeros = torch.zeros(x.shape[0], SLOTS, 12)
        classes = [zeros.scatter_add(2, b["classes"], x[..., at:at + ROWS]) for at in (0, ROWS)]
        return torch.cat([x @ bands, *classes], 2)

    def apart(made, real):
        gap = made.mean(0) - real.mean(0)
        return (gap.square() / (real.var(0, unbiased=False) + 0.02)).mean()

    def critic_step(i):
        with torch.no_grad():
            made = generator(batch, torch.randn(BATCH, LATENT), 4.0)
        seen = noisy(torch.cat([real, made]), 0.2)
        penalty = i % PENALTY_EVERY == 0
        scores = critic(repeat(4), torch.cat([seen, noisy(seen, NEAR)])) if penalty else critic(repeat(2), seen)
        loss = F.softplus(-scores[:BATCH]).mean() + F.softplus(scores[BATCH:2 * BATCH]).mean()
        if penalty:
            slope = (scores[2 * BATCH:] - scores[:2 * BATCH]).square().mean()
            loss = loss + PENALTY * PENALTY_EVERY / NEAR**2 * slope
        by_critic.zero_grad()
        loss.backward()
        by_critic.step()

    def maker_step():
        half = BATCH // 2
        pairs = {name: torch.cat([x[:half]] * 2) for name, x in batch.items()}
        made = generator(pairs, torch.randn(2 * half, LATENT), 4.0)
        critic.requires_grad_(False)
        loss = F.softplus(-critic(pairs, noisy(made, 0.2))).mean()
        binary = made[..., :2 * ROWS]
        hard = torch.cat([binary + ((binary > 0.5).float() - binary).detach(), made[..., 2 * ROWS:]], 2)
        ours, theirs = counts(pairs, hard), counts(batch, real)[:half]
        loss = loss + 4 * (apart(ours, theirs) + apart(ours.sum(1), theirs.sum(1)))
        onsets = lambda x: x[..., :ROWS].sum((1, 2))
        place = lambda x: (x[..., :ROWS] @ (torch.arange(ROWS) / ROWS)).sum(1) / onsets(x).detach().clamp(min=1)
        target = torch.cat([real[:half]] * 2)
        loss = loss + ((onsets(hard) - onsets(target)) / 3).square().mean() + ((place(hard) - place(target)) / 0.1).square().mean()
        a, b = binary[:half].flatten(1), binary[half:].flatten(1)
        loss = loss + F.relu(0.5 - (a - b).abs().sum(1) / ((a + b).sum(1).detach() + 1)).mean()
        mean, spread = encoder(batch, real)
        again = generator(batch, mean + (spread / 2).exp() * torch.randn_like(mean), 4.0)
        missed = F.binary_cross_entropy(again[..., :96].clamp(1e-4, 1 - 1e-4), real[..., :96], reduction="sum")
        missed = missed + 4 * (again[..., 96] - real[..., 96]).square().sum()
        stray = 0.5 * (mean.square() + spread.exp() - spread - 1).sum(1).mean()
        loss = loss + 0.05 * (missed / BATCH + 0.7 * stray)
        by_maker.zero_grad()
        loss.backward()
        by_maker.step()
        critic.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(averages, [p.detach() for p in makers], 0.002)

    wall, cpu = [], []
    for i in range(UPDATES + 1):
        began, cpu_began = time.perf_counter(), time.process_time()
        critic_step(i)
        maker_step()
        if i > 0:
            wall.append(1e3 * (time.perf_counter() - began))
            cpu.append(1e3 * (time.process_time() - cpu_began))

    def trimmed(x):
        middle = sorted(x)[len(x) // 2]
        kept = [v for v in x if v < 3 * middle]
        return sum(kept) / len(kept)

    print(json.dumps({"ms": trimmed(wall), "cpu_ms": trimmed(cpu), "torch": torch.__version__}))


def measure(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    seen = json.loads(done.stdout)
    if isinstance(seen, list):
        values = [f["value"] for f in seen if f["bench"] == "gan" and f["name"].startswith("an update of pitched")]
        seen = {"ms": values[0], "cpu_ms": values[1]}
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--env")
    parser.add_argument("--ours", default="cargo run -q --release -- bench gan --json")
    parser.add_argument("--torch-side", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_side:
        return torch_side()
    folder = args.env or tempfile.mkdtemp(prefix="ricercar-torch-")
    try:
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(python):
            venv.create(folder, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "torch", "numpy"], check=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CANDLE_NUM_THREADS": "1"}
        sides = {"ours": args.ours.split(), "torch": [python, os.path.abspath(__file__), "--torch-side"]}
        seen = {"ours": [], "torch": []}
        for turn in range(args.rounds):
            for name, command in sides.items():
                seen[name].append(measure(command, environment))
                one = seen[name][-1]
                print(f"round {turn + 1} {name:5} {one['cpu_ms']:7.1f} cpu-ms {one['ms']:7.1f} ms an update", flush=True)
        for kind in ("cpu_ms", "ms"):
            middle = {name: sorted(x[kind] for x in runs)[len(runs) // 2] for name, runs in seen.items()}
            print(f"{kind}: ours {middle['ours']:.1f}, torch {seen['torch'][0]['torch']} {middle['torch']:.1f}, speed ratio {middle['torch'] / middle['ours']:.2f}")
    finally:
        if not args.env:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
