/** Loops whose number of rounds is known: their rounds, one after the other, stand in their place. Loaded for a network that has one. */
import { type Branch, Constant, type Node, numberAttribute } from "../graph/ir";
import { axisOf, type Shape } from "../graph/shape-rule";
import type { InPlace } from "./take-branches";

/** What is known when a loop is looked at. */
interface Known {
  readonly constants: ReadonlyMap<string, Constant>;
  readonly shapes: ReadonlyMap<string, Shape>;
}

/** Where the values of a loop's rounds come from, and where they go. */
export interface Rounds {
  readonly body: Branch;
  readonly count: number;
  /** What every round gives to the next one begins so. */
  readonly carried: readonly string[];
  /** Inputs and outputs of the body that stand before those that are carried. */
  readonly counters: number;
  readonly results: number;
  /** Of a Scan: what each round sees a slice of. */
  readonly scanned: readonly { readonly value: string; readonly axis: number; readonly isBackward: boolean }[];
  /** Of what each round makes a slice of, by their number. */
  readonly gathered: (i: number) => { readonly axis: number; readonly isBackward: boolean };
}

/** How loops are written. */
export interface UnrolledLoops {
  /** A text is why its rounds cannot be written one after the other. */
  readonly roundsOf: (node: Node, known: Known) => Rounds | string;
  /** What the rounds of a loop are written by: nodes, those of the graphs inside of them, and characters. */
  readonly costOf: (rounds: Rounds) => { readonly nodes: number; readonly inside: number; readonly characters: number };
  /** The rounds of a loop, one after the other. */
  readonly writtenRounds: (node: Node, rounds: Rounds) => InPlace;
}

function roundsOf(node: Node, known: Known): Rounds | string {
  const rounds = node.op === "Loop" ? loopRounds(node, known) : scanRounds(node, known);
  if (typeof rounds === "string" || rounds.count > 0) return rounds;
  const gathers = node.outputs.slice(rounds.carried.length).some((output) => output !== "");
  return gathers ? "it runs no round, and what it gathers is empty" : rounds;
}

function loopRounds(node: Node, { constants }: Known): Rounds | string {
  const { body, names, places } = partsOf(node);
  const [most, condition] = node.inputs;
  if (names.length < 2) return "its body does not take a round's number and a condition";
  const number = (name: string): number | undefined => constants.get(name)?.numbers()[0];
  const limit = most === "" ? Number.POSITIVE_INFINITY : number(most);
  const begins = condition === "" ? 1 : number(condition);
  if (limit === undefined || begins === undefined) return "how often it runs depends on the image";
  // The condition of the next round: handed through, or the same in every one.
  let next = body.outputs[0];
  for (const node of [...body.nodes].reverse())
    if (node.outputs[0] === next && (node.op === "Identity" || node.op === "Cast")) [next] = node.inputs;
  const goesOn = next === names[1] ? begins : (body.constants.get(next)?.numbers()[0] ?? number(next));
  if (goesOn === undefined) return "its condition is computed in every round";
  const count = begins ? Math.max(0, goesOn ? limit : Math.min(1, limit)) : 0;
  if (!Number.isFinite(count)) return "it never ends";
  const carried = places.slice(2);
  if (body.outputs.length < 1 + carried.length) return "its body does not give back what it takes";
  const gathered = () => ({ axis: 0, isBackward: false });
  return { body, count, carried, counters: 2, results: 1, scanned: [], gathered };
}

function scanRounds(node: Node, { shapes }: Known): Rounds | string {
  const { body, places } = partsOf(node);
  const scans = numberAttribute(node, "num_scan_inputs");
  const [carried, values] = [places.slice(0, places.length - scans), places.slice(places.length - scans)];
  if (!(Number.isInteger(scans) && scans >= 1 && scans <= places.length)) return `num_scan_inputs is ${scans}`;
  if (body.outputs.length < carried.length) return "its body does not give back what it takes";
  const listOf = (key: string): readonly number[] => {
    const list = node.attributes.get(key);
    return Array.isArray(list) ? list.map(Number) : [];
  };
  const [axes, directions] = [listOf("scan_input_axes"), listOf("scan_input_directions")];
  const found = values.map((value) => shapes.get(value));
  if (found.includes(undefined)) return "the shape of what it walks is not known";
  const scanned = values.map((value, i) => ({
    ...{ value, axis: axisOf(node, axes[i] ?? 0, found[i]?.length ?? 0), isBackward: directions[i] === 1 },
  }));
  const counts = scanned.map(({ axis }, i) => found[i]?.[axis] ?? 0);
  if (counts.some((count) => count !== counts[0])) return `it walks ${counts.join(" and ")} elements at once`;
  const [outAxes, outDirections] = [listOf("scan_output_axes"), listOf("scan_output_directions")];
  const gathered = (i: number) => ({ axis: outAxes[i] ?? 0, isBackward: outDirections[i] === 1 });
  return { body, count: counts[0], carried, counters: 0, results: 0, scanned, gathered };
}

