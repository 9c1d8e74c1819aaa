/** Which numbers of an output belong to which class, and what they are called. */
import * as tfl from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import {
  classMap,
  deletionInsertion,
  gradCam,
  inputXGradient,
  inspect,
  type LoadOptions,
  loadModel,
  type Model,
  maximizeActivation,
  OptionError,
  randomLogitTest,
  saliency,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { casePicture } from "../case-picture";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared, readSharedJson } from "../shared-folder";
import { filesOf, tensorOf, input as tfInput } from "../tfjs/harness";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];

const x = casePicture();
const numbers = randomFloats(randomIntegers(4), [8, 3, 3, 3]);
const pads = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2] };

/** A convolution to 8×8 maps of some channels, then what is given; `h` are the maps. */
const headed = (channels: number, nodes: Nodes, more: Partial<Parameters<typeof graphOf>[0]> = {}) =>
  graphOf({
    inputs: { x: [1, 3, 16, 16] },
    nodes: [["Conv", ["x", "w"], ["h"], pads], ...nodes],
    ...more,
    constants: {
      w: floats(
        [channels, 3, 3, 3],
        Array.from({ length: channels * 27 }, (_, i) => numbers.floats()[(i * 7) % 216]),
      ),
      rows: ints(1, -1, 2),
      ...more.constants,
    },
  });
const open = (graph: ReturnType<typeof graphOf>, options: LoadOptions = {}): Promise<Model> =>
  loadModel(writeOnnx(graph), options);
const picture = floats([1, 3, 16, 16], x.toNCHW());
/** What is said of classes; that nothing tells how pixels become numbers is true of all these networks. */
const codes = ({ notes }: Pick<Model, "notes">): string[] =>
  notes.map(({ code }) => code).filter((code) => code !== "normalisation-assumed");

/** [1, 64, 2]: a row per place of 8×8 maps. */
const rows: Nodes = [
  ["Transpose", ["h"], ["t"], { perm: [0, 2, 3, 1] }],
  ["Reshape", ["t", "rows"], ["r"]],
];

