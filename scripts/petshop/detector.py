"""Trains the pet-shop detector: python3 detector.py TRAINING-SCENES HELD-OUT-SCENES OUT.onnx [STEPS]

A YOLO-like network without anchors: three-by-three convolutions, maps of strides 8 and 16, of every place the distances to
the sides of a box and a score per class. Candidates are chosen as in TOOD and YOLOv8 (Feng et al. 2021, "task alignment").
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from data import LABELS, SIDE, as_input, convolution, folded, learning_rate, mirrored, read_scenes, with_facts

SEED = 2026
BATCH = 32
STRIDES = (8, 16)


class Head(nn.Module):
    """Four distances and a logit per class of every place of a map."""

    def __init__(self, inputs, stride):
        super().__init__()
        self.stride = stride
        self.conv = convolution(inputs, 48)
        self.distances = nn.Conv2d(48, 4, 1)
        self.classes = nn.Conv2d(48, len(LABELS), 1)
        nn.init.normal_(self.distances.weight, std=0.01)
        nn.init.constant_(self.distances.bias, 1.5)
        nn.init.normal_(self.classes.weight, std=0.01)
        nn.init.constant_(self.classes.bias, -4.0)

    def forward(self, x):
        x = self.conv(x)
        return F.softplus(self.distances(x).flatten(2)) * self.stride, self.classes(x).flatten(2)


def places(strides=STRIDES):
    """Centres of all places in pixels, [2, N]: row by row, one map after the other."""
    maps = []
    for stride in strides:
        along = (torch.arange(SIDE // stride) + 0.5) * stride
        y, x = torch.meshgrid(along, along, indexing="ij")
        maps.append(torch.stack([x.flatten(), y.flatten()]))
    return torch.cat(maps, 1)


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.fine = nn.Sequential(
            convolution(3, 16, 2), convolution(16, 32, 2), convolution(32, 32), convolution(32, 48, 2), convolution(48, 48)
        )
        self.coarse = nn.Sequential(convolution(48, 64, 2), convolution(64, 64), convolution(64, 64))
        self.lateral = convolution(64, 32, size=1)
        self.merge = convolution(80, 48)
        self.heads = nn.ModuleList([Head(48, 8), Head(64, 16)])
        self.register_buffer("places", places(), persistent=False)

    def forward(self, x):
        """Distances to left, top, right and bottom in pixels [n, 4, N], and logits [n, 8, N]."""
        fine = self.fine(x)
        coarse = self.coarse(fine)
        fine = self.merge(torch.cat([F.interpolate(self.lateral(coarse), scale_factor=2.0), fine], 1))
        distances, logits = zip(*(head(each) for head, each in zip(self.heads, (fine, coarse))))
        return torch.cat(distances, 2), torch.cat(logits, 2)


class Exported(nn.Module):
    """As YOLOv8 is exported: [n, 4 + 8, N], centre and size of boxes in pixels, then a sigmoid per class."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def forward(self, x):
        distances, logits = self.detector(x)
        first, last = distances[:, :2], distances[:, 2:]
        centre = self.detector.places + (last - first) * 0.5
        return torch.cat([centre, first + last, torch.sigmoid(logits)], 1)


def corners(distances, at):
    """[n, N, 4] of distances [n, 4, N]."""
    return torch.cat([at - distances[:, :2], at + distances[:, 2:]], 1).transpose(1, 2)


def overlap(a, b):
    """Intersection over union of boxes of the same shape [..., 4]."""
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    both = size[..., 0] * size[..., 1]
    area = lambda box: (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
    return both / (area(a) + area(b) - both + 1e-9)


def complete_overlap(a, b):
    """CIoU (Zheng et al. 2020): overlap, less the distance of the centres and the difference of the aspects."""
    iou = overlap(a, b)
    around = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    between = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]).square().sum(-1) / 4
    aspect = lambda box: torch.atan((box[..., 2] - box[..., 0]) / (box[..., 3] - box[..., 1] + 1e-9))
    v = (aspect(a) - aspect(b)).square() * 4 / torch.pi**2
    share = (v / (1 - iou + v + 1e-9)).detach()
    return iou - between / (around.square().sum(-1) + 1e-9) - share * v


@torch.no_grad()
def assign(boxes, scores, animals, at, most=8):
    """Which animal every place is to find [n, N] (-1: none), and how sure it is to be."""
    truth, label = animals[..., :4], animals[..., 4]
    there = label >= 0
    chosen = label.clamp(min=0).long()
    own = scores.gather(1, chosen[:, :, None].expand(-1, -1, scores.shape[2]))
    iou = overlap(truth[:, :, None], boxes[:, None])
    gaps = torch.cat([at.T[None, None] - truth[:, :, None, :2], truth[:, :, None, 2:] - at.T[None, None]], -1)
    inside = (gaps.min(-1).values > 0) & there[:, :, None]
    alignment = own.sqrt() * iou**6 * inside
    best = alignment.topk(most, 2).indices
    kept = torch.zeros_like(alignment).scatter_(2, best, 1.0) * inside
    # A place that several animals want is of the one that its box overlaps most.
    first = (iou * kept).argmax(1)
    mine = F.one_hot(first, animals.shape[1]).transpose(1, 2) * kept
    alignment, iou = alignment * mine, iou * mine
    sure = (alignment / (alignment.amax(2, keepdim=True) + 1e-9) * iou.amax(2, keepdim=True)).amax(1)
    return torch.where(mine.sum(1) > 0, first, torch.full_like(first, -1)), sure


