#!/usr/bin/env python3
"""Training speed: the band net here against the same net in PyTorch on the CPU, 2 x 256 and 2 x 512, in turns, one thread each.

    benches/torch_train.py [--rounds 5] [--env DIR] [--ours COMMAND]

Where the processor has a tile unit (AMX), ours uses it for products of split f32 numbers; both sides are then measured
twice: ours with tiles and without, PyTorch in f32 and under its own bf16 autocast, which uses the unit at lower precision.

Makes a throw-away environment with PyTorch in DIR (default: a temporary folder that is removed at the end; the build
for processors alone where its index can be reached, else the large one of PyPI), then runs both sides in turns and
prints medians and their ratio. Processor time is what counts on a busy machine; wall time is printed beside it.
COMMAND prints the JSON of `ricercar bench train --json`.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv

FEATURES, CONTEXT, MANNER = 961, 1228, 450
EMBED, DECIDE, DETAIL = 96, 256, 128
STEP_IDS, SHARED_IDS, DETAIL_IDS, BATCH, WINDOW, UPDATES = 40, 24, 17, 32, 128, 5


HIDDENS = (256, 512)


def torch_side():
    """One measurement of each size in this process, which runs inside the environment: the child of `main`."""
    ways = {"f32": False, "bf16 autocast": True}
    print(json.dumps([{"of": f"torch {way}", **torch_net(hidden, is_half)} for hidden in HIDDENS for way, is_half in ways.items()]))


def torch_net(hidden, is_half):
    import time
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = BATCH * WINDOW

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.EmbeddingBag(FEATURES, EMBED, mode="sum")
            self.lstm = nn.LSTM(EMBED, hidden, 2)
            self.hidden = nn.Linear(hidden, DECIDE)
            self.context = nn.EmbeddingBag(CONTEXT, DECIDE, mode="sum")
            self.out = nn.ModuleList([nn.Linear(DECIDE, 89) for _ in range(3)])
            self.detail = nn.Linear(DECIDE, DETAIL)
            self.manner = nn.EmbeddingBag(MANNER, DETAIL, mode="sum")
            self.heads = nn.ModuleList([nn.Linear(DETAIL, n) for n in (11, 16, 15)])
            self.given = nn.ModuleList([nn.Embedding(12, 16), nn.Embedding(16, 15)])

        def forward(self, b):
            x = self.features(b["ids"], per_sample_weights=b["ids_w"]).view(WINDOW, BATCH, EMBED)
            h = self.lstm(x)[0].reshape(rows, hidden)
            p = self.hidden(h)
            # The rows that a role's decisions share are summed once, as on the other side.
            shared = self.context(b["shared"], per_sample_weights=b["shared_w"])
            own = self.context(b["own"], per_sample_weights=b["own_w"])
            a = F.gelu((p[b["row"]] + shared)[b["group"]] + own, approximate="tanh")
            loss, first = 0.0, 0
            for out, end in zip(self.out, b["ends"]):
                logits = out(a[first:end]).masked_fill(b["mask"][first:end], -1e9)
                loss = loss + F.cross_entropy(logits, b["class"][first:end], reduction="sum")
                first = end
            v = F.gelu(self.detail(a[b["note"]]) + self.manner(b["manner"], per_sample_weights=b["manner_w"]), approximate="tanh")
            logits = [head(v) for head in self.heads]
            logits[1] = logits[1] + self.given[0](b["duration"])
            logits[2] = logits[2] + self.given[1](b["velocity"])
            for x, y in zip(logits, (b["duration"], b["velocity"], b["offset"])):
                loss = loss + F.cross_entropy(x, y, reduction="sum")
            return loss / b["class"].numel()

    def ints(high, *dims):
        return torch.randint(0, high, dims)

    ends = [rows, 3 * rows, 4 * rows]
    pitches = 1 + ints(88, rows)
    classes = torch.zeros(4 * rows, dtype=torch.long)
    classes[rows:3 * rows:2] = pitches
    last = torch.zeros(4 * rows, dtype=torch.long)
    last[rows + 1:3 * rows:2] = pitches
    index = torch.arange(89)
    batch = {
        "ids": ints(FEATURES, rows, STEP_IDS), "ids_w": torch.ones(rows, STEP_IDS),
        "row": torch.arange(rows).repeat(3),
        "shared": ints(CONTEXT, 3 * rows, SHARED_IDS), "shared_w": torch.ones(3 * rows, SHARED_IDS),
        "group": torch.cat([torch.arange(rows), torch.arange(rows, 2 * rows).repeat_interleave(2), torch.arange(2 * rows, 3 * rows)]),
        "own": ints(CONTEXT, 4 * rows, 2), "own_w": torch.ones(4 * rows, 2),
        "ends": ends, "class": classes,
        "mask": (index > 0) & (index <= last[:, None]),
        "note": torch.arange(rows, 3 * rows, 2), "manner": ints(MANNER, rows, DETAIL_IDS), "manner_w": torch.ones(rows, DETAIL_IDS),
        "duration": ints(11, rows), "velocity": ints(16, rows), "offset": ints(15, rows),
    }
    net = Net()
    adam = torch.optim.AdamW(net.parameters(), 1e-3, betas=(0.9, 0.98), weight_decay=0.03, fused=True)
    wall, cpu = [], []
    for i in range(UPDATES + 1):
        began, cpu_began = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_half):
            loss = net(batch)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        if i > 0:
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - cpu_began)
    middle = lambda x: rows / sorted(x)[len(x) // 2]
    return {"hidden": hidden, "steps_per_s": middle(wall), "steps_per_cpu_s": middle(cpu), "loss": loss.item(), "torch": torch.__version__}


def measure(command, environment):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    seen = json.loads(done.stdout)
    if "bench" not in seen[0]:
        yield from seen
        return
    figures = [figure for figure in seen if figure["bench"] == "train"]
    for wall, cpu in zip(figures[::2], figures[1::2]):
        hidden, way = int(wall["name"].split()[2].rstrip(",")), wall["name"].rsplit(", ", 1)[1]
        yield {"of": f"ours {way}", "hidden": hidden, "steps_per_s": wall["value"], "steps_per_cpu_s": cpu["value"]}


def install(python):
    """The small build for processors first; PyPI's own brings several GB of libraries for graphics cards."""
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    small = ["--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "0", "--timeout", "20"]
    if subprocess.run(pip + small + ["torch"], stderr=subprocess.DEVNULL).returncode != 0:
        print("PyTorch's index of builds for processors cannot be reached: taking the large one of PyPI", flush=True)
        subprocess.run(pip + ["torch"], check=True)
    # Only to keep PyTorch from complaining.
    subprocess.run(pip + ["numpy"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--env")
    parser.add_argument("--ours", default="cargo run -q --release -- bench train --json")
    parser.add_argument("--torch-side", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_side:
        return torch_side()
    folder = args.env or tempfile.mkdtemp(prefix="ricercar-torch-")
    try:
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(python):
            venv.create(folder, with_pip=True)
            install(python)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "CANDLE_NUM_THREADS": "1"}
        sides = {"ours": args.ours.split(), "torch": [python, os.path.abspath(__file__), "--torch-side"]}
        seen, version = {}, ""
        for turn in range(args.rounds):
            for command in sides.values():
                for one in measure(command, environment):
                    seen.setdefault((one["hidden"], one["of"]), []).append(one)
                    rates = f"{one['steps_per_cpu_s']:8.0f} steps/cpu-s {one['steps_per_s']:8.0f} steps/s"
                    print(f"round {turn + 1} 2 x {one['hidden']} {one['of']:20} {rates}", flush=True)
                    version = one.get("torch", version)
        print(f"medians of {args.rounds} rounds, PyTorch {version}, ratio to its f32:")
        for kind in ("steps_per_cpu_s", "steps_per_s"):
            middle = {key: sorted(x[kind] for x in runs)[len(runs) // 2] for key, runs in seen.items()}
            for (hidden, of), rate in middle.items():
                ratio = rate / middle[hidden, "torch f32"]
                print(f"2 x {hidden}, {kind}: {of} {rate:.0f}, ratio {ratio:.2f}")
    finally:
        if not args.env:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
