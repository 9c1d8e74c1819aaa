/** Outputs of detectors: recognised, not read as classes, and still explained where a target says what is meant. */
import { describe, expect, it } from "vitest";
import { gradCam, inspect, type LoadOptions, loadModel, type Model, saliency, TargetError } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { casePicture } from "../case-picture";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared, readSharedJson, sharedPath } from "../shared-folder";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];

const x = casePicture();
const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] };
const weights = (channels: number) => randomFloats(randomIntegers(channels), [channels, 3, 3, 3]);

/** Convolutions to 8×8 maps by name and channels, then nodes. */
function network(
  convolutions: Readonly<Record<string, number>>,
  nodes: Nodes,
  { outputs, size = 16 }: { readonly outputs?: readonly string[]; readonly size?: number } = {},
  options: LoadOptions = {},
): Promise<Model> {
  const names = Object.keys(convolutions);
  const graph = graphOf({
    inputs: { x: [1, 3, size, size] },
    constants: {
      ...Object.fromEntries(names.map((name) => [`${name}.w`, weights(convolutions[name])])),
      ...{
        two: floats([], [2]),
        list: ints(1, -1, 64),
        four: ints(1, -1, 4),
        last: ints(1, -1, 7),
        six: ints(1, -1, 6),
      },
      ...{ pair: ints(1, -1, 2), sixteen: ints(1, -1, 16), single: ints(1, -1, 1), eight: ints(1, -1, 8) },
    },
    nodes: [...names.map((name): Nodes[number] => ["Conv", ["x", `${name}.w`], [name], pads]), ...nodes],
    ...(outputs && { outputs }),
  });
  return loadModel(writeOnnx(graph), options);
}

/** What is said of the output; that nothing tells how pixels become numbers is true of all these networks. */
const codes = ({ notes }: Pick<Model, "notes">): string[] =>
  notes.map(({ code }) => code).filter((code) => code !== "normalisation-assumed");

describeShared("boxes beside classes in one output", () => {
  const file = readShared("cases/boxes-beside-classes/model.onnx");
  const expected = readSharedJson<{
    output: number[];
    meanOfChannel: number[];
    bestScoreOfClassChannels4to6: number[];
  }>("cases/boxes-beside-classes/expected.json");

  it("is said, with what its rows are and how to aim", async () => {
    const model = await loadModel(file);
    expect(codes(model)).toEqual(["detector-output"]);
    expect(inspect(model).findings).toContain(model.notes[0].message);
    for (const ask of [() => model.predict(x), () => saliency(model, x), () => gradCam(model, x, { target: "top" })]) {
      const asked = ask();
      await expect(asked).rejects.toThrow(TargetError);
      await expect(asked).rejects.toThrow(
        /"out" \(1×7×64\) is a detector's: each of its 64 rows .*channels 0 to 3 as they are, 4 to 6 through a sigmoid/,
      );
      await expect(asked).rejects.toThrow(/\{ position: n \(0 to 63\), channel \}.*output: "pc"/);
    }
  });

  it("is explained where a target says what: a channel's mean, one candidate's, a label's", async () => {
    const model = await loadModel(file, { labels: ["a", "b", "c"] });
    const { output } = await model.run(x);
    expect(output.shape).toEqual(expected.output);
    for (const [channel, mean] of expected.meanOfChannel.entries()) {
      const { target, notes } = await saliency(model, x, { target: channel });
      expect(target.score).toBeCloseTo(mean, 3);
      expect(target.label).toBe(["a", "b", "c"][channel - 4]);
      expect(notes.map(({ code }) => code)).toContain("detector-output");
    }
    for (const [k, best] of expected.bestScoreOfClassChannels4to6.entries()) {
      const scores = output.data.slice((4 + k) * 64, (5 + k) * 64);
      const position = scores.indexOf(Math.max(...scores));
      const { target } = await saliency(model, x, { target: { position, channel: 4 + k } });
      expect(target.score).toBeCloseTo(best, 5);
    }
    expect((await saliency(model, x, { target: "b" })).target).toMatchObject({ index: 5, label: "b" });
    await expect(loadModel(file, { labels: ["a", "b", "c", "d", "e"] })).rejects.toThrow(
      /labels has 5 names, and none of the scores among the 7 channels/,
    );
  });

  it("the scores can be explained alone", async () => {
    const model = await loadModel(file, { output: "pc", labels: ["a", "b", "c"] });
    expect(codes(model)).toEqual([]);
    const predictions = await model.predict(x);
    expect(predictions.map(({ label }) => label)).toEqual(["b", "a", "c"]);
    for (const { index, probability } of predictions) {
      expect(probability).toBeCloseTo(expected.meanOfChannel[4 + index], 5);
    }
  });
});

