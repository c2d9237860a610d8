#!/usr/bin/env python3
"""A model file through PyTorch and back: the same names, the same probabilities.

    benches/torch_roundtrip.py [MODEL] [--steps 200] [--env DIR] [--ours COMMAND]

1. MODEL (default: models/band.safetensors) is read with the safetensors package into plain torch modules (nn.EmbeddingBag,
   nn.LSTM, nn.Linear, nn.Embedding) by load_state_dict(strict=True): every name must be there, and no other.
2. COMMAND (`ricercar probe`) says which rows made-up steps name and what it makes of them; torch computes the same.
3. torch writes the file again, in 16 and in 32 bits, and after one optimiser step; COMMAND reads each and must agree.

Makes a throw-away environment in DIR as torch_train.py does. Prints the largest differences; ends with status 1 when a
probability differs by more than 1e-5.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv

TOLERANCE = 1e-5


def torch_side(model, out, steps, ours):
    """Runs inside the environment: the child of `main`."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(1)
    roles = ["drums", "bass", "chords", "lead"]

    class Net(nn.Module):
        """Sizes from the card; names as in the file."""

        def __init__(self, card, shapes):
            super().__init__()
            rows = lambda name: shapes[name + ".weight"][0]
            embed, hidden, decide, detail = (card[k] for k in ("embed", "hidden", "decide", "detail"))
            self.features = nn.EmbeddingBag(rows("features"), embed, mode="sum")
            self.lstm = nn.LSTM(embed, hidden, card["layers"])
            self.decide = nn.Module()
            self.decide.hidden = nn.Linear(hidden, decide)
            self.decide.context = nn.EmbeddingBag(rows("decide.context"), decide, mode="sum")
            self.decide.out = nn.ModuleDict({r: nn.Linear(decide, rows(f"decide.out.{r}")) for r in roles})
            self.detail = nn.Module()
            self.detail.hidden = nn.Linear(decide, detail)
            self.detail.context = nn.EmbeddingBag(rows("detail.context"), detail, mode="sum")
            for head in ("duration", "velocity", "offset"):
                setattr(self.detail, head, nn.Linear(detail, rows(f"detail.{head}")))
            self.detail.velocity_given = nn.Embedding(*shapes["detail.velocity_given.weight"])
            self.detail.offset_given = nn.Embedding(*shapes["detail.offset_given.weight"])

        def bag(self, table, rows, more=()):
            ids = torch.tensor([rows["ids"] + list(more)])
            return table(ids, per_sample_weights=torch.tensor([rows["weights"] + [1.0] * len(more)]))

        def forward(self, steps):
            """Logits of every decision, in order."""
            x = torch.stack([self.bag(self.features, s["features"]) for s in steps])
            top, _ = self.lstm(x)
            answers = []
            for h, step in zip(top, steps):
                for d in step["decisions"]:
                    a = F.gelu(self.decide.hidden(h) + self.bag(self.decide.context, d["context"], [d["row"]]), approximate="tanh")
                    v = F.gelu(self.detail.hidden(a) + self.bag(self.detail.context, d["manner"]), approximate="tanh")
                    answers.append([
                        self.decide.out[d["role"]](a)[0],
                        self.detail.duration(v)[0],
                        self.detail.velocity(v)[0] + self.detail.velocity_given.weight[d["duration"]],
                        self.detail.offset(v)[0] + self.detail.offset_given.weight[d["velocity"]],
                    ])
            return answers

    def read(path):
        with safe_open(path, "pt") as file:
            return {k: file.get_tensor(k).float() for k in file.keys()}, file.metadata()

    def probe(path):
        done = subprocess.run(ours + ["probe", path, "--steps", str(steps)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"ours cannot read {path}: {done.stderr}")
        return json.loads(done.stdout)["steps"]

    tensors, metadata = read(model)
    card = json.loads(metadata["ricercar"])
    net = Net(card, {k: tuple(v.shape) for k, v in tensors.items()})
    net.load_state_dict(tensors, strict=True)
    names = ["choice", "durations", "velocities", "offsets"]
    worst = 0.0

    def compare(what, asked):
        nonlocal worst
        with torch.no_grad():
            answers = net(asked)
        largest = {name: 0.0 for name in names}
        decisions = [d for step in asked for d in step["decisions"]]
        for decision, logits in zip(decisions, answers):
            for name, l in zip(names, logits):
                gap = (l.double().softmax(0) - torch.tensor(decision[name], dtype=torch.float64)).abs().max().item()
                largest[name] = max(largest[name], gap)
        worst = max([worst, *largest.values()])
        print(f"{what}: {len(decisions)} decisions, largest difference " + ", ".join(f"{k} {v:.1e}" for k, v in largest.items()))

    first = probe(model)
    compare(f"{model} in torch {torch.__version__}", first)
    for bits, kind in ((16, torch.float16), (32, torch.float32)):
        path = os.path.join(out, f"again-{bits}.safetensors")
        save_file({k: v.detach().to(kind).contiguous() for k, v in net.state_dict().items()}, path, metadata=metadata)
        print(f"written by torch in {bits} bits: ours gives the same numbers as before: {probe(path) == first}")
    sgd = torch.optim.SGD(net.parameters(), lr=1e-2)
    loss = sum(-F.log_softmax(logits[0], 0)[0] for logits in net(first[:16]))
    loss.backward()
    sgd.step()
    path = os.path.join(out, "trained.safetensors")
    save_file({k: v.detach().contiguous() for k, v in net.state_dict().items()}, path, metadata=metadata)
    asked = probe(path)
    compare("after an update in torch, written in 32 bits", asked)
    print(f"the update changed the probabilities: {asked != first}")
    sys.exit(0 if worst <= TOLERANCE else 1)


def install(python):
    """The small build for processors first, as in torch_train.py."""
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    small = ["--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "0", "--timeout", "20"]
    if subprocess.run(pip + small + ["torch"], stderr=subprocess.DEVNULL).returncode != 0:
        subprocess.run(pip + ["torch"], check=True)
    subprocess.run(pip + ["numpy", "safetensors"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="models/band.safetensors")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--env")
    parser.add_argument("--ours", default="cargo run -q --release --")
    parser.add_argument("--torch-side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_side:
        return torch_side(args.model, args.torch_side, args.steps, args.ours.split())
    folder = args.env or tempfile.mkdtemp(prefix="ricercar-torch-")
    out = tempfile.mkdtemp(prefix="ricercar-roundtrip-")
    try:
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(python):
            venv.create(folder, with_pip=True)
            install(python)
        command = [python, os.path.abspath(__file__), args.model, "--steps", str(args.steps), "--ours", args.ours, "--torch-side", out]
        sys.exit(subprocess.run(command).returncode)
    finally:
        shutil.rmtree(out, ignore_errors=True)
        if not args.env:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
