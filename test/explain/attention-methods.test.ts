/** Attention rollout and relevance against plain loops over captured maps and gradients; DeepLIFT through attention. */
import { describe, expect, it, vi } from "vitest";
import { LayerError, OptionError } from "../../src/errors";
import {
  attentionMaps,
  attentionRelevance,
  attentionRollout,
  deepLift,
  heatmap,
  inputXGradient,
  inspect,
  loadModel,
  showReport,
  Tensor,
} from "../../src/index";
import { attentionLayers } from "../../src/model/attention-layers";
import { loaded } from "../../src/model/loaded-model";
import type { Model } from "../../src/model/model";
import { writeOnnx } from "../../src/onnx/writer";
import { sizeOf } from "../../src/tensor";
import { transformer } from "../graph/transformer";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const open = (name: string): Promise<Model> => loadModel(sharedPath(`models/modern/${name}.onnx`));
const pictureOf = (name: string): Tensor =>
  Tensor.fromNCHW(new Float32Array(readShared(`models/modern/${name}.in0.bin`).buffer), [1, 3, 64, 64]);

/** What the formulas make of one matrix per block, `[heads][T][T]` each, by loops over single numbers. */
function chained(blocks: readonly (readonly number[][])[], relevance: boolean): number[][] {
  const tokens = blocks[0].length;
  let result = Array.from({ length: tokens }, (_, i) => Array.from({ length: tokens }, (_, j) => Number(i === j)));
  for (const block of blocks) {
    result = result.map((row, i) =>
      row.map((own, j) => {
        let sum = relevance ? own : 0;
        for (let k = 0; k < tokens; k++) {
          const a = relevance ? block[i][k] : block[i][k] / 2 + (i === k ? 0.5 : 0);
          sum += a * result[k][j];
        }
        return sum;
      }),
    );
  }
  return result;
}

/** Row-major `[…, h, T, T]` as the mean over heads. */
function meanOf(values: ArrayLike<number>, tokens: number): number[][] {
  const heads = values.length / tokens ** 2;
  return Array.from({ length: tokens }, (_, i) =>
    Array.from({ length: tokens }, (_, j) => {
      let sum = 0;
      for (let head = 0; head < heads; head++) sum += values[head * tokens ** 2 + i * tokens + j];
      return sum / heads;
    }),
  );
}

const rowMajor = (tensor: Tensor): Float32Array => (tensor.shape.length === 4 ? tensor.toNCHW() : tensor.data);

const mapsAndGradients = async (model: Model, x: Tensor, target: number) => {
  const layers = attentionLayers(loaded(model));
  return Promise.all(
    layers.map(async ({ layer }) => {
      const { activations } = await model.run(x, { capture: [layer] });
      const map = rowMajor(activations.get(layer) as Tensor);
      // input × gradient at the map is ∇A ⊙ A.
      const product = rowMajor((await inputXGradient(model, x, { target, layer })).values);
      return { map, product };
    }),
  );
};

/** [rows, columns, tokens in front] */
const grids: Readonly<Record<string, readonly [number, number, number]>> = {
  vit_small: [4, 4, 1],
  vit_small_op16: [4, 4, 1],
  clip_vit: [4, 4, 1],
};