const boxesAndScores: Nodes = [
  ["Reshape", ["b", "list"], ["boxes"]],
  ["Reshape", ["c", "list"], ["logits"]],
];

describe("an output is a detector's", () => {
  const refused = async (model: Model, message: RegExp): Promise<void> => {
    expect(codes(model)).toContain("detector-output");
    await expect(model.predict(x)).rejects.toThrow(message);
    await expect(saliency(model, x)).rejects.toThrow(message);
    const { target } = await saliency(model, x, { target: 1 });
    expect(Number.isFinite(target.score)).toBe(true);
  };

  it("with an objectness before the boxes and a softmax over the classes", async () => {
    const model = await network({ o: 1, b: 4, c: 5 }, [
      ["Sigmoid", ["o"], ["os"]],
      ["Softmax", ["c"], ["cs"], { axis: 1 }],
      ["Concat", ["os", "b", "cs"], ["y"], { axis: 1 }],
    ]);
    await refused(
      model,
      /channels 0 through a sigmoid, 1 to 4 as they are, 5 to 9 through a softmax.*\[y, x\] \(8×8\)/,
    );
    await refused(model, /output: "cs"/);
  });

  it("with rows last, scales joined, and boxes computed from the same sigmoid", async () => {
    const scale = (name: string): Nodes => [
      ["Transpose", [name], [`${name}.t`], { perm: [0, 2, 3, 1] }],
      ["Reshape", [`${name}.t`, "last"], [`${name}.r`]],
      ["Sigmoid", [`${name}.r`], [`${name}.s`]],
      ["Split", [`${name}.s`, "parts"], [`${name}.b`, `${name}.c`], { axis: 2 }],
      ["Mul", [`${name}.b`, "two"], [`${name}.m`]],
      ["Concat", [`${name}.m`, `${name}.c`], [`${name}.y`], { axis: 2 }],
    ];
    const graph = graphOf({
      inputs: { x: [1, 3, 16, 16] },
      constants: {
        "p.w": weights(14),
        "q.w": weights(7),
        two: floats([], [2]),
        last: ints(1, -1, 7),
        parts: ints(4, 3),
      },
      nodes: [
        ["Conv", ["x", "p.w"], ["p"], pads],
        ["Conv", ["x", "q.w"], ["q"], { ...pads, strides: [4, 4] }],
        ...scale("p"),
        ...scale("q"),
        ["Concat", ["p.y", "q.y"], ["y"], { axis: 1 }],
      ],
    });
    await refused(
      await loadModel(writeOnnx(graph)),
      /each of its 144 rows .* 0 to 3 as they are, 4 to 6 through a sigmoid/,
    );
  });

  it("at one place: channels on different scales", async () => {
    const model = await network({ b: 5, c: 3 }, [
      ["GlobalAveragePool", ["b"], ["bp"]],
      ["GlobalAveragePool", ["c"], ["cp"]],
      ["Softmax", ["cp"], ["cs"], { axis: 1 }],
      ["Concat", ["bp", "cs"], ["j"], { axis: 1 }],
      ["Flatten", ["j"], ["y"]],
    ]);
    await refused(model, /"y" \(1×8\).*0 to 4 as they are, 5 to 7 through a softmax/);
  });

  it("boxes first, scores in another output", async () => {
    const nodes: Nodes = [
      ["Transpose", ["b"], ["bt"], { perm: [0, 2, 3, 1] }],
      ["Transpose", ["c"], ["ct"], { perm: [0, 2, 3, 1] }],
      ["Reshape", ["bt", "four"], ["boxes"]],
      ["Reshape", ["ct", "pair"], ["logits"]],
      ["Softmax", ["logits"], ["scores"], { axis: 2 }],
    ];
    const first = await network({ b: 4, c: 2 }, nodes, { outputs: ["boxes", "scores"] }, { labels: ["none", "face"] });
    await refused(first, /"boxes" \(1×64×4\) is a detector's boxes.*no classes.*output: "logits"/);
    await expect(saliency(first, x, { target: "face" })).rejects.toThrow(/labels name none of the channels/);
    const named = await network({ b: 4, c: 2 }, nodes, { outputs: ["boxes", "scores"] }, { output: "logits" });
    expect(await named.predict(x)).toHaveLength(2);
    const second = await network({ b: 4, c: 2 }, nodes, { outputs: ["scores", "boxes"] }, { labels: ["none", "face"] });
    expect(codes(second)).toEqual(["detector-output"]);
    expect(second.notes[0].message).toMatch(
      /"scores" has a row of class scores for each of 64 candidates, whose boxes are in "boxes"/,
    );
    expect(await second.predict(x)).toHaveLength(2);
  });

  it("key points beside one score", async () => {
    const nodes: Nodes = [
      ["Transpose", ["b"], ["bt"], { perm: [0, 2, 3, 1] }],
      ["Transpose", ["c"], ["ct"], { perm: [0, 2, 3, 1] }],
      ["Reshape", ["bt", "sixteen"], ["regressors"]],
      ["Reshape", ["ct", "single"], ["classificators"]],
    ];
    await refused(
      await network({ b: 16, c: 1 }, nodes, { outputs: ["regressors", "classificators"] }),
      /"regressors".*output: "classificators"/,
    );
    const scores = await network({ b: 16, c: 1 }, nodes, { outputs: ["classificators", "regressors"] });
    expect(codes(scores)).toContain("detector-output");
    expect(await scores.predict(x)).toHaveLength(1);
  });

  it("by its labels: boxes and objectness before as many channels, for one anchor or three", async () => {
    const three = ["a", "b", "c"];
    const list: Nodes = [["Reshape", ["h", "list"], ["y"]]];
    const model = await network({ h: 8 }, list, {}, { labels: three });
    await refused(model, /detector's/);
    expect((await saliency(model, x, { target: "b" })).target).toMatchObject({ index: 6, label: "b" });
    await refused(await network({ h: 24 }, [["Identity", ["h"], ["y"]]], {}, { labels: three }), /detector's/);
    expect(codes(await network({ h: 8 }, list))).toEqual(["class-axis-assumed"]);
  });

  it("by maps of the same channels at halving sizes, by 255 channels, by the rows of a pyramid, by six columns", async () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 64, 64] },
      constants: { "p.w": weights(18), "q.w": weights(18) },
      nodes: [
        ["Conv", ["x", "p.w"], ["p"], { ...pads, strides: [8, 8] }],
        ["Conv", ["x", "q.w"], ["q"], { ...pads, strides: [16, 16] }],
      ],
      outputs: ["p", "q"],
    });
    expect(codes(await loadModel(writeOnnx(graph)))).toEqual(["detector-output"]);
    const single = graphOf({
      inputs: { x: [1, 3, 64, 64] },
      constants: { "p.w": weights(255) },
      nodes: [["Conv", ["x", "p.w"], ["p"], { ...pads, strides: [8, 8] }]],
    });
    expect(codes(await loadModel(writeOnnx(single)))).toEqual(["detector-output"]);
    const pyramid = graphOf({
      inputs: { x: [1, 3, 64, 64] },
      constants: Object.fromEntries(
        [8, 16, 32].flatMap((s) => [
          [`w${s}`, weights(3 * 9)],
          [`rows${s}`, ints(1, -1, 9)],
        ]),
      ),
      nodes: [
        ...[8, 16, 32].flatMap(
          (s): Nodes => [
            ["Conv", ["x", `w${s}`], [`c${s}`], { ...pads, strides: [s, s] }],
            ["Transpose", [`c${s}`], [`t${s}`], { perm: [0, 2, 3, 1] }],
            ["Reshape", [`t${s}`, `rows${s}`], [`r${s}`]],
          ],
        ),
        ["Concat", ["r8", "r16", "r32"], ["y"], { axis: 1 }],
      ],
    });
    expect(codes(await loadModel(writeOnnx(pyramid)))).toEqual(["detector-output"]);
    const joined = await network({ b: 4, s: 1, k: 1 }, [
      ["Concat", ["b", "s", "k"], ["j"], { axis: 1 }],
      ["Transpose", ["j"], ["t"], { perm: [0, 2, 3, 1] }],
      ["Reshape", ["t", "six"], ["y"]],
    ]);
    expect(codes(joined)).toEqual(["detector-output"]);
    const six = await network({ h: 6 }, [
      ["Transpose", ["h"], ["t"], { perm: [0, 2, 3, 1] }],
      ["Reshape", ["t", "six"], ["y"]],
    ]);
    expect(codes(six)).toEqual(["class-axis-assumed"]);
  });

  it("and these are none: a segmenter with an edge map, labelled rows, one softmax or sigmoid over all", async () => {
    const segmenter = await network({ a: 4, b: 1 }, [], { outputs: ["a", "b"] });
    expect(codes(segmenter)).toEqual([]);
    expect(await segmenter.predict(x)).toHaveLength(4);
    const rows = await network({ h: 8 }, [["Reshape", ["h", "list"], ["y"]]], {}, { labels: [..."abcdefgh"] });
    expect(codes(rows)).toEqual([]);
    const sigmoids = await network({ h: 8 }, [
      ["Reshape", ["h", "list"], ["r"]],
      ["Sigmoid", ["r"], ["y"]],
    ]);
    expect(codes(sigmoids)).toEqual(["class-axis-assumed"]);
    const both = await network({ b: 4, c: 3 }, [
      ...boxesAndScores,
      ["Sigmoid", ["boxes"], ["sb"]],
      ["Sigmoid", ["logits"], ["sc"]],
      ["Concat", ["sb", "sc"], ["y"], { axis: 1 }],
    ]);
    expect(codes(both)).toEqual(["class-axis-assumed"]);
  });
});

