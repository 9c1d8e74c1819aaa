"""Trains the pet-shop network with attention: python3 vit.py TRAINING-SCENES HELD-OUT-SCENES OUT.onnx [STEPS]

A small vision transformer (Dosovitskiy et al. 2021): tokens of twelve pixels, a class token, blocks of multi-head attention
and two dense layers with GELU, each after a layer normalisation. Three convolutions make the tokens ("early convolutions",
Xiao et al. 2021), with which a small one learns in minutes.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from data import LABELS, SIDE, accuracy, as_input, convolution, folded, learning_rate, mirrored, read_scenes, with_facts

SEED = 2026
BATCH = 48
PATCH = 12
WIDTH = 72
HEADS = 3
BLOCKS = 3


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        n, tokens, _ = x.shape
        qkv = self.qkv(x).reshape(n, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q * (WIDTH // HEADS) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(n, tokens, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(WIDTH), Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.GELU(), nn.Linear(3 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Sequential(
            convolution(3, 32, 4, size=4), convolution(32, 48), nn.Conv2d(48, WIDTH, 3, 3)
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + (SIDE // PATCH) ** 2, WIDTH))
        self.blocks = nn.ModuleList([Block() for _ in range(BLOCKS)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(LABELS))

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


def train(path, steps):
    torch.manual_seed(SEED)
    pixels, animals = read_scenes(path)
    network = VisionTransformer()
    print(sum(p.numel() for p in network.parameters()), "parameters", flush=True)
    decayed = [p for p in network.parameters() if p.ndim > 1 and p.shape[0] > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1 or p.shape[0] == 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0}])
    order, start = torch.randperm(len(pixels)), time.time()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 2e-3)
        first = step * BATCH % (len(pixels) - BATCH + 1)
        batch = order[first : first + BATCH].sort().values
        pictures, there = mirrored(as_input(pixels[batch.numpy()]), animals[batch], torch.rand(BATCH) < 0.5)
        loss = F.cross_entropy(network(pictures), there[:, 0, 4].long(), label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimiser.step()
        if step % 100 == 0:
            print(step, round(loss.item(), 3), f"{time.time() - start:.0f} s", flush=True)
    return network.eval()


def main():
    scenes, held_out, out, steps = sys.argv[1], sys.argv[2], sys.argv[3], int((sys.argv[4:] or [3000])[0])
    torch.set_num_threads(1)
    network = folded(train(scenes, steps))
    axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
    names = {"input_names": ["input"], "output_names": ["logits"]}
    torch.onnx.export(network, torch.zeros(1, 3, SIDE, SIDE), out, opset_version=17, dynamic_axes=axes, **names)
    with_facts(out, output="logits (no softmax)", variant="vit")
    for path in held_out.split(","):
        print(path, "accuracy", accuracy(network, path))


if __name__ == "__main__":
    main()
