"""Writes oracle-gradients.json: the gradient of one box's score in float64, of a network of each family.

    ORACLE_FOLDER=/tmp/oracle npx vitest run test/detect/oracle-gradients.test.ts   writes the networks and what is asked
    python3 test/detect/oracle-gradients.py /tmp/oracle ../shared/tools/oracle      answers

Needs Debian's python3-torch and python3-onnx. Only what is not zero is kept: the kernels of these networks do not overlap.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import torch

folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import oracle  # noqa: E402

others = oracle.node


def node(op, x, attributes, *rest):
    """What picks queries inside of a network, as PyTorch has it: which are picked has no gradient."""
    if op == "TopK":
        return torch.topk(x[0], int(x[1].reshape(-1)[0]), dim=attributes.get("axis", -1))
    if op == "GatherElements":
        return torch.gather(x[0], attributes.get("axis", 0), x[1])
    if op == "GatherND":
        return x[0][tuple(x[1].unbind(-1))]
    return others(op, x, attributes, *rest)


oracle.node = node

found = {}
for name, asked in json.loads((folder / "asked.json").read_text()).items():
    model = onnx.load(folder / asked["file"])
    wanted = {term["value"] for term in asked["terms"]}
    # What picks among the candidates comes behind, and has no gradient.
    last = max(i for i, node in enumerate(model.graph.node) if wanted & set(node.output))
    del model.graph.node[last + 1 :]
    side = asked["side"]
    x = torch.tensor(np.fromfile(folder / asked["input"], dtype="<f4").reshape(1, 3, side, side), dtype=torch.float64)
    x.requires_grad_(True)
    values = oracle.run(model, {"x": x}, torch.float64)
    score = sum(
        term["weight"] * (torch.logit(element) if term["logit"] else element)
        for term in asked["terms"]
        for element in [values[term["value"]].reshape(-1)[term["at"]]]
    )
    score.backward()
    gradient = x.grad[0]
    asked_for = {"anchor": asked["anchor"], "index": asked["index"], "score": float(score)}
    if asked["sampled"]:
        # Through the queries every pixel counts: every so manieth is kept.
        some = gradient.reshape(-1)[:: asked["sampled"]].tolist()
        found[name] = {**asked_for, "sampled": asked["sampled"], "gradient": [float(f"{v:.7g}") for v in some]}
        continue
    rows, columns = (np.nonzero(gradient.abs().sum((0, 1 + axis)).numpy())[0] for axis in (1, 0))
    top, left, size = int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1)
    assert size == columns[-1] - columns[0] + 1
    patch = gradient[:, top : top + size, left : left + size]
    assert int((patch != 0).sum()) == int((gradient != 0).sum())
    found[name] = {
        **asked_for,
        "place": [top, left, size],
        "gradient": [float(f"{v:.7g}") for v in patch.reshape(-1).tolist()],
    }
target = pathlib.Path(__file__).with_suffix(".json")
target.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in found.items()) + "\n}\n")