describeShared("attention, followed from block to block", () => {
  for (const [name, [rows, columns, inFront]] of Object.entries(grids)) {
    it(`${name}: rollout and relevance are those of plain loops`, { timeout: 60_000 }, async () => {
      using model = await open(name);
      const x = pictureOf(name);
      const tokens = rows * columns + inFront;
      const captured = await mapsAndGradients(model, x, 3);
      expect(captured.length).toBeGreaterThan(1);
      const rolled = chained(
        captured.map(({ map }) => meanOf(map, tokens)),
        false,
      );
      const relevant = chained(
        captured.map(({ product }) =>
          meanOf(
            Array.from(product, (value) => Math.max(value, 0)),
            tokens,
          ),
        ),
        true,
      );
      for (const [found, expected] of [
        [await attentionRollout(model, x, { target: 3 }), rolled],
        [await attentionRelevance(model, x, { target: 3 }), relevant],
      ] as const) {
        expect(found.values.shape).toEqual([1, rows, columns, 1]);
        const row = expected[0].slice(inFront);
        const largest = Math.max(...row);
        found.values.data.forEach((value, i) => void expect(Math.abs(value - row[i])).toBeLessThan(1e-5 * largest));
        expect(heatmap(found).data).toHaveLength(64 * 64);
      }
      const codes = (await attentionRollout(model, x)).notes.map(({ code }) => code);
      expect(codes).toContain("hardly-about-the-target");
    });
  }

  it("without a class token the rows of all tokens are averaged; one block; places of the map that is flattened", async () => {
    using model = await open("nonlocal");
    const x = pictureOf("nonlocal");
    const [{ map }] = await mapsAndGradients(model, x, 4);
    const { values } = await attentionRollout(model, x, { target: 4 });
    const [, rows, columns] = values.shape;
    const rolled = chained([meanOf(map, rows * columns)], false);
    values.data.forEach((value, j) => {
      const mean = rolled.reduce((sum, row) => sum + row[j], 0) / rolled.length;
      expect(Math.abs(value - mean)).toBeLessThan(1e-6);
    });
  });

  it("discard leaves out the smallest values of each block", async () => {
    using model = await open("vit_small");
    const x = pictureOf("vit_small");
    const captured = await mapsAndGradients(model, x, 3);
    const blocks = captured.map(({ map }) => {
      const mean = meanOf(map, 17);
      const threshold = mean.flat().sort((a, b) => a - b)[Math.floor(0.9 * 17 * 17)];
      return mean.map((row, i) => {
        const kept = row.map((value, j) => (value < threshold && i + j > 0 ? 0 : value));
        const sum = kept.reduce((total, value) => total + value / 2, 0.5);
        // What `chained` adds the identity to again.
        return kept.map((value, j) => ((value / 2 + (i === j ? 0.5 : 0)) / sum - (i === j ? 0.5 : 0)) * 2);
      });
    });
    const expected = chained(blocks, false)[0].slice(1);
    const { values } = await attentionRollout(model, x, { target: 3, discard: 0.9 });
    values.data.forEach((value, i) => void expect(Math.abs(value - expected[i])).toBeLessThan(1e-5));
    for (const discard of [1, -0.1, Number.NaN, "0.5" as never]) {
      await expect(attentionRelevance(model, x, { discard })).rejects.toThrow(OptionError);
    }
  });

  it("refuses what is no chain of the same tokens, naming the attention", async () => {
    for (const name of ["segformer", "detr"]) {
      using model = await open(name);
      const target = name === "segformer" ? ({ position: [8, 4], channel: 4 } as const) : "top";
      const refused = attentionRollout(model, pictureOf(name), { target });
      await expect(refused, name).rejects.toThrow(LayerError);
      await expect(refused, name).rejects.toThrow(/attention ".+" (is between \d+ and \d+ tokens|attends inside)/);
    }
  });

  it("inspect names attention layers, their heads and tokens", async () => {
    using model = await open("vit_small");
    const report = inspect(model);
    expect(report.attention).toHaveLength(2);
    const [{ layer, heads, ...sizes }] = report.attention ?? [];
    expect(sizes).toEqual({ windows: 1, queries: 17, keys: 17 });
    const { activations } = await model.run(pictureOf("vit_small"), { capture: [layer] });
    expect(rowMajor(activations.get(layer) as Tensor)).toHaveLength(heads * 17 * 17);
    expect(showReport(report)).toContain(`attention: ${layer}, heads: ${heads}, tokens: 17 to 17\n`);
    expect(() => showReport({ ...report, attention: [{ layer: 3 } as never] })).toThrow(
      /attention is missing or damaged/,
    );
    using mixer = await open("mlp_mixer");
    expect(inspect(mixer)).not.toHaveProperty("attention");
  });

  for (const name of ["vit_small", "mlp_mixer", "detr"]) {
    it(`${name}: DeepLIFT sums to the difference of the scores`, { timeout: 60_000 }, async () => {
      using model = await open(name);
      const { convergenceDelta, target } = await deepLift(model, pictureOf(name));
      expect(Math.abs(convergenceDelta as number)).toBeLessThan(1e-4 * Math.abs(target.score));
    });
  }
});

