/** Layer-wise relevance propagation: which step each operation of a network takes backwards. */
import type { Network } from "../../engine/network";
import { LayerError } from "../../errors";
import type { LoadedModel } from "../../model/loaded-model";
import type { Operation, ValueName } from "../../operation/operation";
import type { Nature } from "../../operators/operator";
import { natureOf, operators } from "../../operators/table";
import type { SizeOf } from "./along-path";
import { type Composite, type LrpRule, type RuleSettings, settingsOf } from "./composite";
import { type Factors, factorsOf } from "./factors";
import type { BackwardStep, Lens } from "./lens";
import { linearRule } from "./linear-rules";
import { linearStep, type ValueBounds } from "./linear-step";
import { dominant, pass, proportional, signalOnly, softmaxTaylor } from "./relevance-steps";
import { weighedLayer } from "./weighed";

/** What divides by something near zero adds this, as in Zennit. */
export const stabiliser = 1e-6;

const sums: ReadonlySet<Nature | undefined> = new Set<Nature>(["sum", "difference"]);
const averages: ReadonlySet<Nature | undefined> = new Set<Nature>(["mean", "total"]);
const scalings: ReadonlySet<Nature | undefined> = new Set<Nature>(["product", "quotient"]);
const alone: ReadonlySet<Nature | undefined> = new Set<Nature>([
  "rectifier",
  "smooth",
  "gate",
  "clamp",
  "extremum",
  "norm",
  "rounding",
]);

/** Send back to where their value came from; what jumps, nowhere. */
const chosen: ReadonlySet<Nature | undefined> = new Set<Nature>([
  "maximum",
  "extremum",
  "selection",
  "unpooling",
  "step",
]);
/** Excitation has no rule for products of matrices of both signs. */
const bothComputed = "a product of matrices that are both computed may be of any sign";

export interface RelevanceRules {
  readonly composite: Composite;
  /** ε of epsilon rules that name none. */
  readonly epsilon: number;
  /** Keep positive relevance positive: sums by the parts of their sign, no biases (excitation backprop). */
  readonly excitation?: boolean;
  /** Bounds of the value a layer reads, for zBox. */
  readonly box?: (input: ValueName, settings: Extract<RuleSettings, { rule: "zBox" }>) => ValueBounds;
}

/** What the steps of one network are chosen by. */
interface Choosing {
  readonly sizeOf: SizeOf;
  /** What is added to other divisors than those of epsilon rules. */
  readonly small: number;
  readonly excitation: boolean;
  readonly factors: Factors;
  /** Whether an operation stands behind the first layer that is linear. */
  isBehindFirst(operation: Operation): boolean;
  /** A matrix of constants in front of the value, or several of them, or a product of two values. */
  product(operation: Operation): BackwardStep | string;
}

/** Chooses the steps of a network's operations, Zennit's way. */
export function relevanceLens(model: LoadedModel, network: Network, rules: RelevanceRules): Lens {
  const { composite, epsilon, excitation = false } = rules;
  const sizeOf: SizeOf = (name) => model.sampleSize(name);
  // A smaller ε is meant to come nearer to the gradient; that holds for what else is divided too.
  const small = Math.min(epsilon, stabiliser);
  const isLinearLayer = ({ node, linear: isLinear }: Operation): boolean => {
    const nature = natureOf(node.op);
    const isMatrix = isLinear && network.graph.constants.get(node.inputs[1])?.shape.length === 2;
    return nature === "convolution" || (nature === "dense" && isMatrix);
  };
  const first = network.operations.find(isLinearLayer);
  const firstConvolution = network.operations.find(({ node }) => natureOf(node.op) === "convolution");
  const named = namedLayers(model, network, composite);
  const steps = ruleSteps(model, network, rules, { sizeOf, small });
  const choosing: Choosing = {
    ...{ sizeOf, small, excitation, factors: factorsOf(network, sizeOf), product: steps.product },
    isBehindFirst: (operation) =>
      first !== undefined && network.operations.indexOf(operation) >= network.operations.indexOf(first),
  };

  return (operation) => {
    const own = named.get(operation);
    if (!isLinearLayer(operation)) {
      return own === undefined ? stepByNature(operation, choosing) : steps.other(operation, settingsOf(own));
    }
    if (own !== undefined) return steps.linear(operation, own);
    if (operation === first && composite.first !== undefined) return steps.linear(operation, composite.first);
    if (operation === firstConvolution && composite.first === undefined && composite.firstConvolution !== undefined) {
      return steps.linear(operation, composite.firstConvolution);
    }
    const isConvolution = natureOf(operation.node.op) === "convolution";
    return steps.linear(operation, isConvolution ? composite.convolution : composite.dense);
  };
}

