/**
 * Made-up heart beats: sums of Gaussian waves, as in McSharry et al. 2003 (IEEE Trans. Biomed. Eng. 50(3)), without its
 * differential equations. They look like an electrocardiogram and are none: nothing here may be used on people.
 */
import type { Random } from "../../src/random/random";

export const sampleRate = 100;
export const length = 256;
export const labels = ["normal", "premature beat", "ST elevation"] as const;

export interface Strip {
  readonly label: number;
  /** One lead, millivolts. */
  readonly values: Float32Array;
  /** Where the abnormality is, as `[first, last)` samples; empty for a normal strip. */
  readonly truth: readonly (readonly [number, number])[];
}

interface Wave {
  /** Seconds from the R peak. */
  readonly at: number;
  readonly height: number;
  /** Standard deviation in seconds. */
  readonly width: number;
}

const normalBeat: readonly Wave[] = [
  { at: -0.17, height: 0.13, width: 0.022 }, // P
  { at: -0.028, height: -0.12, width: 0.009 }, // Q
  { at: 0, height: 1, width: 0.012 }, // R
  { at: 0.03, height: -0.22, width: 0.01 }, // S
  { at: 0.27, height: 0.28, width: 0.045 }, // T
];
/** A beat from the ventricle: no P wave, wide, its T wave the other way. */
const prematureBeat: readonly Wave[] = [
  { at: 0, height: 1.15, width: 0.042 },
  { at: 0.09, height: -0.25, width: 0.035 },
  { at: 0.3, height: -0.38, width: 0.055 },
];
/** What lies between S and T of an injured muscle: raised. */
const raisedSegment: readonly Wave[] = [
  { at: 0.1, height: 1, width: 0.035 },
  { at: 0.17, height: 1, width: 0.035 },
];

/** Makes a strip of a class; everything that differs between strips comes from the random numbers. */
function makeStrip(label: number, random: Random): Strip {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const interval = between(0.68, 0.95);
  const gain = between(0.8, 1.2);
  const elevation = between(0.06, 0.3);
  const [wander, phase] = [between(0.02, 0.08), between(0, 2 * Math.PI)];
  const seconds = length / sampleRate;
  const values = new Float64Array(length);
  const truth: [number, number][] = [];
  const breadth = between(0.55, 1.05);
  const add = (beat: readonly Wave[], centre: number, scale: number, wide = 1): void => {
    for (let i = 0; i < length; i++) {
      const t = i / sampleRate - centre;
      for (const { at, height, width } of beat)
        values[i] += scale * height * Math.exp(-((t - at) ** 2) / (2 * (wide * width) ** 2));
    }
  };
  const mark = (from: number, to: number): void => {
    const [first, end] = [Math.max(0, Math.round(from * sampleRate)), Math.min(length, Math.round(to * sampleRate))];
    if (end > first) truth.push([first, end]);
  };
  // The premature beat takes the place of the second or third one, a third of the interval early.
  const early = random.uniform() < 0.5 ? 1 : 2;
  const start = between(-0.3, 0.35);
  for (let beat = 0; start + beat * interval < seconds + 0.5; beat++) {
    const jitter = between(-0.02, 0.02);
    const centre = start + beat * interval + jitter;
    if (label === 1 && beat === early) {
      add(prematureBeat, centre - interval / 3, gain, breadth);
      mark(centre - interval / 3 - 0.12, centre - interval / 3 + 0.42);
      continue;
    }
    add(normalBeat, centre, gain);
    if (label === 2) {
      add(raisedSegment, centre, gain * elevation);
      mark(centre + 0.03, centre + 0.24);
    }
  }
  for (let i = 0; i < length; i++) {
    values[i] += wander * Math.sin(phase + (2 * Math.PI * 0.35 * i) / sampleRate) + 0.04 * random.normal();
  }
  return { label, values: Float32Array.from(values), truth };
}

/** So many strips of each class, in turns. */
export const makeStrips = (count: number, random: Random): Strip[] =>
  Array.from({ length: count * labels.length }, (_, i) => makeStrip(i % labels.length, random));
