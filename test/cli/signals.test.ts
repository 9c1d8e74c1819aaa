/** Numbers as input of the command line: signals, and what a network for pictures takes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, encodeNpy, loadModel, preprocess, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readSharedJson, sharedPath } from "../shared-folder";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string): string => join(folder, name);
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(place(name), content);
  return place(name);
};

/** Two channels of ten samples. */
const [channels, length] = [2, 10];
const random = randomIntegers(3);
const signal = new Tensor(randomFloats(random, [1, channels, length]).floats(), [1, channels, length]);
const rows = Array.from({ length: channels }, (_, c) => [...signal.data.subarray(c * length, (c + 1) * length)]);
const columns = rows[0].map((_, i) => rows.map((row) => row[i]));
const model = place("signal.onnx");
let scores: { readonly index: number; readonly score: number }[];

/** A network for signals or vectors: [1, ...shape]. */
const network = (samples: number): Uint8Array =>
  writeOnnx(
    graphOf({
      inputs: { x: [1, channels, samples] },
      constants: { w: randomFloats(randomIntegers(9), [3, channels, 3]) },
      nodes: [
        ["Conv", ["x", "w"], ["c"], { pads: [1, 1] }],
        ["Relu", ["c"], ["r"]],
        ["GlobalAveragePool", ["r"], ["g"]],
        ["Flatten", ["g"], ["y"]],
      ],
    }),
  );

beforeAll(async () => {
  writeFileSync(model, network(length));
  scores = await (await loadModel(network(length))).predict(signal);
});

/** A NumPy file as numpy writes it, with other types than `encodeNpy`. */
/** As machines write doubles that keep the highest byte first. */
function highestFirst(values: Float32Array): DataView {
  const view = new DataView(new ArrayBuffer(values.length * 8));
  values.forEach((value, i) => {
    view.setFloat64(i * 8, value, false);
  });
  return view;
}

function npy(descr: string, shape: string, data: ArrayBufferView, fortran = "False"): Uint8Array {
  const dictionary = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`.padEnd(117);
  const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${dictionary}\n`, "latin1");
  return Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

const csv = (table: readonly (readonly number[])[], separator = ","): string =>
  table.map((row) => row.join(separator)).join("\n");

describe("a signal", () => {
  const ways: readonly (readonly [name: string, content: () => string | Uint8Array])[] = [
    ["as-it-is.npy", () => encodeNpy(signal)],
    ["float64.npy", () => npy("<f8", "(2, 10)", Float64Array.from(signal.data))],
    ["big-endian.npy", () => npy(">f8", "(2, 10)", highestFirst(signal.data))],
    ["fortran.npy", () => npy("<f4", "(2, 10)", Float32Array.from(columns.flat()), "True")],
    ["a-row-for-each-sample.npy", () => npy("<f4", "(10, 2)", Float32Array.from(columns.flat()))],
    ["a-row-for-each-channel.csv", () => csv(rows)],
    ["a-row-for-each-sample.csv", () => csv(columns)],
    ["semicolons-and-names.csv", () => `\ufeffleft;right\r\n${csv(columns, ";").replaceAll("\n", "\r\n")}\r\n`],
    ["tabs-and-a-remark.csv", () => `# made up\n${csv(columns, "\t")}`],
    ["lists.json", () => JSON.stringify(rows)],
    ["tensor.json", () => JSON.stringify({ shape: signal.shape, data: [...signal.data] })],
  ];
  for (const [name, content] of ways) {
    it(`in ${name} has the scores that the library gives`, async () => {
      const { code, out, err } = await run("explain", write(name, content()), "--model", model, "--json");
      expect(code, err).toBe(0);
      expect(JSON.parse(out).predictions).toEqual(scores);
      expect(err.includes("a row for each sample")).toBe(name.includes("sample") || /semi|tabs/.test(name));
    });
  }

  it("is plotted as SVG, every method below the other, with the names of its channels", async () => {
    const table = write("named.csv", `left,right\n${csv(columns)}`);
    const one = place("one.svg");
    const { code, out } = await run("explain", table, "--model", model, "--method", "occlusion", "--out", one);
    expect(code).toBe(0);
    expect(out).toContain(`plot: ${one}`);
    expect(out).toMatch(/occlusion: what speaks for class \d: samples \d+–\d+\n/);
    const svg = readFileSync(one, "utf8");
    expect(svg.match(/<svg/g)).toHaveLength(1);
    for (const word of ["occlusion", ">left<", ">right<"]) expect(svg).toContain(word);
    const all = place("all.svg");
    await run("explain", table, "--model", model, "--method", "all", "--out", all);
    const stacked = readFileSync(all, "utf8");
    const tops = [...stacked.matchAll(/<svg y="(\d+)"/g)].map(([, top]) => Number(top));
    expect(tops.length).toBeGreaterThan(20);
    expect(tops.every((top, i) => i === 0 || top - tops[i - 1] === tops[1])).toBe(true);
    expect(stacked.trim().endsWith("</svg>")).toBe(true);
    const wrong = await run("explain", table, "--model", model, "--out", place("one.png"));
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("name --out .svg") });
  });

  it("with as many samples as channels is read in rows of channels, and that is said", async () => {
    const square = place("square.onnx");
    writeFileSync(square, network(2));
    const { code, err, out } = await run("explain", write("square.csv", "1,2\n3,4"), "--model", square, "--json");
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("a row for each channel") });
    const tensor = new Tensor(Float32Array.of(1, 2, 3, 4), [1, 2, 2]);
    expect(JSON.parse(out).predictions).toEqual(await (await loadModel(network(2))).predict(tensor));
  });

  it("that is none is refused with what was expected", async () => {
    const refused: readonly (readonly [name: string, content: string | Uint8Array, message: RegExp])[] = [
      [
        "short.csv",
        "1,2\n3,4",
        /holds 2×2 numbers; the input "x" of signal\.onnx takes 1×2×10 \(2 channels of 10 samples/,
      ],
      ["words.csv", "1,2\n3,none", /row 2, column 2: "none" is no number/],
      ["ragged.csv", "1,2\n3", /is no table/],
      ["names.csv", "left,right", /holds no numbers/],
      ["commas.csv", "0,5;1,5\n0,5;1,5", /is no table|is no number|holds/],
      ["empty.csv", "", /holds no numbers/],
      ["gap.json", "[[1,2],[3]]", /expected a list of 2 after 2 numbers, got a list of 1/],
      ["text.json", '["1"]', /expected a number after 0 numbers, got "1"/],
      ["object.json", '{"a": 1}', /holds no list; an input is a list of numbers/],
      ["wrong.json", '{"shape": [3], "data": [1, 2]}', /says that its shape is \[3\], and holds 2 values/],
      ["half.json", "[1,", /is not JSON/],
      ["png.npy", readFileSync("examples/images/scene-cat-00.png"), /is no NumPy array/],
      ["cut.npy", encodeNpy(signal).subarray(0, 150), /is no NumPy array|holds \d+ values/],
      ["text.npy", npy("<U4", "(2, 10)", new Uint8Array(320)), /holds U4 values; expected real numbers/],
      ["infinite.npy", npy("<f4", "(2, 10)", new Float32Array(20).fill(Number.NaN)), /NaN/],
    ];
    for (const [name, content, message] of refused) {
      const { code, out, err } = await run("explain", write(name, content), "--model", model);
      expect({ name, code, out }).toEqual({ name, code: 1, out: "" });
      expect(err).toMatch(message);
    }
  });

  it("is asked for where a picture is given", async () => {
    const { code, err } = await run("explain", "examples/images/scene-cat-00.png", "--model", model);
    expect(code).toBe(1);
    expect(err).toContain("is 1×2×10, not an image: give a .npy, .csv or .json file of that shape.");
  });
});

