/**
 * Networks of today's kinds against a float64 interpreter: the whole output, and the gradient of its largest element at the input.
 * Files that do not run yet are refused by a typed error that names what is missing.
 */
import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { UnsupportedOperatorError } from "../../src/errors";
import { loadModel, Tensor } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { toMemoryOrder, toRowMajor } from "../../src/operation/layout";
import { deployed } from "../onnx/quantised-network";
import { describeShared, readShared, readSharedJson, sharedPath } from "../shared-folder";

interface Case {
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly output?: string;
  readonly shape?: readonly number[];
  /** The element of the output whose gradient is compared. */
  readonly flat?: number;
}

/** What is missing, by file, as the error says it. */
const refused: Readonly<Record<string, RegExp>> = {
  segmenter_argmax: /ArgMax .*integers that depend on the image/,
};

/** Quantised: the answer is onnxruntime's, up to rounding of floats. */
const deployedAlike: ReadonlySet<string> = new Set(["dynamic_quant_dense", "qdq_full", "qlinearconv"]);

/** Their element lies where a sigmoid is 1 in float32, and its gradient 0: torch in float32 misses the float64 one as wholly. */
const saturated: ReadonlySet<string> = new Set(["yolov5_detect"]);

/** Has no float64 answer, because the interpreter does not know an operator; other tests compare it with onnxruntime. */
const withoutAnswer: ReadonlySet<string> = new Set(["qdq_weight_only", "crnn_lstm"]);

const floats = (path: string): Float32Array => new Float32Array(readShared(path).buffer);

const folder = "models/modern";

describeShared("networks of today's kinds agree with a float64 interpreter", () => {
  // Two inputs have a test of their own, inputs/siamese.test.ts.
  const names = readdirSync(sharedPath(folder)).flatMap((file) =>
    file.endsWith(".onnx") && file !== "siamese.onnx" ? [file.slice(0, -5)] : [],
  );
  for (const name of names) {
    const path = `${folder}/${name}`;
    const reason = refused[name];
    if (reason) {
      it(`${name} is refused: ${reason.source}`, async () => {
        const error = await loadModel(sharedPath(`${path}.onnx`)).catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(UnsupportedOperatorError);
        expect(String(error)).toMatch(reason);
      });
      continue;
    }
    if (deployedAlike.has(name)) {
      it(`${name}, as onnxruntime has it`, async () => {
        const file = readShared(`${path}.onnx`);
        using model = await loadModel(file);
        const data = floats(`${path}.in0.bin`);
        const [shape] = Object.values(readSharedJson<Case>(`${path}.json`).inputs);
        const { output } = await model.run(Tensor.fromNCHW(data, shape));
        const actual = output.shape.length === 4 ? output.toNCHW() : output.data;
        expect(differenceOf(actual, await deployed(file, data, shape)).ofLargest).toBeLessThan(1e-6);
      });
      continue;
    }
    it(name, { timeout: 60_000 }, async () => {
      const { inputs, output, shape, flat } = readSharedJson<Case>(`${path}.json`);
      using model = await loadModel(sharedPath(`${path}.onnx`));
      if (withoutAnswer.has(name)) return;
      if (output === undefined || shape === undefined || flat === undefined) throw new Error("The answer is missing.");
      const [[, inShape]] = Object.entries(inputs);
      const isChannelsLast = inShape.length === 4 && inShape[3] <= 4;
      const own = loaded(model);
      const data = floats(`${path}.in0.bin`);
      const value = own.valueOf(output);
      let actual: Float32Array | undefined;
      const backward = {
        seed: value,
        wanted: [own.full.input],
        write: (gradient: Float32Array, values: Float32Array) => {
          actual = toRowMajor(values.slice(), shape);
          const one = new Float32Array(gradient.length);
          one[flat] = 1;
          gradient.set(toMemoryOrder(one, shape));
        },
      };
      const given = isChannelsLast ? data : toMemoryOrder(data, inShape);
      const { gradients } = await own.watchedPass({ data: given, backward }, undefined);
      expect(differenceOf(actual as Float32Array, floats(`${path}.out.bin`)).ofLargest).toBeLessThan(2e-5);
      if (saturated.has(name)) return;
      const found = gradients.get(own.full.input) as Float32Array;
      const gradient = isChannelsLast ? found : toRowMajor(found, inShape);
      expect(differenceOf(gradient, floats(`${path}.grad0.bin`)).relative).toBeLessThan(1e-4);
    });
  }
});

/** Of the largest magnitude, and of the Euclidean length. */
function differenceOf(actual: Float32Array, expected: Float32Array): { ofLargest: number; relative: number } {
  expect(actual.length).toBe(expected.length);
  let [largest, most, length, distance] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const difference = actual[i] - expected[i];
    largest = Math.max(largest, Math.abs(expected[i]));
    most = Math.max(most, Math.abs(difference));
    length += expected[i] ** 2;
    distance += difference ** 2;
  }
  return { ofLargest: most / largest, relative: Math.sqrt(distance / length) };
}
