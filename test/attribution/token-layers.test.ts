/** Tokens as places: the layer that is taken by itself, the grid that is found, what is dropped and what is refused. */
import { describe, expect, it } from "vitest";
import {
  cam,
  eigenCam,
  gradCam,
  heatmap,
  inspect,
  LayerError,
  loadModel,
  type Model,
  projectActivation,
  receptiveField,
  Tensor,
  topActivations,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { type TransformerParts, transformer } from "../graph/transformer";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const random = randomIntegers(8);
const pictureFor = ({ input }: Model): Tensor => new Tensor(randomFloats(random, input.shape).floats(), input.shape);

const open = (parts: TransformerParts): Promise<Model> => loadModel(writeOnnx(transformer(parts)));

const noteOf = (notes: readonly { code: string; message: string }[], code: string): string | undefined =>
  notes.find((each) => each.code === code)?.message;

describe("the layer of a transformer", () => {
  const kinds: [string, TransformerParts, layer: string, grid: number[], dropped: RegExp][] = [
    [
      "a class token",
      { grid: [3, 4], inFront: 1, blocks: ["all", "all"], head: "first" },
      "norm1",
      [3, 4],
      /3×4, and 1 in front\. What is/,
    ],
    [
      "a class token, another in front and registers behind, norms in pieces",
      { grid: [4, 2], inFront: 2, behind: 3, blocks: ["all", "all"], norm: "pieces", head: "first" },
      "norm1",
      [4, 2],
      /4×2, and 2 in front, and 3 behind\./,
    ],
    [
      "patches cut out by a reshape",
      { grid: [2, 5], blocks: ["all"], head: "mean", embed: "reshape" },
      "norm0",
      [2, 5],
      /2×5\.$/,
    ],
    ["a mixer", { grid: [3, 3], blocks: ["mixer", "mixer"], head: "mean" }, "norm1", [3, 3], /3×3\.$/],
    [
      "windows, the last ones shifted",
      { grid: [4, 6], blocks: ["windows", "shifted"], head: "mean" },
      "norm1",
      [4, 6],
      /4×6\.$/,
    ],
    [
      "maps that only are tokens turned round",
      { grid: [4, 6], blocks: ["all", "shifted"], head: "pooled maps" },
      "norm1",
      [4, 6],
      /4×6\.$/,
    ],
  ];
  for (const [name, parts, layer, grid, dropped] of kinds) {
    it(`${name}: the last block's first normalisation`, async () => {
      using model = await open(parts);
      const attribution = await gradCam(model, pictureFor(model), { target: 1 });
      expect(attribution.layer).toBe(layer);
      expect(attribution.values.shape).toEqual([1, ...grid, 1]);
      expect(noteOf(attribution.notes, "token-grid")).toMatch(dropped);
      expect(noteOf(attribution.notes, "token-grid")).toContain(`The tokens of layer "${layer}" are a grid of`);
      expect(inspect(model).camLayers[0]).toEqual({ layer, shape: [1, ...grid, 6] });
      expect(heatmap(attribution).data).toHaveLength(4 * grid[0] * grid[1]);
    });
  }

  it("cam reads a mean over patches, exactly; not one that a class token takes part in", async () => {
    for (const inFront of [0, 1]) {
      using model = await open({ grid: [3, 4], inFront, blocks: ["all"], head: "patches" });
      const x = pictureFor(model);
      const [exact, asGradCam] = [
        await cam(model, x, { target: 2 }),
        await gradCam(model, x, { target: 2, layer: (await cam(model, x)).layer }),
      ];
      expect(exact.convergenceDelta).toBeCloseTo(0, 5);
      exact.values.data.forEach((value, i) => void expect(value / 12).toBeCloseTo(asGradCam.values.data[i], 5));
    }
    using model = await open({ grid: [3, 4], inFront: 1, blocks: ["all"], head: "mean" });
    await expect(cam(model, pictureFor(model))).rejects.toThrow(
      /CAM needs a network that ends in global average pooling/,
    );
  });

  it("what has no grid is refused with a layer that has one", async () => {
    using model = await open({ grid: [3, 4], inFront: 1, blocks: ["all", "all"], head: "first" });
    const x = pictureFor(model);
    for (const { name, shape } of model.layers.filter(({ shape: { length } }) => length === 4)) {
      // Attention, from every token to every token.
      if (shape[1] !== 13 || shape[2] !== 13) continue;
      await expect(gradCam(model, x, { layer: name })).rejects.toThrow(LayerError);
      await expect(gradCam(model, x, { layer: name })).rejects.toThrow(/Try "norm1" \(3×4\)/);
    }
  });
});

describe("where places cannot be followed", () => {
  /** All numbers of the picture through one matrix, so that nothing tells which of them is where. */
  const mixed = async (tokens: number): Promise<Model> => {
    const weights = (...shape: number[]) => randomFloats(random, shape);
    return loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 3, 4, 8] },
          constants: {
            all: weights(96, tokens * 4),
            flat: ints(1, 96),
            tokens: ints(1, tokens, 4),
            scale: weights(4),
            shift: weights(4),
            one: floats([], [1]),
            head: weights(4, 3),
          },
          nodes: [
            ["Reshape", ["x", "flat"], ["line"]],
            ["MatMul", ["line", "all"], ["mixed"]],
            ["Reshape", ["mixed", "tokens"], ["rows"]],
            ["LayerNormalization", ["rows", "scale", "shift"], ["norm"]],
            ["Tanh", ["norm"], ["active"]],
            ["ReduceMax", ["active"], ["most"], { axes: [1], keepdims: 0 }],
            ["MatMul", ["most", "head"], ["y"]],
          ],
        }),
      ),
    );
  };

  it("the picture's shape decides, and the note says so", async () => {
    using model = await mixed(9);
    const { values, notes } = await gradCam(model, pictureFor(model), { layer: "norm", target: 0 });
    expect(values.shape).toEqual([1, 2, 4, 1]);
    expect(noteOf(notes, "token-grid")).toMatch(
      /2×4, and 1 in front.*could not be followed.*the picture's shape decided/,
    );
  });

  it("a number of tokens that is no grid of that shape is refused", async () => {
    using model = await mixed(7 * 11 + 40);
    await expect(gradCam(model, pictureFor(model), { layer: "norm" })).rejects.toThrow(
      /its 117 tokens are no grid of places of the picture/,
    );
  });
});