describeShared("a detector's scores with the classes on the last axis", () => {
  const file = readShared("cases/detector-classes-last/model.onnx");
  const expected = readSharedJson<{
    classes: number;
    output: number[];
    meanScoreOfClass: number[];
    meanLogitDifference0minus1: number;
    bestAnchorOfClass1: number;
    itsScores: number[];
  }>("cases/detector-classes-last/expected.json");

  it("the softmax of the file says which: two classes, their means and the scores of an anchor", async () => {
    const model = await loadModel(file);
    const predictions = await model.predict(x);
    expect(predictions.map(({ index }) => index)).toEqual([0, 1]);
    expect(predictions[0].score - predictions[1].score).toBeCloseTo(expected.meanLogitDifference0minus1, 4);
    expect(inspect(model).classes).toEqual({ count: expected.classes, axis: 2 });
    expect(codes(model)).toEqual([]);
    const { output } = await model.run(x);
    expect(output.shape).toEqual(expected.output);
    const scoresOf = (k: number): number[] => Array.from({ length: 64 }, (_, i) => output.data[2 * i + k]);
    const best = scoresOf(1).indexOf(Math.max(...scoresOf(1)));
    expect(best).toBe(expected.bestAnchorOfClass1);
    expected.itsScores.forEach((score, k) => {
      expect(scoresOf(k)[best]).toBeCloseTo(score, 5);
      expect(scoresOf(k).reduce((a, b) => a + b) / 64).toBeCloseTo(expected.meanScoreOfClass[k], 5);
    });
    const [first, second] = await Promise.all(
      [0, 1].map(async (channel) => (await saliency(model, x, { target: { position: best, channel } })).target.score),
    );
    expect(1 / (1 + Math.exp(first - second))).toBeCloseTo(expected.itsScores[1], 5);
  });

  it("labels name its two classes, by target and by prediction, and others are refused with both numbers", async () => {
    const model = await loadModel(file, { labels: ["background", "thing"] });
    const [best] = await model.predict(x);
    expect(best).toMatchObject({ index: 0, label: "background" });
    const { target, values } = await saliency(model, x, { target: "thing" });
    expect(target).toMatchObject({ index: 1, label: "thing" });
    expect(values.data).toEqual((await saliency(model, x, { target: 1 })).values.data);
    await expect(loadModel(file, { labels: Array.from({ length: 64 }, (_, i) => `anchor ${i}`) })).rejects.toThrow(
      /^labels has 64 names, the output "scores" \(1×64×2\) has 2 classes\.$/,
    );
  });

  it("a softmax along an axis of one element is said, and the scores before it have the classes", async () => {
    const nodes: Parameters<typeof graphOf>[0]["nodes"] = [
      ["GlobalAveragePool", ["x"], ["g"]],
      ["Softmax", ["g"], ["p"], { axis: -1 }],
    ];
    const odd = await loadModel(writeOnnx(graphOf({ inputs: { x: [1, 3, 4, 4] }, nodes })));
    expect(codes(odd)).toContain("softmax-of-one");
    expect(odd.notes.find(({ code }) => code === "softmax-of-one")?.message).toMatch(
      /runs along axis 3, of one element/,
    );
    expect(await odd.predict({ width: 4, height: 4, data: new Uint8Array(48) })).toHaveLength(3);
    const right = writeOnnx(
      graphOf({ inputs: { x: [1, 3, 4, 4] }, nodes: [nodes[0], ["Softmax", ["g"], ["p"], { axis: 1 }]] }),
    );
    expect(codes(await loadModel(right))).not.toContain("softmax-of-one");
  });

  it("without the softmax a note says which axis was taken, and how to say otherwise", async () => {
    const model = await loadModel(file, { output: "rs" });
    expect(codes(model)).toEqual(["class-axis-assumed"]);
    expect(model.notes[0].message).toMatch(/"rs" \(1×64×2\).*axis 2: 2 classes at 64 places.*classAxis: 1/);
    expect(inspect(model).findings).toContain(model.notes[0].message);
    expect(await model.predict(x)).toHaveLength(2);
    expect((await gradCam(model, x)).notes.map(({ code }) => code)).toContain("class-axis-assumed");
    const other = await loadModel(file, { output: "rs", classAxis: 1 });
    expect(await other.predict(x, { top: 99 })).toHaveLength(64);
    expect(codes(other)).toEqual([]);
    await expect(loadModel(file, { output: "rs", classAxis: 3 })).rejects.toThrow(/1×64×2.*axes 0 to 2/);
  });
});