describeShared("detectors of others", () => {
  it("FastestDet: objectness, boxes and classes", async () => {
    const model = await loadModel(sharedPath("models/deployed/FastestDet.onnx"));
    expect(model.notes[0].message).toMatch(/0 through a sigmoid, 1 to 4 as they are, 5 to 84 through a softmax/);
    await expect(model.predict(casePicture(352))).rejects.toThrow(TargetError);
  });

  it.each(["version-RFB-320", "version-RFB-320_without_postprocessing"])(
    "%s: two classes, boxes beside",
    async (name) => {
      const model = await loadModel(sharedPath(`models/deployed/${name}.onnx`), { labels: ["background", "face"] });
      expect(codes(model)).toEqual(["detector-output"]);
      expect(inspect(model).classes).toEqual({ count: 2, axis: 2 });
      const boxes = await loadModel(sharedPath(`models/deployed/${name}.onnx`), { output: "boxes" });
      expect(boxes.notes[0].message).toMatch(/"boxes" \(1×4420×4\) is a detector's boxes.*output: "459"/);
    },
  );

  it("YOLOv5: three scales of decoded boxes", async () => {
    const model = await loadModel(sharedPath("models/modern/yolov5_detect.onnx"));
    expect(model.notes[0].message).toMatch(/1008 rows.*0 to 3 as they are, 4 to 84 through a sigmoid/);
  });
});
