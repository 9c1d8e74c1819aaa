import { compounds } from "../src/compile/lowering/compounds";
import type { Nature, Operator } from "../src/operators/operator";
import { quantisedOperators } from "../src/operators/quantised-names";
import { operators } from "../src/operators/table";
import { builtins, customs } from "../src/tflite/operations";

const meanings: Readonly<Record<Nature, string>> = {
  affine: "a constant factor and shift per channel",
  aggregate: "another number made of several elements",
  arithmetic: "computes with constants, before the network runs",
  clamp: "keeps its input between constant bounds",
  rounding: "takes the nearest of the numbers that integers stand for",
  convolution: "weights that slide over the places of a map",
  dense: "a matrix product",
  difference: "subtracts one value from another",
  extremum: "the largest or smallest of several values",
  gate: "a function to between 0 and 1, which weighs other values",
  identity: "gives back what it gets",
  maximum: "the largest or smallest of several elements",
  mean: "averages elements",
  moves: "moves, repeats, blends or leaves out elements",
  norm: "divides elements by what others are",
  product: "multiplies values",
  quotient: "divides one value by another",
  rectifier: "a function of one number with a kink",
  selection: "takes each element from one value or another",
  smooth: "another function of one number",
  step: "jumps and is level in between: comparisons, rounding",
  sum: "adds values",
  total: "adds elements",
  unpooling: "puts elements where another operator found them",
};

function opsetsOf({ since = 1, changed = [] }: Operator): string {
  return `${since}…${changed.length > 0 ? ` (another meaning from ${changed.join(", ")})` : ""}`;
}

function refusedOf(name: string, { since = 1, build, measures }: Operator): string {
  const isWritten = quantisedOperators.has(name);
  const refused = [since > 1 && `sets before ${since}`, !build && !measures && !isWritten && "values of the image"];
  return refused.filter(Boolean).join("; ");
}

/** Rules of the methods may take the place of what is exact otherwise. */
const gradientOf = ({ build, nature }: Operator): string =>
  build
    ? nature === "step"
      ? "0 everywhere"
      : nature === "rounding"
        ? "straight through; 0 beyond the grid"
        : nature === "rectifier" || nature === "clamp"
          ? "exact; 0 or one side's at a kink"
          : "exact"
    : "none";

/** docs/operators.md, read off the table. */
export function operatorsPage(): string {
  const known = [...operators].filter(([, { internal }]) => !internal);
  const rows = known.map(([name, operator]) => {
    const tensorflow = (operator.tensorflow ?? []).map((one) => `\`${one}\``).join(", ");
    const cells = [
      `\`${name}\``,
      opsetsOf(operator),
      tensorflow,
      refusedOf(name, operator),
      operator.nature,
      quantisedOperators.has(name) ? "straight through; 0 beyond the grid" : gradientOf(operator),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const written = [...compounds.keys()].map((name) => `\`${name}\``).join(", ");
  const quantised = [...quantisedOperators].map((name) => `\`${name}\``).join(", ");
  const [lite, mediaPipe] = [builtins, customs].map((names) =>
    [...names.keys()].map((name) => `\`${name}\``).join(", "),
  );
  const natures = Object.entries(meanings).map(([nature, meaning]) => `| ${nature} | ${meaning} |`);
  return `# Operators

Every operator that runs as it stands, as [table.ts](../src/operators/table.ts) has them; \`npm run docs:operators\` writes this page. Others
are written as what they are made of while loading ([model-formats.md](model-formats.md)). Where a file's operator cannot run, one
\`UnsupportedOperatorError\` names every use with its reason; attributes and operands that an operator refuses are among them.

* **operator sets**: the sets of ONNX by which it is read, and where its meaning changes.
* **TensorFlow.js**: the operators of graphs and activations of Keras that are this operator as they stand. What else TensorFlow.js models may hold is made
  of several: [what is supported](model-formats.md#what-is-supported).
* **refused**: what no use of it may be, whatever its attributes.
* **nature**: what LRP, DeepLIFT, notes and the rewriting of networks ask for. **gradient**: none for what runs on constants alone.

| operator | operator sets | TensorFlow.js | refused | nature | gradient |
|---|---|---|---|---|---|
${rows.join("\n")}

Written by others, and so read off those: ${written}.

Of quantised networks, written as rounding to a grid and sums of whole numbers: ${quantised}
([model-formats.md](model-formats.md#quantised-networks)).

Of TensorFlow Lite: ${lite}; of MediaPipe's own: ${mediaPipe} ([model-formats.md](model-formats.md#tensorflow-lite)).

## Control flow

An \`If\` takes its branch, and a \`Loop\` or \`Scan\` runs its rounds one after the other, where the condition and the number of rounds follow from
constants and the sizes of values: all rounds are nodes of the network then, and count for \`limits.nodes\`. What asks the image is refused by the
reason.

## What jumps

Comparisons, rounding and the like are level between their jumps: their gradient is 0, and nothing of what a network computes behind them
comes back through them. A \`Where\` with a computed condition sends its gradient to the values that it chose, and none to the condition. If all
paths from a target to the input lead through jumps, every method of gradients gives zeros, and a note (\`nothing-flows\`) names the operator;
occlusion and the other methods that only ask for scores still say something. LRP sends no relevance through jumps; DeepLIFT shares out a
jump of one computed value, and refuses those of several.

Booleans that are computed from the image are 1 and 0, integers are whole floats (exact up to 2²⁴). What does the same with them as with
floats takes them: moves, comparisons, choices, sums, products, extrema. Anything else is refused by name.

| nature | means |
|---|---|
${natures.join("\n")}
`;
}
