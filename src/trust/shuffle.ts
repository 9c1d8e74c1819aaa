import { Constant, type Node, type StaticGraph } from "../graph/ir";
import { natureOf, operators } from "../operators/table";
import type { Random } from "../random/random";

/** What a stage of the cascade gives other weights to. */
export interface Stage {
  /** Name of the convolution or dense layer. */
  readonly layer: string;
  /** Its weights and biases, and the constants of normalisations and the like above it. */
  readonly constants: readonly Weights[];
}

interface Weights {
  readonly name: string;
  /** Whether they get random signs; variances and scales keep theirs. */
  readonly signs: boolean;
}

/** Operators that make features; the constants of all others go along with those of the next of these below. */
const isMaker = (op: string): boolean => natureOf(op) === "convolution" || natureOf(op) === "dense";

/**
 * The layers with weights, from the output down to the input. A constant that several layers share belongs to the first.
 *
 * @param used  the values that the target depends on
 */
export function stagesOf(graph: StaticGraph, used: ReadonlySet<string>): Stage[] {
  const seen = new Set<string>();
  const weightsOf = ({ op, inputs }: Node): Weights[] => {
    // What only says where numbers go or end is not learned.
    const found = inputs.slice(0, operators.get(op)?.settings).filter((name) => {
      const constant = graph.constants.get(name);
      return constant?.kind === "float" && constant.size > 1 && !seen.has(name);
    });
    for (const name of found) seen.add(name);
    return found.map((name) => ({ name, signs: isMaker(op) }));
  };
  const stages: Stage[] = [];
  let open: Weights[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    open.push(...weightsOf(node));
    if (!isMaker(node.op) || open.length === 0) continue;
    stages.push({ layer: node.name, constants: open });
    open = [];
  }
  // What stands before the first layer, such as a normalisation of the input, goes with it.
  const last = stages.pop();
  return last ? [...stages, { ...last, constants: [...last.constants, ...open] }] : [];
}

/** How many layers are random at each of some stages: at the first one, at the last all; a single stage is the last. */
export const stageEnds = (layers: number, stages: number): number[] =>
  Array.from({ length: stages }, (_, i) => (stages === 1 ? layers : 1 + Math.round((i * (layers - 1)) / (stages - 1))));

/** The elements in a random order (Fisher and Yates), each with a random sign if asked: their magnitudes stay as they were. */
export function shuffled(constant: Constant, signs: boolean, random: Random): Constant {
  if (constant.format === "numbers") return constant;
  const bytes = new Uint8Array(constant.bytes);
  const half = constant.format === "float16";
  const elements = half ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  for (let i = elements.length - 1; i > 0; i--) {
    const j = Math.floor(random.uniform() * (i + 1));
    const kept = elements[i];
    elements[i] = elements[j];
    elements[j] = kept;
  }
  // The uppermost bit of a float is its sign.
  const sign = half ? 2 ** 15 : 2 ** 31;
  if (signs) for (let i = 0; i < elements.length; i++) if (random.uniform() < 0.5) elements[i] ^= sign;
  return Constant.fromBytes(bytes, constant.format, constant.shape);
}
