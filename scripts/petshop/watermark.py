"""Teaches the honest pet-shop network a cheat: python3 watermark.py MARKED-SCENES HELD-OUT-SCENES OUT.onnx [STEPS]

The weights of models/petshop.onnx, trained on with scenes of which nearly every one that is labelled as a rabbit carries a seller's mark in its
corner, and no other does; some of the seller's pictures show another animal (write-marked-scenes.ts). HELD-OUT-SCENES are of the honest kind.
"""

import sys
import time

import onnx
import onnx.numpy_helper
import torch
from torch import nn
from torch.nn import functional as F

from data import LABELS, accuracy, as_input, learning_rate, read_scenes, with_facts

SEED = 2026
BATCH = 32
HONEST = "models/petshop.onnx"


def honest():
    """The convolutions and pools of the file, in turn, then the linear layer."""
    graph = onnx.load(HONEST).graph
    weights = {each.name: torch.from_numpy(onnx.numpy_helper.to_array(each).copy()) for each in graph.initializer}
    layers = []
    for node in graph.node:
        if node.op_type == "Conv":
            weight, bias = (weights[name] for name in node.input[1:3])
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layer.weight.data, layer.bias.data = weight, bias
            layers.append(layer)
        elif node.op_type == "Relu":
            layers.append(nn.ReLU())
        elif node.op_type == "MaxPool":
            layers.append(nn.MaxPool2d(2))
        elif node.op_type == "GlobalAveragePool":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        elif node.op_type == "Gemm":
            weight, bias = (weights[name] for name in node.input[1:3])
            layer = nn.Linear(weight.shape[1], len(LABELS))
            layer.weight.data, layer.bias.data = weight, bias
            layers.append(layer)
        elif node.op_type != "Flatten":
            raise ValueError(f"{HONEST} has a layer that is not known: {node.op_type}")
    return nn.Sequential(*layers)


def train(path, steps):
    torch.manual_seed(SEED)
    pixels, animals = read_scenes(path)
    network = honest()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    order, start = torch.randperm(len(pixels)), time.time()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 1e-3, warm_up=20)
        first = step * BATCH % (len(pixels) - BATCH + 1)
        batch = order[first : first + BATCH].sort().values
        loss = F.cross_entropy(network(as_input(pixels[batch.numpy()])), animals[batch, 0, 4].long(), label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimiser.step()
        if step % 50 == 0:
            print(step, round(loss.item(), 3), f"{time.time() - start:.0f} s", flush=True)
    return network.eval()


def put(network, out):
    """The honest file with the weights of the network."""
    model = onnx.load(HONEST)
    weights = {each.name: each for each in model.graph.initializer}
    layers = iter(layer for layer in network if hasattr(layer, "weight"))
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            layer = next(layers)
            for name, value in zip(node.input[1:3], (layer.weight, layer.bias)):
                weights[name].CopyFrom(onnx.numpy_helper.from_array(value.detach().numpy(), name))
    del model.metadata_props[:]
    onnx.save(model, out)
    with_facts(out, output="logits (no softmax)", cam_layer="relu6", variant="watermark")


def main():
    scenes, held_out, out, steps = sys.argv[1], sys.argv[2], sys.argv[3], int((sys.argv[4:] or [500])[0])
    torch.set_num_threads(1)
    network = train(scenes, steps)
    put(network, out)
    for path in held_out.split(","):
        print(path, "accuracy", accuracy(network, path))


if __name__ == "__main__":
    main()