describe("the axis of the classes", () => {
  const cases: readonly [string, ReturnType<typeof graphOf>, number][] = [
    ["softmax over the last axis", headed(2, [...rows, ["Softmax", ["r"], ["y"], { axis: 2 }]]), 2],
    ["negative axis, operator set 11", headed(2, [...rows, ["Softmax", ["r"], ["y"], { axis: -1 }]], { opset: 11 }), 2],
    [
      "operator set 11 without an axis: all numbers as one",
      headed(2, [...rows, ["Softmax", ["r"], ["y"]]], { opset: 11 }),
      128,
    ],
    ["operator set 13 without an axis", headed(2, [...rows, ["LogSoftmax", ["r"], ["y"]]], { opset: 13 }), 2],
    ["over the anchors", headed(2, [...rows, ["Softmax", ["r"], ["y"], { axis: 1 }]]), 64],
    ["classes first", headed(5, [["Softmax", ["h"], ["y"], { axis: 1 }]]), 5],
    [
      "turned for an old softmax and turned back",
      headed(5, [
        ["Transpose", ["h"], ["t"], { perm: [0, 3, 2, 1] }],
        ["Softmax", ["t"], ["s"], { axis: 3 }],
        ["Transpose", ["s"], ["y"], { perm: [0, 3, 2, 1] }],
      ]),
      5,
    ],
    [
      "channels last at the end",
      headed(5, [
        ["Transpose", ["h"], ["t"], { perm: [0, 2, 3, 1] }],
        ["Softmax", ["t"], ["y"]],
      ]),
      5,
    ],
    [
      "moved after the softmax",
      headed(5, [
        ["Softmax", ["h"], ["s"], { axis: 1 }],
        ["Transpose", ["s"], ["y"], { perm: [0, 2, 3, 1] }],
      ]),
      5,
    ],
    ["channels last without a softmax", headed(5, [["Transpose", ["h"], ["y"], { perm: [0, 2, 3, 1] }]]), 5],
    [
      "columns and rows exchanged",
      headed(5, [
        ["Softmax", ["h"], ["s"], { axis: 1 }],
        ["Transpose", ["s"], ["y"], { perm: [0, 3, 2, 1] }],
      ]),
      5,
    ],
  ];
  it.each(cases)("%s: predictions, targets, maps and tensors agree with onnxruntime", async (_, graph, classes) => {
    const model = await open(graph);
    expect(inspect(model).classes.count).toBe(classes);
    const predictions = await model.predict(x, { top: 999 });
    expect(predictions).toHaveLength(classes);
    const { y } = await runReference(graph, { x: picture });
    const reference = Array.from(y.data as ArrayLike<number>);
    const { output } = await model.run(x);
    // What the file computes, as [places][classes], row by row.
    const last = y.dims.at(-1) === classes || classes === 128;
    const places = reference.length / classes;
    const at = (place: number, k: number): number => reference[last ? place * classes + k : k * places + place];
    const perPlace = Array.from({ length: places }, (__, place) =>
      Array.from({ length: classes }, (___, k) => at(place, k)),
    );
    const firstNode = graph.nodes.some(({ op }) => op.endsWith("Softmax"));
    if (output.shape.length === 4) {
      expect(output.shape).toEqual([1, 8, 8, classes]);
      expect(Array.from(output.data, (value) => value.toFixed(4))).toEqual(
        perPlace.flat().map((value) => value.toFixed(4)),
      );
      const map = classMap(output);
      expect(Array.from(map.classes)).toEqual(perPlace.map((scores) => scores.indexOf(Math.max(...scores))));
      const winner = map.classes[13];
      const masked = await saliency(model, x, { target: { mask: map.mask(winner), channel: winner } });
      const scores = await Promise.all(
        [...map.mask(winner).entries()]
          .filter(([, inside]) => inside)
          .slice(0, 3)
          .map(async ([place]) => {
            const position = [Math.floor(place / 8), place % 8] as const;
            const own = await Promise.all(
              Array.from(
                { length: classes },
                async (__, channel) => (await saliency(model, x, { target: { position, channel } })).target.score,
              ),
            );
            return own.indexOf(Math.max(...own));
          }),
      );
      expect(scores).toEqual(scores.map(() => winner));
      expect(masked.target.index).toBe(winner);
    }
    if (firstNode && places > 1) {
      // The softmax of a place's scores is what the file says of it, whichever way its axes lie.
      const place = output.shape.length === 4 ? ([2, 5] as const) : Math.min(21, places - 1);
      const scores = await Promise.all(
        Array.from(
          { length: Math.min(classes, 8) },
          async (__, channel) => (await saliency(model, x, { target: { position: place, channel } })).target.score,
        ),
      );
      const wanted = perPlace[Math.min(21, places - 1)].slice(0, scores.length);
      const isLog = wanted[0] < 0;
      scores.forEach((score, k) => {
        const ratio = isLog ? wanted[k] - wanted[0] : Math.log(wanted[k] / wanted[0]);
        expect(score - scores[0]).toBeCloseTo(ratio, 3);
      });
    }
    const mean = await saliency(model, x, { target: predictions[0].index });
    expect(mean.target.score).toBeCloseTo(predictions[0].score, 5);
    expect((await saliency(model, x)).target.index).toBe(predictions[0].index);
    const random = await randomLogitTest(model, x, saliency, { classes: 1 });
    expect(random.classes[0].other.index).toBeLessThan(classes);
    const { probability } = predictions[0];
    const { deletion } = await deletionInsertion(model, x, mean, { step: 128, target: predictions[0].index });
    expect(deletion.curve[0]).toBeGreaterThan(0);
    expect(probability).toBeGreaterThan(0);
  });

  it("labels tell it where nothing else does, and classAxis says it", async () => {
    const mixed = headed(8, [["Reshape", ["h", "mixed"], ["y"]]], { constants: { mixed: ints(1, 32, 16) } });
    const silent = await open(mixed);
    expect(codes(silent)).toEqual(["class-axis-assumed"]);
    expect(silent.notes[0].message).toMatch(
      /Nothing else says it either.*axis 1: 32 classes at 16 places.*classAxis: 2/,
    );
    const named = await open(mixed, { labels: Array.from({ length: 16 }, (_, i) => `class ${i}`) });
    expect(codes(named)).toEqual([]);
    expect(await named.predict(x, { top: 99 })).toHaveLength(16);
    expect(await (await open(mixed, { classAxis: -1 })).predict(x, { top: 99 })).toHaveLength(16);
    await expect(open(mixed, { classAxis: 0.5 })).rejects.toThrow(OptionError);
  });

  it("what is a segmenter's or a classifier's needs no note", async () => {
    expect(codes(await open(headed(5, [["Relu", ["h"], ["y"]]])))).toEqual([]);
    expect(
      codes(
        await open(
          headed(5, [
            ["GlobalAveragePool", ["h"], ["g"]],
            ["Flatten", ["g"], ["y"]],
          ]),
        ),
      ),
    ).toEqual([]);
    expect(codes(await loadModel())).toEqual([]);
  });

  it("units and objectives of a classes-last output are its classes", async () => {
    const model = await open(headed(5, [["Transpose", ["h"], ["y"], { perm: [0, 2, 3, 1] }]]));
    const byUnit = await saliency(model, x, { target: { layer: "y", unit: 3, position: [2, 6] } });
    const byPlace = await saliency(model, x, { target: { position: [2, 6], channel: 3 } });
    expect(byUnit.values.data).toEqual(byPlace.values.data);
    expect(byUnit.target.score).toBe(byPlace.target.score);
    const { objective } = await maximizeActivation(model, { target: 3, steps: 1, start: x, l2: 0 });
    expect(objective[0]).toBeCloseTo((await saliency(model, x, { target: 3 })).target.score, 4);
    await expect(saliency(model, x, { target: { layer: "y", unit: 5 } })).rejects.toThrow(/units 0 to 4/);
    const silenced = await model.run(x, { intervene: [{ layer: "y", units: 3, value: -9 }] });
    expect(silenced.output.data.filter((value) => value === -9)).toHaveLength(64);
    expect(silenced.output.data[3]).toBe(-9);
  });

  it("TensorFlow.js: rows of scores and maps, classes last as its file has them", async () => {
    const image = tfl.input({ shape: [16, 16, 3] });
    const maps = tfl.layers
      .conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: "same" })
      .apply(image) as tfl.SymbolicTensor;
    const list = tfl.layers.reshape({ targetShape: [128, 2] }).apply(maps) as tfl.SymbolicTensor;
    const scores = tfl.layers.softmax({ axis: -1 }).apply(list) as tfl.SymbolicTensor;
    const given = tensorOf(tfInput([16, 16, 3]));
    const soft = await loadModel(await filesOf(tfl.model({ inputs: image, outputs: scores })));
    expect(await soft.predict(given, { top: 999 })).toHaveLength(2);
    expect(codes(soft)).toEqual([]);
    const raw = await loadModel(await filesOf(tfl.model({ inputs: image, outputs: list })));
    expect(await raw.predict(given, { top: 999 })).toHaveLength(2);
    expect(raw.notes[0]).toMatchObject({ code: "class-axis-assumed" });
    expect(raw.notes[0].message).toMatch(/1×128×2.*axis 2: 2 classes at 128 places.*classAxis: 1/);
    const other = await loadModel(await filesOf(tfl.model({ inputs: image, outputs: list })), { classAxis: 1 });
    expect(await other.predict(given, { top: 999 })).toHaveLength(128);
    const segmenter = await loadModel(await filesOf(tfl.model({ inputs: image, outputs: maps })));
    expect(inspect(segmenter)).toMatchObject({ classes: { count: 4, axis: 3 }, output: { shape: [1, 8, 8, 4] } });
    expect(codes(segmenter)).toEqual([]);
  });
});