describe("a picture's values", () => {
  const scene = "examples/images/scene-cat-00.png";
  const size = { width: 96, height: 96, channels: 3 };
  it("are taken as they are, channels last or first, and the overlay is drawn on what they show", async () => {
    const image = await decodeImage(new Uint8Array(readFileSync(scene)));
    const wanted = JSON.parse((await run("explain", scene, "--json")).out);
    const values = preprocess(image, size);
    const last = write("last.npy", encodeNpy(values));
    const first = write("first.npy", encodeNpy(new Tensor(values.toNCHW(), [3, 96, 96])));
    for (const path of [last, first]) {
      const overlay = place("overlay.png");
      const { code, out, err } = await run("explain", path, "--json", "--out", overlay);
      expect(code, err).toBe(0);
      const { predictions, explanations } = JSON.parse(out);
      expect([predictions[0].label, predictions.length]).toEqual(["cat", wanted.predictions.length]);
      expect(explanations[0].shape).toEqual([1, 6, 6, 1]);
      expect((await decodeImage(new Uint8Array(readFileSync(overlay)))).width).toBe(384);
      expect(err.includes("channels, height, width")).toBe(path === first);
    }
  });

  it("in bytes are pixels", async () => {
    const { data } = await decodeImage(new Uint8Array(readFileSync(scene)));
    const pixels = npy("|u1", `(96, 96, ${data.length / 96 / 96})`, data);
    const { code, out, err } = await run("explain", write("pixels.npy", pixels), "--json");
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("read as a picture of 96×96 pixels") });
    expect(JSON.parse(out).predictions).toEqual(JSON.parse((await run("explain", scene, "--json")).out).predictions);
  });
});