describe("the attention of single heads", () => {
  const small = { grid: [3, 4], inFront: 2, behind: 1, blocks: ["all", "all"], head: "first" } as const;
  const photo = (model: Model): Tensor =>
    new Tensor(
      Float32Array.from({ length: sizeOf(model.input.shape) }, (_, i) => Math.sin(i * i)),
      model.input.shape,
    );

  it("a head, a place, the mean of everybody: the shares of the softmax", async () => {
    using model = await loadModel(writeOnnx(transformer(small)));
    const x = photo(model);
    const layers = ["block0_attention", "block1_attention"];
    const all = await attentionMaps(model, x);
    expect(all.map(({ layer, head }) => [layer, head])).toEqual(layers.flatMap((each) => [0, 1].map((h) => [each, h])));
    const { activations } = await model.run(x, { capture: layers });
    const T = 15;
    const share = (layer: string, head: number, row: number, place: number): number =>
      (activations.get(layer) as Tensor).toNCHW()[(head * T + row) * T + 2 + place];
    for (const { layer, head, values, notes } of all) {
      expect(values.shape).toEqual([1, 3, 4, 1]);
      values.data.forEach((value, place) => void expect(value).toBe(share(layer, Number(head), 0, place)));
      expect(notes.map(({ code }) => code)).toEqual(["token-grid", "attention-only"]);
    }
    const [from] = await attentionMaps(model, x, { layer: layers[1], head: 1, from: [2, 3] });
    from.values.data.forEach((value, place) => void expect(value).toBe(share(layers[1], 1, 13, place)));
    const [mean] = await attentionMaps(model, x, { layer: layers[0], head: "mean", from: "mean" });
    mean.values.data.forEach((value, place) => {
      let sum = 0;
      for (let row = 0; row < T; row++) for (const head of [0, 1]) sum += share(layers[0], head, row, place);
      expect(value).toBeCloseTo(sum / (2 * T), 6);
    });
    expect(heatmap(from).data).toHaveLength(6 * 8);
    expect(await from.toDataURL({ data: new Uint8Array(6 * 8 * 3), width: 8, height: 6 })).toMatch(/^data:image/);
  });

  it("in shifted windows the places are those of the picture", async () => {
    using model = await loadModel(writeOnnx(transformer({ grid: [4, 6], blocks: ["shifted"], head: "mean" })));
    const x = photo(model);
    const [map] = await attentionMaps(model, x, { head: 1, from: [1, 2] });
    // Shifted by one, [1, 2] is [0, 1] of the rolled grid: the upper right of window 0, whose places are [1, 1] to [2, 2].
    const { activations } = await model.run(x, { capture: ["block0_attention"] });
    const raw = (activations.get("block0_attention") as Tensor).toNCHW();
    const expected = new Float32Array(24);
    [7, 8, 13, 14].forEach((place, key) => {
      expected[place] = raw[(1 * 4 + 1) * 4 + key];
    });
    expect(map.values.data).toEqual(expected);
  });

  it("is given up between two layers", async () => {
    using model = await loadModel(writeOnnx(transformer(small)));
    const x = photo(model);
    // Every look at the clock finds much time gone: each step of a watched pass lets the event loop in.
    let now = performance.now();
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      now += 1000;
      return now;
    });
    const stop = new AbortController();
    const reason = new Error("enough");
    const running = attentionMaps(model, x, { signal: stop.signal });
    setTimeout(() => stop.abort(reason), 0);
    await expect(running).rejects.toBe(reason);
    clock.mockRestore();
  });

  it("refuses what is no head, no attention or no place", async () => {
    using model = await loadModel(writeOnnx(transformer(small)));
    const x = photo(model);
    await expect(attentionMaps(model, x, { head: 2 })).rejects.toThrow(/has heads 0 to 1, or take 'mean'; got 2/);
    await expect(attentionMaps(model, x, { head: [] })).rejects.toThrow(OptionError);
    await expect(attentionMaps(model, x, { layer: "norm1" })).rejects.toThrow(
      /"norm1" is no attention .* Attention: block0_attention, block1_attention/,
    );
    await expect(attentionMaps(model, x, { from: [3, 0] })).rejects.toThrow(/places \[0, 0\] to \[2, 3\]/);
    using other = await loadModel(writeOnnx(transformer({ ...small, inFront: 0, behind: 0, head: "mean" })));
    await expect(attentionMaps(other, x, { from: "class" })).rejects.toThrow(/has no class token/);
    using mixer = await loadModel(writeOnnx(transformer({ grid: [3, 4], blocks: ["mixer"], head: "mean" })));
    await expect(attentionMaps(mixer, x)).rejects.toThrow(LayerError);
  });
});

describe("a network without attention", () => {
  it("is refused by both, with a way out", async () => {
    using model = await loadModel();
    const x = new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]);
    for (const method of [attentionRollout, attentionRelevance]) {
      await expect(method(model, x)).rejects.toThrow(LayerError);
      await expect(method(model, x)).rejects.toThrow(
        /follows attention, and ".*" has none before the target.*gradCam or lrp/,
      );
    }
  });
});
