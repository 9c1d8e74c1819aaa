import { Constant, type StaticGraph } from "../graph/ir";

/** Constants of fewer elements stay float32: biases and scales weigh little and matter more. */
const leastElements = 1024;
/** The largest finite float16. */
const largestHalf = 65504;

/**
 * Keeps large float32 weights as float16, rounded to nearest even. A weight with values beyond the range of float16 stays
 * as it is. No constant of the result refers to the bytes of the file, so that the file can be given back.
 */
export function halveWeights(graph: StaticGraph): StaticGraph {
  const constants = [...graph.constants].map(([name, constant]) => [name, halved(constant)] as const);
  return { ...graph, constants: new Map(constants) };
}

function halved(constant: Constant): Constant {
  if (constant.kind !== "float") return constant;
  if (constant.format === "float16")
    return Constant.fromBytes(new Uint8Array(constant.bytes), "float16", constant.shape);
  const values = constant.floats();
  const fits = values.every((value) => Math.abs(value) <= largestHalf);
  if (values.length < leastElements || !fits) return Constant.fromFloats(values.slice(), constant.shape);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  // A plain loop: `from` would first make a list of all numbers, several times the size of the weights.
  for (let i = 0; i < bits.length; i++) halves[i] = toHalf(bits[i]);
  return Constant.fromBytes(new Uint8Array(halves.buffer), "float16", constant.shape);
}

/** The float16 nearest to a float32 given by its bits, ties to even. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  const fraction = (bits & 0x7fffff) | 0x800000;
  // Below 2⁻²⁵ everything rounds to zero; from 2⁻¹⁴ on the number is normal.
  if (exponent < -25) return sign;
  const dropped = exponent < -14 ? 13 + (-14 - exponent) : 13;
  const kept = fraction >>> dropped;
  const rest = fraction & ((1 << dropped) - 1);
  const tie = 1 << (dropped - 1);
  const rounded = kept + (rest > tie || (rest === tie && kept & 1) ? 1 : 0);
  // A carry out of the fraction runs into the exponent, which is what it should do.
  return sign | (exponent < -14 ? rounded : ((exponent + 14) << 10) + rounded);
}
