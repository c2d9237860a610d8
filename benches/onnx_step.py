#!/usr/bin/env python3
"""Live speed: a step of the band net here against the same net in onnxruntime on the CPU, in turns, one thread each.

    benches/onnx_step.py [--rounds 7] [--env DIR] [--model FILE] [--ours COMMAND]

Makes a throw-away environment with onnxruntime in DIR (default: a temporary folder that is removed at the end), exports
the trained net as ONNX in f32 and, by onnxruntime's dynamic quantisation, in int8, runs both sides in turns and prints
medians and ratios. A step is the same work on both sides: two LSTM layers with their state going in and out, the
decisions' hidden layer with its GELU, the lead's head; no features, no sampling. onnxruntime is driven through bound
buffers, so that nothing is copied; what its call costs with a net that does nothing is printed, and the ratios are
given with and without it. COMMAND prints the JSON of `ricercar bench net --json`.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import venv

EMBED, HIDDEN, CLASSES, STEPS = 96, 256, 89, 4000
STATE = ["h0", "c0", "h1", "c1"]
NETS = ["f32", "int8", "nothing"]


def tensors(path):
    """The model file's tensors as f32, by name."""
    import numpy as np
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    kinds = {"F16": np.float16, "F32": np.float32}
    table = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            values = np.frombuffer(data[8 + size + first:8 + size + last], dtype=kinds[entry["dtype"]])
            table[name] = values.astype(np.float32).reshape(entry["shape"])
    return table


def export(model, folder):
    """Writes one ONNX file for each of NETS."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import QuantType, quantize_dynamic

    w = tensors(model)
    constants, nodes = [], []

    def put(name, values):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def gates(matrix):
        # PyTorch's i, f, g, o in ONNX's order i, o, f, g.
        i, f, g, o = np.split(matrix, 4)
        return np.concatenate([i, o, f, g])

    x = "x"
    for layer in range(2):
        get = lambda name: gates(w[f"lstm.{name}_l{layer}"])
        inputs = [x, put(f"w{layer}", get("weight_ih")[None]), put(f"r{layer}", get("weight_hh")[None]),
                  put(f"b{layer}", np.concatenate([get("bias_ih"), get("bias_hh")])[None]), "", f"h{layer}", f"c{layer}"]
        nodes.append(helper.make_node("LSTM", inputs, ["", f"h{layer}_next", f"c{layer}_next"], hidden_size=HIDDEN))
        x = f"h{layer}_next"
    put("hidden_w", w["decide.hidden.weight"].T), put("hidden_b", w["decide.hidden.bias"])
    put("lead_w", w["decide.out.lead.weight"].T), put("lead_b", w["decide.out.lead.bias"])
    nodes += [
        helper.make_node("MatMul", [x, "hidden_w"], ["hidden_product"]),
        helper.make_node("Add", ["hidden_product", "hidden_b"], ["hidden"]),
        helper.make_node("Gelu", ["hidden"], ["active"], approximate="tanh"),
        helper.make_node("MatMul", ["active", "lead_w"], ["lead_product"]),
        helper.make_node("Add", ["lead_product", "lead_b"], ["logits"]),
    ]
    value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, width])
    inputs = [value("x", EMBED)] + [value(name, HIDDEN) for name in STATE]
    after = [value(f"{name}_next", HIDDEN) for name in STATE]

    def save(name, nodes, constants, width):
        graph = helper.make_graph(nodes, name, inputs, [value("logits", width)] + after, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model)
        onnx.save(model, os.path.join(folder, f"{name}.onnx"))

    save("f32", nodes, constants, CLASSES)
    quantize_dynamic(os.path.join(folder, "f32.onnx"), os.path.join(folder, "int8.onnx"), weight_type=QuantType.QInt8)
    same = [helper.make_node("Identity", [name], [f"{name}_next"]) for name in STATE]
    save("nothing", same + [helper.make_node("Identity", ["x"], ["logits"])], [], EMBED)


def onnx_side(folder):
    """One measurement of each net in this process, which runs inside the environment: the child of `main`."""
    import time
    import numpy as np
    import onnxruntime

    seen = {"version": onnxruntime.__version__}
    for net in NETS:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = os.path.join(folder, f"{net}.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        room = lambda width: onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((1, 1, width), np.float32))
        x, logits = room(EMBED), room(EMBED if net == "nothing" else CLASSES)
        states = [{name: room(HIDDEN) for name in STATE} for _ in range(2)]
        # Two bindings in turn: what one step writes, the next one reads.
        turns = []
        for before, after in [states, states[::-1]]:
            turn = session.io_binding()
            turn.bind_ortvalue_input("x", x)
            turn.bind_ortvalue_output("logits", logits)
            for name in STATE:
                turn.bind_ortvalue_input(name, before[name])
                turn.bind_ortvalue_output(f"{name}_next", after[name])
            turns.append(turn)
        times = []
        for i in range(STEPS):
            began = time.perf_counter_ns()
            session.run_with_iobinding(turns[i % 2])
            times.append((time.perf_counter_ns() - began) / 1000)
        seen[net] = middle(times[STEPS // 10:])
    print(json.dumps(seen))


def middle(values):
    return sorted(values)[len(values) // 2]


def run(command):
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def ours(command):
    """Microseconds of a step in each precision, on the widest path: the figures that come last."""
    seen = {}
    for figure in run(command):
        if figure["bench"] == "net" and figure["unit"] == "us":
            seen[figure["name"].split()[0]] = figure["value"]
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--env")
    parser.add_argument("--model", default=os.path.join(os.path.dirname(__file__), "..", "models", "band.safetensors"))
    parser.add_argument("--ours", default="cargo run -q --release -- bench net --json")
    parser.add_argument("--export", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--onnx-side", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.export:
        return export(args.model, args.export)
    if args.onnx_side:
        return onnx_side(args.onnx_side)
    folder = args.env or tempfile.mkdtemp(prefix="ricercar-onnx-")
    nets = tempfile.mkdtemp(prefix="ricercar-nets-")
    try:
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(python):
            venv.create(folder, with_pip=True)
            pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run(pip + ["onnxruntime", "onnx", "numpy"], check=True)
        this = [python, os.path.abspath(__file__)]
        subprocess.run(this + ["--export", nets, "--model", args.model], check=True, stderr=subprocess.DEVNULL)
        mine, theirs = [], []
        for turn in range(args.rounds):
            mine.append(ours(args.ours.split()))
            theirs.append(run(this + ["--onnx-side", nets]))
            words = [f"{name} {us:6.1f}" for name, us in mine[-1].items()]
            others = [f"{name} {theirs[-1][name]:6.1f}" for name in NETS]
            print(f"round {turn + 1}: ours {' '.join(words)}, onnxruntime {' '.join(others)} us", flush=True)
        us = {name: middle([seen[name] for seen in mine]) for name in mine[0]}
        ort = {name: middle([seen[name] for seen in theirs]) for name in NETS}
        print(f"medians: ours {us}, onnxruntime {theirs[0]['version']} {ort} us")
        for name, other in [("f32", "f32"), ("bf16", "f32"), ("int8", "f32"), ("int8", "int8")]:
            less_call = (ort[other] - ort["nothing"]) / us[name]
            print(f"onnxruntime {other} / ours {name}: {ort[other] / us[name]:.1f} x ({less_call:.1f} x without the cost of its call)")
    finally:
        shutil.rmtree(nets, ignore_errors=True)
        if not args.env:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