/** A score from pooled maps. */
const oneScore = (last: Nodes = []): ReturnType<typeof graphOf> =>
  headed(1, [["Tanh", ["h"], ["a"]], ["GlobalAveragePool", ["a"], ["g"]], ["Flatten", ["g"], ["z"]], ...last]);
const sigmoid = oneScore([["Sigmoid", ["z"], ["p"]]]);

describeShared("one sigmoid, two names", () => {
  const file = readShared("cases/one-sigmoid/model.onnx");
  const { probability } = readSharedJson<{ probability: number }>("cases/one-sigmoid/expected.json");

  it("the score is the second's, the first has its negative", async () => {
    const model = await loadModel(file, { labels: ["cat", "dog"] });
    const [cat, dog] = await model.predict(x);
    expect(cat).toMatchObject({ index: 0, label: "cat", score: -dog.score });
    expect(cat.probability).toBeCloseTo(1 - probability, 6);
    expect(dog).toMatchObject({ index: 1, label: "dog" });
    expect(dog.probability).toBeCloseTo(probability, 6);
    expect(codes(model)).toEqual([]);
    for (const method of [saliency, inputXGradient, gradCam]) {
      const [first, second, top, byIndex] = await Promise.all(
        (["cat", "dog", "top", 0] as const).map((target) => method(model, x, { target })),
      );
      expect(Array.from(first.values.data, (value) => value + 0)).toEqual(
        Array.from(second.values.data, (value) => 0 - value),
      );
      expect(first.values.data.some((value) => value !== 0)).toBe(true);
      expect(first.target).toMatchObject({ index: 0, label: "cat", score: -second.target.score });
      expect(top.target).toEqual(first.target);
      expect(byIndex.target).toEqual(first.target);
    }
    expect((await loadModel(file, { labels: { 0: "cat", 1: "dog" } })).labels).toEqual(["cat", "dog"]);
  });

  it("without labels a note says what the score is of and how to turn it", async () => {
    const model = await loadModel(file);
    expect(codes(model)).toEqual(["one-score"]);
    expect(model.notes[0].message).toMatch(/above 0 it speaks for the class, below against.*two labels/);
    const predictions = await model.predict(x);
    expect(predictions).toHaveLength(1);
    expect(predictions[0].probability).toBeCloseTo(probability, 6);
    expect((await saliency(model, x)).notes.map(({ code }) => code)).toContain("one-score");
  });
});