describe("options of methods", () => {
  const scene = "examples/images/scene-cat-00.png";
  it("stand in the recipe by the library's names", async () => {
    const given: readonly (readonly [method: string, words: string[], options: object])[] = [
      ["integrated-gradients", ["--steps", "7"], { nSteps: 7 }],
      ["smooth-grad", ["--samples", "3", "--seed", "5"], { samples: 3 }],
      ["occlusion", ["--window", "48", "--stride", "32,48"], { window: [48, 48], stride: [32, 48] }],
      ["rise", ["--masks", "9"], { masks: 9 }],
    ];
    for (const [method, words, options] of given) {
      const { code, out, err } = await run("explain", scene, "--method", method, "--json", ...words);
      expect(code, err).toBe(0);
      const { recipe } = JSON.parse(out).explanations[0];
      expect(recipe.options).toMatchObject(options);
      if (words.includes("--seed")) expect(recipe.seed).toBe(5);
    }
  });

  it("of another method are refused", async () => {
    for (const [flag, value] of [
      ["--steps", "7"],
      ["--window", "8"],
      ["--masks", "9"],
    ]) {
      const { code, err } = await run("explain", scene, "--method", "lime", flag, value);
      expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(/belongs to .*, not to lime/) });
    }
    expect((await run("explain", scene, "--window", "8,")).code).toBe(2);
    expect((await run("explain", scene, "--smooth", "-1")).code).toBe(2);
    expect((await run("explain", scene, "--out", place("x.svg"))).code).toBe(2);
  });

  it("--smooth changes what is drawn, and no value", async () => {
    const draw = async (smooth: string): Promise<{ picture: Uint8Array; values: Uint8Array }> => {
      const [picture, values] = [place(`${smooth}.png`), place(`${smooth}.npy`)];
      const files = ["--out", picture, "--npy", values, "--smooth", smooth];
      expect((await run("explain", scene, "--method", "saliency", ...files)).code).toBe(0);
      return { picture: new Uint8Array(readFileSync(picture)), values: new Uint8Array(readFileSync(values)) };
    };
    const [sharp, blurred] = [await draw("0"), await draw("6")];
    expect(blurred.values).toEqual(sharp.values);
    expect(blurred.picture).not.toEqual(sharp.picture);
  });
});

describeShared("a network for sounds", () => {
  it("has the scores of onnxruntime, from .npy, .csv and .json", async () => {
    const network = sharedPath("cases/signal-on-the-command-line/model.onnx");
    const { y } = readSharedJson<{ y: number[] }>("cases/signal-on-the-command-line/expected.json");
    const sine = Array.from({ length: 64 }, (_, i) => Math.sin(i / 3));
    const files = [
      write("sine.npy", encodeNpy(new Tensor(Float32Array.from(sine), [64]))),
      write("sine.csv", `${sine.join("\n")}\n`),
      write("sine.json", JSON.stringify(sine)),
    ];
    for (const file of files) {
      const { code, out, err } = await run("explain", file, "--model", network, "--json", "--out", place("sine.svg"));
      expect({ code, err }).toEqual({ code: 0, err: "" });
      for (const { index, score } of JSON.parse(out).predictions as { index: number; score: number }[]) {
        expect(Math.abs(score - y[index])).toBeLessThan(1e-5);
      }
    }
  });
});

describe("a volume", () => {
  const [D, H, W] = [6, 8, 8];
  const graph = graphOf({
    inputs: { x: [1, 1, D, H, W] },
    constants: { w: randomFloats(randomIntegers(4), [2, 1, 3, 3, 3]) },
    nodes: [
      ["Conv", ["x", "w"], ["c"]],
      ["Relu", ["c"], ["r"]],
      ["GlobalAveragePool", ["r"], ["g"]],
      ["Flatten", ["g"], ["y"]],
    ],
  });
  // Something is in slice 4 alone.
  const values = Float32Array.from({ length: D * H * W }, (_, i) => {
    const [slice, row, column] = [Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W];
    return slice === 4 && row < 4 && column > 3 ? 5 : 0;
  });
  let scan: string;
  let file: string;
  beforeAll(() => {
    scan = write("scan.npy", encodeNpy(new Tensor(values, [1, 1, D, H, W])));
    file = write("volumes.onnx", writeOnnx(graph));
  });

  it("is drawn slice beside slice, and the text says in which one the evidence is", async () => {
    const out = place("slices.png");
    const options = ["--method", "occlusion", "--window", "2,4,4", "--stride", "2,4,4", "--target", "0"];
    const { out: said } = await run("explain", scan, "--model", file, ...options, "--out", out);
    expect(said).toMatch(/most in slice [45], x 4–8, y 0–4/);
    const { width, height } = await decodeImage(readFileSync(out));
    expect(width).toBeGreaterThan(3 * 96);
    expect(height).toBeGreaterThan(2 * 96);
    const { explanations } = JSON.parse((await run("explain", scan, "--model", file, ...options, "--json")).out);
    expect(explanations[0].box).toEqual({ x: 4, y: 0, width: 4, height: 4 });
    expect([4, 5]).toContain(explanations[0].slice);
    expect(explanations[0].recipe.options).toMatchObject({ window: [2, 4, 4], stride: [2, 4, 4] });
  });

  it("has windows of one number or three, and pictures as PNG", async () => {
    const fails = async (...options: string[]) => (await run("explain", scan, "--model", file, ...options)).err;
    expect(await fails("--method", "occlusion", "--window", "4,4")).toMatch(
      /--window must be .*three \(slices, rows, columns\)/,
    );
    expect(await fails("--out", place("slices.svg"))).toMatch(
      /Pictures are written as PNG: name --out \.png, not \.svg\./,
    );
  });
});