describe("a unit of a token layer", () => {
  it("topActivations and projectActivation tell its place; its receptive field is the whole picture behind attention", async () => {
    using model = await open({ grid: [3, 4], inFront: 1, blocks: ["all", "all"], head: "first" });
    const images = [0, 1, 2].map((i) => ({ id: `${i}`, image: pictureFor(model) }));
    for (const [layer, field] of [
      ["norm1", { x: 0, y: 0, width: 8, height: 6 }],
      ["norm0", undefined],
    ] as const) {
      const { units } = await topActivations(model, images, { layer, unit: [0, 3], top: 3 });
      for (const { unit, top } of units) {
        for (const { id, position, place, score, crop } of top) {
          const x = images[Number(id)].image;
          const { data } = (await model.run(x, { capture: [layer] })).activations.get(layer) as Tensor;
          const token = position[1];
          expect(data[token * 6 + unit]).toBe(score);
          expect(place).toEqual(token === 0 ? undefined : [Math.floor((token - 1) / 4), (token - 1) % 4]);
          const own = place ? { x: 2 * place[1], y: 2 * place[0], width: 2, height: 2 } : { width: 0, height: 0 };
          expect(crop).toMatchObject(field ?? own);
          expect(crop).toEqual(receptiveField(model, layer, { position, unit }));
          const { kept, notes } = await projectActivation(model, x, { layer, unit });
          expect(kept).toEqual([{ unit, position, value: score, ...(place && { place }) }]);
          expect(noteOf(notes, "token-grid")).toContain("3×4, and 1 in front");
        }
      }
    }
  });
});

describeShared("files of today's kinds", () => {
  const files: Record<string, readonly [layer: string, grid: number[]]> = {
    vit_small: ["/t/t.1/n1/LayerNormalization", [4, 4]],
    vit_small_op16: ["/t/t.1/n1/Add_1", [4, 4]],
    clip_vit: ["/t/t.1/n1/LayerNormalization", [4, 4]],
    mlp_mixer: ["/n1.1/LayerNormalization", [4, 4]],
    // A convolution reads the tokens last, so its maps are the last that see all places.
    mobilevit: ["/c4/a/Mul", [8, 8]],
    segformer: ["/n1.1/LayerNormalization", [8, 8]],
    yolo11_cls_psa: ["/b/b.8/a/Mul", [8, 8]],
    nonlocal: ["/Add", [4, 4]],
  };
  for (const [name, [layer, grid]] of Object.entries(files)) {
    it(`${name}: ${layer}`, { timeout: 60_000 }, async () => {
      using model = await loadModel(sharedPath(`models/modern/${name}.onnx`));
      const side = model.input.shape[1];
      const x = Tensor.fromNCHW(new Float32Array(readShared(`models/modern/${name}.in0.bin`).buffer), [
        1,
        3,
        side,
        side,
      ]);
      const target = name === "segformer" ? ({ position: [8, 4], channel: 4 } as const) : 1;
      const attribution = await eigenCam(model, x, { target });
      expect(attribution.layer).toBe(layer);
      expect(attribution.values.shape).toEqual([1, ...grid, 1]);
      expect(attribution.values.data.some((value) => value !== 0)).toBe(true);
    });
  }

  it("a decoder's queries are no places", async () => {
    using model = await loadModel(sharedPath("models/modern/detr.onnx"));
    await expect(
      gradCam(model, pictureFor(model), {
        target: { position: [0, 1], channel: 1 },
        layer: "/t/decoder/norm/LayerNormalization",
      }),
    ).rejects.toThrow(/: its (\d+ )?tokens are no grid of places of the picture, as far as those can be followed/);
  });
});