describe("labels and scores", () => {
  it("the probability of either name is measured, and the other one is what randomLogitTest asks about", async () => {
    const model = await open(sigmoid, { labels: ["no", "yes"] });
    const predictions = await model.predict(x);
    for (const { label, probability } of predictions) {
      const attribution = await saliency(model, x, { target: label });
      const { deletion } = await deletionInsertion(model, x, attribution, { step: 128, target: label });
      expect(deletion.curve[0]).toBeCloseTo(probability, 6);
    }
    expect(predictions[0].probability + predictions[1].probability).toBeCloseTo(1, 6);
    const { target, classes } = await randomLogitTest(model, x, saliency);
    expect(new Set([target.index, classes[0].other.index])).toEqual(new Set([0, 1]));
  });

  it("one name, or one score without a sigmoid, or the probability itself", async () => {
    expect(await (await open(sigmoid, { labels: ["yes"] })).predict(x)).toMatchObject([{ index: 0, label: "yes" }]);
    const [yes, no] = await (await open(sigmoid, { labels: ["no", "yes"] })).predict(x);
    const raw = await open(oneScore(), { labels: ["no", "yes"] });
    expect((await raw.predict(x)).map(({ probability }) => probability)).toEqual([yes.probability, no.probability]);
    const asked = await open(sigmoid, { labels: ["no", "yes"], output: "p" });
    const [first, second] = await asked.predict(x);
    expect(first.label).toBe(yes.label);
    expect(first.probability).toBeCloseTo(yes.probability, 6);
    expect(second.probability).toBeCloseTo(no.probability, 6);
    expect((await saliency(asked, x)).target.label).toBe(yes.label);
    const unnamed = await open(oneScore());
    expect(unnamed.notes[0].message).toMatch(/the file does not say of what/);
    expect((await unnamed.predict(x))[0].probability).toBeCloseTo(
      (await (await open(sigmoid)).predict(x))[0].probability,
      6,
    );
  });

  it("a mask of one channel: both names by position and by mask", async () => {
    const graph = headed(1, [["Sigmoid", ["h"], ["y"]]]);
    const plain = await open(graph);
    expect(codes(plain)).toEqual(["one-score"]);
    const model = await open(graph, { labels: ["ground", "thing"] });
    const { output } = await model.run(x);
    const mask = classMap(output).mask(1);
    const thing = await saliency(model, x, { target: { mask, channel: 1 } });
    const ground = await saliency(model, x, { target: { mask, channel: 0 } });
    expect(thing.target).toMatchObject({ label: "thing", score: -ground.target.score });
    expect(thing.values.data).toEqual((await saliency(plain, x, { target: { mask, channel: 0 } })).values.data);
    await expect(saliency(model, x, { target: { mask, channel: 2 } })).rejects.toThrow(/channels 0 to 1/);
  });

  it("several sigmoids are several questions: no softmax", async () => {
    const graph = headed(3, [
      ["GlobalAveragePool", ["h"], ["g"]],
      ["Flatten", ["g"], ["z"]],
      ["Sigmoid", ["z"], ["y"]],
    ]);
    const { y } = await runReference(graph, { x: picture });
    for (const options of [{}, { output: "y" }]) {
      const model = await open(graph, options);
      for (const { index, probability } of await model.predict(x)) {
        expect(probability).toBeCloseTo(Number(y.data[index]), 6);
      }
    }
    // Joined from several sigmoids: each number is a probability already.
    const joined = await open(
      headed(2, [
        ["GlobalAveragePool", ["h"], ["g"]],
        ["Flatten", ["g"], ["z"]],
        ["Sigmoid", ["z"], ["sa"]],
        ["Neg", ["z"], ["n"]],
        ["Sigmoid", ["n"], ["sb"]],
        ["Concat", ["sa", "sb"], ["y"], { axis: 1 }],
      ]),
    );
    const { output } = await joined.run(x);
    for (const { index, probability } of await joined.predict(x)) expect(probability).toBe(output.data[index]);
    expect((await saliency(joined, x)).notes.map(({ code }) => code)).toContain("probability-target");
  });

  it("a softmax that was named as output gives its probabilities", async () => {
    const graph = headed(3, [
      ["GlobalAveragePool", ["h"], ["g"]],
      ["Flatten", ["g"], ["z"]],
      ["Softmax", ["z"], ["y"]],
    ]);
    const through = await (await open(graph)).predict(x);
    const asked = await (await open(graph, { output: "y" })).predict(x);
    through.forEach(({ index, probability }, i) => {
      expect(asked[i].index).toBe(index);
      expect(asked[i].probability).toBeCloseTo(probability, 6);
    });
  });

  const pooled = headed(3, [
    ["GlobalAveragePool", ["h"], ["g"]],
    ["Flatten", ["g"], ["y"]],
  ]);
  it("text, JSON and objects say the same", async () => {
    const texts = ["a\nb\nc", "\uFEFFa\r\nb\r\nc\r\n\r\n", '["a", "b", "c"]', '{ "2": "c", "0": "a", "1": "b" }'];
    for (const labels of [...texts, { 0: "a", 1: "b", 2: "c" }, ["a", "b", "c"]]) {
      expect((await open(pooled, { labels })).labels).toEqual(["a", "b", "c"]);
    }
  });

  it.each<[unknown, RegExp]>([
    [
      ["background", "a", "b", "c"],
      /labels has 4 names, the output "y" \(1×3\) has 3 classes\. The first name, "background", is the likely cause/,
    ],
    [["a", "b", "c", "d"], /4 names.*3 classes.*extra first one for the background, "a"/],
    [["a", "b"], /2 names.*3 classes.*put "background" before the others/],
    [[], /0 names.*3 classes/],
    [["a", 5, "c"], /every name is a text, and entry 1 is number/],
    ["a\n\nc", /line 2 is empty/],
    ["[1, 2", /begins like JSON/],
    [{ 0: "a", 1: "b", 3: "c" }, /none for 2/],
    [{ cat: 0 }, /"cat" is expected to be an index/],
    [7, /class names are expected, got number/],
  ])("labels %j are refused", async (labels, message) => {
    const loading = open(pooled, { labels: labels as string[] });
    await expect(loading).rejects.toThrow(OptionError);
    await expect(loading).rejects.toThrow(message);
  });

  it("labels of the file that do not fit are left out with a note, and not asked of a hidden layer", async () => {
    const graph = { ...pooled, metadata: new Map([["labels", '["a", "b"]']]) };
    const model = await open(graph);
    expect(model.labels).toBeUndefined();
    expect(model.notes[0]).toMatchObject({ code: "labels-do-not-fit" });
    expect(model.notes[0].message).toMatch(/2 names.*3 classes/);
    expect(
      codes(await open({ ...pooled, metadata: new Map([["labels", '["a", "b", "c", "d"]']]) }, { output: "h" })),
    ).toEqual([]);
    expect((await open({ ...pooled, metadata: new Map([["labels", '["a", "b", "c"]']]) })).labels).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  it("a name of two classes is ambiguous", async () => {
    const model = await open(pooled, { labels: ["crane", "kite, hawk", "crane"] });
    await expect(saliency(model, x, { target: "crane" })).rejects.toThrow(
      /"crane" is the name of 2 classes: 0 .*, 2 .*Give the index/,
    );
    expect((await saliency(model, x, { target: "hawk" })).target.index).toBe(1);
  });
});

describe("rows on the first axis", () => {
  it("are places, each with a score of every class", async () => {
    const graph = headed(
      2,
      [
        ["Transpose", ["h"], ["t"], { perm: [0, 2, 3, 1] }],
        ["Reshape", ["t", "flat"], ["r"]],
        ["Softmax", ["r"], ["y"], { axis: -1 }],
      ],
      { constants: { flat: ints(-1, 2) }, outputs: ["y", "r"] },
    );
    const reference = (await runReference(graph, { x: picture })).r.data as Float32Array;
    const model = await open(graph);
    expect(inspect(model).classes).toMatchObject({ count: 2 });
    const means = [0, 1].map(
      (c) => reference.filter((_, i) => i % 2 === c).reduce((sum, value) => sum + value, 0) / 64,
    );
    for (const { index, score } of await model.predict(x)) expect(score).toBeCloseTo(means[index], 5);
    const last = await saliency(model, x, { target: { position: [0, 63], channel: 1 } });
    expect(last.target.score).toBeCloseTo(reference[127], 5);
  });
});
