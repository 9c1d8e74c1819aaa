import { Tensor } from "../../src/index";
import { readShared, readSharedJson } from "../shared-folder";

interface TensorEntry {
  readonly name: string;
  readonly file: string;
  readonly shape: readonly number[];
  readonly note: string;
}

export interface ActivationEntry {
  readonly module: string;
  readonly onnx: string;
  readonly shape: readonly number[];
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  readonly l2: number;
  readonly first: readonly number[];
  readonly mid: readonly number[];
}

interface Manifest {
  readonly target: number;
  readonly input: {
    readonly file: string;
    readonly shape: readonly [number, number, number, number];
    readonly dtype?: "uint8";
    readonly mean?: readonly number[];
    readonly std?: readonly number[];
  };
  readonly tensors: readonly TensorEntry[];
  readonly activations: readonly ActivationEntry[];
}

/** Reference values of one network on one photograph. */
export class Golden {
  readonly folder: string;
  readonly manifest: Manifest;

  constructor(folder: string) {
    this.folder = `goldens/${folder}`;
    this.manifest = readSharedJson<Manifest>(`${this.folder}/manifest.json`);
  }

  /** Values in the order of PyTorch (N, C, H, W). */
  get(name: string): Float32Array {
    const entry = this.manifest.tensors.find((tensor) => tensor.name === name);
    if (!entry) throw new Error(`${this.folder} has no "${name}".`);
    return floats(readShared(`${this.folder}/${entry.file}`));
  }

  /** The start of the gradient ascent: int8 codes / 32, times a scale. */
  ascentStart(scale: number): Tensor {
    const codes = new Int8Array(readShared(`${this.folder}/../ascent_start.i8.bin`));
    return Tensor.fromNCHW(
      Float32Array.from(codes, (code) => (code / 32) * scale),
      this.manifest.input.shape,
    );
  }

  /** The noise of the SmoothGrad golden: int8 codes / 32 are its draws; how many and how strong its note says. */
  noise(): { readonly samples: number; readonly stdev: number; readonly noise: Tensor[] } {
    const { note = "" } = this.manifest.tensors.find(({ name }) => name === "smoothgrad") ?? {};
    const [, samples, stdev] = (/n=(\d+), sigma=([\d.]+)/.exec(note) ?? []).map(Number);
    const { shape } = this.manifest.input;
    const size = shape.reduce((a, b) => a * b, 1);
    const codes = new Int8Array(readShared(`${this.folder}/../noise_codes.i8.bin`));
    const noise = Array.from({ length: samples }, (_, k) => {
      const draw = codes.subarray(k * size, (k + 1) * size);
      return Tensor.fromNCHW(
        Float32Array.from(draw, (code) => code / 32),
        shape,
      );
    });
    return { samples, stdev, noise };
  }

  input(): Tensor {
    const { file, shape, dtype, mean = [], std = [] } = this.manifest.input;
    const bytes = readShared(`${this.folder}/${file}`);
    if (dtype !== "uint8") return Tensor.fromNCHW(floats(bytes), shape);
    const [n, c, h, w] = shape;
    const values = Float32Array.from(bytes, (pixel, i) => (pixel - mean[i % c]) / std[i % c]);
    return new Tensor(values, [n, h, w, c]);
  }
}

const floats = (bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);

export interface Difference {
  /** Largest difference relative to the largest reference value. */
  readonly max: number;
  /** ‖a − b‖₂ / ‖b‖₂ */
  readonly l2: number;
}

export function difference(actual: Float32Array, reference: Float32Array): Difference {
  if (actual.length !== reference.length) throw new Error(`${actual.length} values against ${reference.length}`);
  let [max, largest, squares, error] = [0, 0, 0, 0];
  for (let i = 0; i < actual.length; i++) {
    const d = Math.abs(actual[i] - reference[i]);
    if (!(d <= max)) max = d;
    largest = Math.max(largest, Math.abs(reference[i]));
    squares += reference[i] ** 2;
    error += d * d;
  }
  return { max: max / (largest || 1), l2: Math.sqrt(error / (squares || 1)) };
}
