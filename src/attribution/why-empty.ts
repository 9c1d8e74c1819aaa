/** Why a map shows nothing: where the gradient dies, or what all that flows to the target comes to. Loaded when it is needed. */

import type { Network } from "../engine/network";
import { entryOf } from "../guard";
import type { LoadedModel } from "../model/loaded-model";
import { firstNotFinite, type Input } from "../model/model";
import { groupsOf, whereNotFinite } from "../model/not-finite";
import { resolveTarget } from "../model/resolve-target";
import type { Target } from "../model/target";
import type { Operation, ValueName } from "../operation/operation";
import { natureOf } from "../operators/table";
import { gradientPass } from "./gradients/gradient";

/** What is asked about: a map at a layer (or the input), of a target. */
export interface Empty {
  readonly model: LoadedModel;
  readonly input: Input;
  readonly target: Target | undefined;
  readonly layer: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What one value takes part in: Σ|value|, Σ|gradient| and Σ|gradient × value|. */
interface Flow {
  readonly size: number;
  readonly gradient: number;
  readonly effect: number;
}

export interface Finding {
  /** Where the gradient becomes exactly zero, if it is at the network's input. */
  readonly died?: string;
  /** The largest Σ|gradient × value| of any layer from the map's to the target, in units of the score, and whose it is. */
  readonly largest: number;
  readonly where: string;
  /** Σ|gradient × value| at the map's value. */
  readonly flow?: number;
  /** True where the value that the map is of is zero everywhere itself. */
  readonly zeroValue: boolean;
}

/** Follows the gradient from the target to the value that a map is of. */
export async function findFlow({ model, input, target: asked, layer, signal }: Empty): Promise<Finding> {
  const target = resolveTarget(model, asked);
  const data = model.prepare(input);
  const at = layer === undefined ? model.fast.input : model.valueOf(layer);
  const { input: start } = model.fast;
  const network = model.networkFor([target.value, at]);
  const operations = between(network, start, target.value).filter(({ outputs }) => outputs[0] !== target.value);
  const flows = new Map<ValueName, Flow>();
  let score = 0;
  let zeroValue = false;
  const groups = groupsOf(model, operations).map((group) => group.map(({ outputs }) => outputs[0]));
  for (const group of groups.length > 0 ? groups : [[]]) {
    const values = [...new Set([start, at, ...group])];
    const pass = await gradientPass(model, { data, target, at: values, keep: values, signal });
    score = pass.report.score;
    for (const name of values) {
      flows.set(name, flowOf(entryOf(pass.gradients, name), entryOf(pass.values, name)));
    }
    zeroValue = pass.values.get(at)?.every((value) => value === 0) ?? false;
  }
  let [largest, where] = [Math.abs(score), "the score"];
  const behind = new Set(between(network, at, target.value).map(({ outputs }) => outputs[0]));
  for (const { node, outputs } of operations) {
    const effect = behind.has(outputs[0]) ? (flows.get(outputs[0])?.effect ?? 0) : 0;
    if (effect > largest) [largest, where] = [effect, `${node.op} "${node.name}"`];
  }
  const flow = flows.get(at)?.effect ?? 0;
  if (flow > largest) [largest, where] = [flow, "the layer itself"];
  const died =
    flows.get(start)?.gradient === 0
      ? deathOf(model, between(network, start, target.value), flows, target.value)
      : undefined;
  return { ...(died && { died }), largest, where, flow, zeroValue };
}

function flowOf(gradient: Float32Array, value: Float32Array): Flow {
  let [size, sum, effect] = [0, 0, 0];
  for (let i = 0; i < gradient.length; i++) {
    size += Math.abs(value[i]);
    sum += Math.abs(gradient[i]);
    effect += Math.abs(gradient[i] * value[i]);
  }
  return { size, gradient: sum, effect };
}

/** The operations by which a target depends on a value, in the order they run. */
function between(network: Network, at: ValueName, target: ValueName): Operation[] {
  const after = new Set<ValueName>([at]);
  const behind = network.operations.filter(({ inputs, outputs }) => {
    const follows = inputs.some((name) => after.has(name));
    if (follows) for (const name of outputs) after.add(name);
    return follows;
  });
  const before = new Set<ValueName>([target]);
  return behind
    .reverse()
    .filter(({ inputs, outputs }) => {
      const leads = outputs.some((name) => before.has(name));
      if (leads) for (const name of inputs) before.add(name);
      return leads;
    })
    .reverse();
}

/** The operation nearest to the target that takes in a gradient and hands none on. */
function deathOf(
  model: LoadedModel,
  operations: readonly Operation[],
  flows: ReadonlyMap<ValueName, Flow>,
  target: ValueName,
): string {
  const dead = (name: ValueName): boolean => flows.get(name)?.gradient === 0;
  const found = [...operations]
    .reverse()
    .find(
      ({ inputs, outputs }) =>
        (outputs[0] === target || !dead(outputs[0])) && inputs.every((name) => !flows.has(name) || dead(name)),
    );
  if (!found) return "its gradient is exactly zero";
  const { node, outputs, rectifier } = found;
  const flow = flows.get(outputs[0]);
  const name = `${node.op} "${node.name}"`;
  if (rectifier && flow?.size === 0) {
    return `all ${model.sampleSize(outputs[0])} places of ${name} are shut (every value is 0), so its gradient dies there`;
  }
  if (natureOf(node.op) === "step") {
    return `${name} jumps and is level in between, so no gradient comes through it`;
  }
  return `its gradient is exactly zero below ${name}, where the values do not depend on what comes in`;
}

/** Where values, or else the gradient, stop being finite. */
export async function findNotFinite({
  model,
  input,
  target: asked,
  layer,
  signal,
}: Empty): Promise<string | undefined> {
  const target = resolveTarget(model, asked);
  const data = model.prepare(input);
  const forward = whereNotFinite(model, data, target.value);
  if (forward) return forward;
  const at = layer === undefined ? model.fast.input : model.valueOf(layer);
  const network = model.networkFor([target.value, at]);
  const operations = between(network, at, target.value).filter(({ outputs }) => outputs[0] !== target.value);
  for (const group of groupsOf(model, [...operations].reverse())) {
    const values = group.map(({ outputs }) => outputs[0]);
    const { gradients } = await gradientPass(model, { data, target, at: values, signal });
    const found = group.find(({ outputs }) => firstNotFinite(entryOf(gradients, outputs[0])) >= 0);
    if (found)
      return `the gradient at the output of ${found.node.op} "${found.node.name}", the first on the way back that is not finite`;
  }
  return undefined;
}