/** The steps that rules of a composite mean. */
function ruleSteps(
  { parts: { kernels, memory } }: LoadedModel,
  network: Network,
  { composite, epsilon, excitation = false, box: boxOf }: RelevanceRules,
  { sizeOf, small }: Pick<Choosing, "sizeOf" | "small">,
) {
  /** Of a convolution or a dense layer. */
  const linear = (operation: Operation, rule: LrpRule): BackwardStep | string => {
    const settings = settingsOf(rule);
    if (settings.rule === "epsilon") return proportional(operation, sizeOf, settings.epsilon ?? epsilon);
    const found = linearRule(settings, small, !excitation);
    if (!found) return other(operation, settings);
    const layer = weighedLayer(network, operation, kernels, memory);
    const box = settings.rule === "zBox" ? boxOf?.(layer.input, settings) : undefined;
    return linearStep(layer, found, { input: sizeOf(layer.input), output: sizeOf(layer.output) }, box);
  };
  /** Of what any operation may have. */
  const other = (operation: Operation, { rule }: RuleSettings): BackwardStep | string => {
    const [input] = operation.inputs;
    if (rule === "norm") return proportional(operation, sizeOf, small);
    const fits = operation.inputs.length === 1 && sizeOf(input) === sizeOf(operation.outputs[0]);
    if (rule === "pass") return fits ? pass(operation, sizeOf) : "the rule pass needs an output as large as the input";
    return `the rule ${rule} is for convolutions and dense layers`;
  };
  /** Matrices in front of the value, or of several of them; two values have half of it each. */
  const product = (operation: Operation): BackwardStep | string => {
    const rule = settingsOf(composite.dense);
    if (!operation.linear) return excitation ? bothComputed : proportional(operation, sizeOf, small, { share: 0.5 });
    if (rule.rule === "epsilon") return proportional(operation, sizeOf, rule.epsilon ?? epsilon);
    return `the rule ${rule.rule} is for weights that stand behind the value as one matrix`;
  };
  return { linear, other, product };
}

/** The step of an operation that no rule of the composite is for. */
function stepByNature(operation: Operation, choosing: Choosing): ReturnType<Lens> {
  const { sizeOf, small, excitation, product } = choosing;
  const nature = natureOf(operation.node.op);
  const { inputs } = operation;
  const sameSize = inputs.length === 1 && sizeOf(inputs[0]) === sizeOf(operation.outputs[0]);
  if (averages.has(nature) || (sums.has(nature) && inputs.length > 1)) {
    const isDominant = excitation && nature !== "difference";
    return isDominant ? dominant(operation, sizeOf, small) : proportional(operation, sizeOf, small);
  }
  // A shift behind a linear layer is its bias; before the first one, and where biases do not count, it only moves the scale.
  if (sums.has(nature) || nature === "affine") {
    const moved = excitation || !choosing.isBehindFirst(operation);
    return (moved || choosing.factors.isOneFunction(operation)) && sameSize
      ? pass(operation, sizeOf)
      : proportional(operation, sizeOf, small);
  }
  if (operation.steady && !excitation) return proportional(operation, sizeOf, small, { steady: true });
  if (nature === "gate" && operators.get(operation.node.op)?.reach !== "same" && !excitation) {
    return softmaxTaylor(operation, sizeOf);
  }
  if (alone.has(nature) && (inputs.length === 1 || nature !== "extremum")) {
    // What repeats is summed again; a slope or an exponent that is computed only bends what it is given for.
    const isWhole = sizeOf(inputs[0]) === sizeOf(operation.outputs[0]);
    return isWhole ? pass(operation, sizeOf) : proportional(operation, sizeOf, small, { signal: inputs[0] });
  }
  if (nature === "dense") return product(operation);
  if (nature === "aggregate") return proportional(operation, sizeOf, small);
  // Where it is looked up is computed too: that only says what is seen.
  if (nature === "moves" && !operation.linear) return proportional(operation, sizeOf, small, { signal: inputs[0] });
  if (!scalings.has(nature)) return operation.linear || chosen.has(nature) ? undefined : "no rule is known for it";
  if (inputs.length === 1) return sameSize ? pass(operation, sizeOf) : proportional(operation, sizeOf, small);
  const signal = choosing.factors.signalOf(operation);
  if (signal === undefined) return proportional(operation, sizeOf, small, { share: 0.5 });
  return sizeOf(signal) === sizeOf(operation.outputs[0])
    ? signalOnly(operation, signal, sizeOf)
    : proportional(operation, sizeOf, small, { signal });
}

/** Rules that layers have by name. */
function namedLayers(model: LoadedModel, network: Network, { layers = {} }: Composite): Map<Operation, LrpRule> {
  return new Map(
    Object.entries(layers).map(([layer, rule]) => {
      const value = model.valueOf(layer);
      const operation =
        network.operations.find(({ node, outputs }) => node.name === layer || outputs.includes(value)) ?? undefined;
      if (operation) return [operation, rule] as const;
      throw new LayerError(
        `composite.layers: "${layer}" is merged with a layer before it, as lrp folds batch normalisation. Name that layer.`,
      );
    }),
  );
}