/** The body, what it calls its inputs, and the values that they are. */
function partsOf(node: Node) {
  const body = node.branches?.get("body") as Branch;
  const names = body.inputs ?? [];
  return { body, names, places: node.inputs.slice(0, names.length) };
}

const costOf = ({ body, count, scanned }: Rounds) => ({
  nodes: count * Math.max(1, body.nodes.length + scanned.length),
  inside: count * sizeOfBody(body),
  characters: count * charactersOfBody(body),
});

const sizeOfBody = ({ nodes }: Branch): number =>
  nodes.reduce((sum, { branches }) => [...(branches?.values() ?? [])].reduce((n, b) => n + sizeOfBody(b), sum + 1), 1);

/** What a name that stands elsewhere takes where it is read. */
const perRead = 8;

/** The names that every round writes anew, and the lists of those that it reads. */
const charactersOfBody = ({ nodes, inputs = [] }: Branch): number =>
  nodes.reduce(
    (sum, { name, inputs: read, outputs, branches }) =>
      [...(branches?.values() ?? [])].reduce(
        (n, b) => n + charactersOfBody(b),
        sum + name.length + lengthOf(outputs) + perRead * read.length,
      ),
    lengthOf(inputs),
  );

const lengthOf = (names: readonly string[]): number => names.reduce((sum, { length }) => sum + length, 0);

function writtenRounds(node: Node, rounds: Rounds): InPlace {
  const constants = new Map(rounds.body.constants);
  return { nodes: written(node, rounds, (name, value) => constants.set(name, value)), constants };
}

function written(node: Node, rounds: Rounds, define: (name: string, value: Constant) => void): Node[] {
  const { body, count, counters, results, scanned, gathered } = rounds;
  const names = body.inputs ?? [];
  const nodes: Node[] = [];
  const add = (op: string, inputs: readonly string[], output: string, attributes: Node["attributes"] = new Map()) => {
    nodes.push({ name: output, op, inputs, outputs: [output], attributes });
    return output;
  };
  const made = madeIn(body);
  let carried = rounds.carried;
  const slices = body.outputs.slice(results + carried.length).map((): string[] => []);
  // Bodies inside of bodies keep the names of their inputs in every round: what is made of them is called after the loop's result.
  const prefix = node.outputs.find((output) => output !== "") ?? node.name;
  for (let round = 0; round < count; round++) {
    const own = (name: string): string => `${name}#${round}`;
    const ofLoop = (name: string): string => own(`${prefix}/${name}`);
    const values = new Map(carried.map((value, i) => [names[counters + i], value]));
    if (counters > 0) {
      define(ofLoop(names[0]), Constant.fromNumbers("int", [round], []));
      define(ofLoop(names[1]), Constant.fromNumbers("bool", [1], []));
      for (const name of names.slice(0, 2)) values.set(name, ofLoop(name));
    }
    scanned.forEach(({ value, axis, isBackward }, i) => {
      const name = names[carried.length + i];
      define(ofLoop(`${name}/place`), Constant.fromNumbers("int", [isBackward ? count - 1 - round : round], []));
      values.set(name, add("Gather", [value, ofLoop(`${name}/place`)], ofLoop(name), new Map([["axis", axis]])));
    });
    const seen = (name: string): string => values.get(name) ?? (made.has(name) ? own(name) : name);
    for (const each of body.nodes) nodes.push(renamed(each, seen, own));
    const given = body.outputs.map(seen);
    carried = given.slice(results, results + carried.length);
    slices.forEach((list, i) => {
      const name = ofLoop(`slice ${i}`);
      list.push(add("Unsqueeze", [given[results + carried.length + i]], name, new Map([["axes", [gathered(i).axis]]])));
    });
  }
  node.outputs.forEach((output, i) => {
    if (output === "") return;
    if (i < carried.length) add("Identity", [carried[i]], output);
    else {
      const { axis, isBackward } = gathered(i - carried.length);
      const list = slices[i - carried.length] ?? [];
      add("Concat", isBackward ? [...list].reverse() : list, output, new Map([["axis", axis]]));
    }
  });
  return nodes;
}

/** Every value that a body computes, those of the graphs inside of it too. */
function madeIn({ nodes }: Branch, made = new Set<string>()): Set<string> {
  for (const { outputs, branches } of nodes) {
    for (const output of outputs) made.add(output);
    for (const branch of branches?.values() ?? []) madeIn(branch, made);
  }
  made.delete("");
  return made;
}

function renamed(node: Node, seen: (name: string) => string, own: (name: string) => string): Node {
  const { branches } = node;
  return {
    ...node,
    name: own(node.name),
    inputs: node.inputs.map(seen),
    outputs: node.outputs.map(seen),
    ...(branches && {
      branches: new Map(
        [...branches].map(([key, branch]): [string, Branch] => [
          key,
          {
            ...branch,
            nodes: branch.nodes.map((each) => renamed(each, seen, own)),
            outputs: branch.outputs.map(seen),
          },
        ]),
      ),
    }),
  };
}

export const loops: UnrolledLoops = { roundsOf, costOf, writtenRounds };