def loss_of(distances, logits, animals, at):
    boxes = corners(distances, at)
    whose, sure = assign(boxes.detach(), logits.detach().sigmoid(), animals, at)
    found = whose >= 0
    mine = animals.gather(1, whose.clamp(min=0)[:, :, None].expand(-1, -1, 5))
    target = torch.zeros_like(logits)
    target.scatter_(1, mine[..., 4].clamp(min=0).long()[:, None], (sure * found)[:, None])
    total = sure[found].sum().clamp(min=1)
    classes = F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / total
    misses = ((1 - complete_overlap(boxes[found], mine[..., :4][found])) * sure[found]).sum() / total
    return classes + 5 * misses


@torch.no_grad()
def mean_average_precision(network, path, threshold=0.5):
    """mAP at an overlap of 0.5 after suppression at 0.45, every point of the curve of precision and recall counted."""
    pixels, animals = read_scenes(path)
    exported = Exported(network).eval()
    found = {label: [] for label in range(len(LABELS))}
    for start in range(0, len(pixels), 100):
        rows = exported(as_input(pixels[start : start + 100]))
        for i, row in enumerate(rows):
            for label in range(len(LABELS)):
                score = row[4 + label]
                order = score.argsort(descending=True)
                order = order[score[order] > 0.01]
                centre, size = row[:2, order].T, row[2:4, order].T
                boxes = torch.cat([centre - size / 2, centre + size / 2], 1)
                kept = []
                for j in range(len(order)):
                    if all(overlap(boxes[j], boxes[k]) <= 0.45 for k in kept):
                        kept.append(j)
                found[label] += [(float(score[order[j]]), start + i, boxes[j]) for j in kept]
    precisions = []
    for label, list_of in found.items():
        wanted = {(i, j) for i, j in (animals[..., 4] == label).nonzero().tolist()}
        count, hits, curve = len(wanted), 0, []
        for n, (_, scene, box) in enumerate(sorted(list_of, key=lambda each: -each[0]), 1):
            here = [(float(overlap(box, animals[scene, j, :4])), j) for i, j in wanted if i == scene]
            best, j = max(here, default=(0, -1))
            if best >= threshold:
                wanted.discard((scene, j))
                hits += 1
            curve.append((hits / count, hits / n))
        area, recall = 0.0, 0.0
        for k, (reached, _) in enumerate(curve):
            if reached > recall:
                area += (reached - recall) * max(precision for _, precision in curve[k:])
                recall = reached
        precisions.append(area)
    return sum(precisions) / len(precisions), dict(zip(LABELS, (round(p, 3) for p in precisions)))


def train(path, steps):
    torch.manual_seed(SEED)
    pixels, animals = read_scenes(path)
    network = Detector()
    print(sum(p.numel() for p in network.parameters()), "parameters", flush=True)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim == 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 1e-2}, {"params": rest, "weight_decay": 0}])
    order, start = torch.randperm(len(pixels)), time.time()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, 3e-3)
        first = step * BATCH % (len(pixels) - BATCH + 1)
        batch = order[first : first + BATCH].sort().values
        pictures, there = mirrored(as_input(pixels[batch.numpy()]), animals[batch], torch.rand(BATCH) < 0.5)
        loss = loss_of(*network(pictures), there, network.places)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
        if step % 100 == 0:
            print(step, round(loss.item(), 3), f"{time.time() - start:.0f} s", flush=True)
    return network.eval()


def main():
    scenes, held_out, out, steps = sys.argv[1], sys.argv[2], sys.argv[3], int((sys.argv[4:] or [5000])[0])
    torch.set_num_threads(1)
    network = folded(train(scenes, steps))
    names = {"input_names": ["input"], "output_names": ["output0"]}
    axes = {"input": {0: "batch"}, "output0": {0: "batch"}}
    torch.onnx.export(Exported(network), torch.zeros(1, 3, SIDE, SIDE), out, opset_version=13, dynamic_axes=axes, **names)
    with_facts(out, output="[batch, 4 + 8, 180]: centre and size in pixels, a sigmoid per class", variant="detector")
    for path in held_out.split(","):
        print(path, "mAP@0.5", mean_average_precision(network, path))


if __name__ == "__main__":
    main()
