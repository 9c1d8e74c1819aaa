"""What the trainings share: scenes that write-scenes.ts wrote, convolutions, and what a file says of its input."""

import json

import numpy
import onnx
import torch
from torch import nn

LABELS = ["bird", "cat", "dog", "fish", "mouse", "rabbit", "snake", "turtle"]
SIDE = 96


def read_scenes(path):
    """Pictures as bytes [n, 96, 96, 3], animals as [n, 4, 5]: left, top, right, bottom, label (-1: none)."""
    pixels = numpy.memmap(f"{path}.pixels", dtype=numpy.uint8, mode="r").reshape(-1, SIDE, SIDE, 3)
    animals = numpy.fromfile(f"{path}.animals", dtype=numpy.float32).reshape(-1, 4, 5)
    return pixels, torch.from_numpy(animals)


def as_input(pixels):
    """What the networks take: [n, 3, 96, 96], -1 to 1."""
    return (torch.from_numpy(numpy.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


@torch.no_grad()
def accuracy(network, path):
    """Share of scenes whose one animal a classifier names."""
    pixels, animals = read_scenes(path)
    starts = range(0, len(pixels), 100)
    answers = torch.cat([network(as_input(pixels[start : start + 100])).argmax(1) for start in starts])
    return float((answers == animals[:, 0, 4]).float().mean())


def mirrored(pictures, animals, which):
    """Turns the pictures of a mask [n] and the boxes of their animals left to right."""
    turned = animals.clone()
    turned[..., 0], turned[..., 2] = SIDE - animals[..., 2], SIDE - animals[..., 0]
    pictures = torch.where(which[:, None, None, None], pictures.flip(3), pictures)
    return pictures, torch.where(which[:, None, None], turned, animals)


def learning_rate(step, steps, most, warm_up=100):
    """A cosine after a linear warm-up."""
    if step < warm_up:
        return most * (step + 1) / warm_up
    return most * 0.5 * (1 + numpy.cos(numpy.pi * (step - warm_up) / (steps - warm_up))) + 1e-5


def convolution(inputs, outputs, stride=1, size=3):
    layer = nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False), nn.BatchNorm2d(outputs, momentum=0.03), nn.ReLU()
    )
    nn.init.kaiming_normal_(layer[0].weight, nonlinearity="relu")
    return layer


def folded(network):
    """Batch normalisations put into the convolutions before them."""
    for name, child in network.named_children():
        if isinstance(child, nn.Sequential) and len(child) > 1 and isinstance(child[1], nn.BatchNorm2d):
            child[0] = torch.nn.utils.fuse_conv_bn_eval(child[0], child[1])
            child[1] = nn.Identity()
        else:
            folded(child)
    return network


def with_facts(path, **facts):
    """Writes labels, and how a picture becomes an input, into a file."""
    model = onnx.load(path)
    facts = {
        "labels": json.dumps(LABELS),
        "input_layout": "NCHW",
        "input_color": "RGB",
        "input_range": "[0,255] -> x/255 -> (x-mean)/std",
        "input_scale": "0.00392156862745098",
        "input_mean": "[0.5,0.5,0.5]",
        "input_std": "[0.5,0.5,0.5]",
        "input_size": f"[{SIDE},{SIDE}]",
        **facts,
    }
    for key, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)
