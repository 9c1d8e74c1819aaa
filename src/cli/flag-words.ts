/**
 * Options of the library by the flags that set them. The library's messages name its options; whoever sits at a command line
 * can only give flags.
 */
const flags: Readonly<Record<string, string>> = {
  inputShape: "--input-shape",
  output: "--output",
  labels: "--labels",
  config: "--config",
  classAxis: "--class-axis",
  preprocess: "--range, --mean and --std",
  range: "--range",
  mean: "--mean",
  std: "--std",
  channels: "--channels",
  fit: "--fit",
  memory: "--memory",
  arithmetic: "--arithmetic",
  threads: "--threads",
  maxMemory: "--max-memory",
  method: "--method",
  target: "--target",
  layer: "--layer",
  colormap: "--colormap",
  seed: "--seed",
  nSteps: "--steps",
  steps: "--steps",
  stepSize: "--step-size",
  totalVariation: "--total-variation",
  l2: "--l2",
  samples: "--samples",
  masks: "--masks",
  window: "--window",
  stride: "--stride",
  smooth: "--smooth",
  images: "--images",
  lambda: "--lambda",
};

const names = Object.keys(flags).join("|");
/** These are no English words, so that wherever they stand an option is meant. */
const unmistakable = Object.keys(flags)
  .filter((name) => /[A-Z\d]/.test(name))
  .join("|");

const list = (numbers: string): string => numbers.replaceAll(" ", "");

/** `{ name: value }` with a text, a list, or something else. */
const written = `\\{ ?(\\w+): ?(?:["']([^"']*)["']|\\[([\\d., ]+)\\]|([\\w.]+)|…) ?\\}`;

function flagAndValue(match: string, name: string, ...[text, numbers, word]: (string | undefined)[]): string {
  if (!Object.hasOwn(flags, name)) return match;
  return [flags[name], text ?? (numbers ? list(numbers) : word)].filter((part) => part !== undefined).join(" ");
}

const keysOf = (text: string): string[] =>
  [...text.replaceAll("{ value: … }", "…").matchAll(/("(?:[^"\\]|\\.)*"|[\w$]+): (?=…|\{)/g)].map(([, key]) =>
    key.startsWith('"') ? JSON.parse(key) : key,
  );
const inputFlags = (text: string): string =>
  keysOf(text)
    .map((name) => `--input ${name}=FILE`)
    .join(" ");
const fixFlags = (text: string): string =>
  keysOf(text)
    .map((name) => `--fix ${name}=VALUE`)
    .join(" ");

/** In this order: what names a value goes before what names an option. */
const rules: readonly (readonly [RegExp, string | ((match: string, ...groups: string[]) => string)])[] = [
  // Inputs by their names.
  [
    /\bGive all of them by name, \{ ([^}]*) \}, or fix those that are not to be explained: loadModel\(source, \{ inputs: \{ (.*?) \} \}\)\./g,
    (_, all, last) =>
      `Give all of them, ${inputFlags(all)}, or fix those that are not to be explained: ${fixFlags(last)}.`,
  ],
  [/\bloadModel\(source, \{ inputs: \{ (.*?) \} \}\)/g, (_, all) => fixFlags(all)],
  [/\binputs\["([^"]*)"\]\.value/g, (_, name) => `--fix ${name}`],
  // Heads of detectors are said in programs alone.
  [/^of: "mask" /, "--of-box mask "],
  [
    /^masks: true is (.*): leave it out, or say with head: \{ masks \} where they are\./,
    "--instance-masks is $1: leave it out.",
  ],
  [
    / If it is one, say how it is read, for example head: .* For another output of the file load the model with output\./,
    " If it is one, a program can say how it is read: detect(model, image, { head }), docs/detectors.md. Another output of the file is named with --output.",
  ],
  // Options written out, alone or in their call: loadModel(file, { output: "scores" }).
  [new RegExp(`\\bloadModel\\((?:\\w+, )?${written}\\)`, "g"), flagAndValue],
  [new RegExp(written, "g"), flagAndValue],
  [
    /(?:with |target: )?\{ position(?:: (n|\[y, x\]) (\([^)]*\)))?, channel \}/g,
    (_, place = "", among = "") => `--target CHANNEL --position ${place === "n" ? "N" : "Y,X"} ${among}`.trim(),
  ],
  [
    /\binputShape, for example \[([\d, ]+)\]/g,
    (_, numbers) => `--input-shape, for example --input-shape ${list(numbers)}`,
  ],
  [/\binputShape:? (is )?\[([-\d., ]*)\]/g, (_, is = "", numbers) => `--input-shape ${is}${list(numbers)}`],
  [/\bclassAxis:? (-?\d+|…)/g, "--class-axis $1"],
  [/\boutput: "([^"]*)"/g, '--output "$1"'],
  [/\bmemory: ["']low["']/g, "--memory low"],
  [/,? or batchSize\b/g, ""],
  [/\bpreprocess\.(range|mean|std|fit|channels)\b/g, (_, name) => flags[name]],
  [/\bpass a Tensor of that shape/g, "give a .npy, .csv or .json file of that shape"],
  [new RegExp(`\\b(Pass|pass|Give|give) \\{ (${names}) \\}`, "g"), (_, verb, name) => `${verb} ${flags[name]}`],
  [
    new RegExp(`\\b([Pp]ass|[Gg]ive) (${names})( to loadModel)?(?=[ .,;:])`, "g"),
    (_, verb, name) => `${verb} ${flags[name]}`,
  ],
  [/\bas the option (`?)(output)\1/g, "with --output"],
  [
    new RegExp(`\\b([Tt]he )?options? ([\`"']?)(${names})\\2(?![\\w-])( of \\w+)?`, "g"),
    (_, _the, _quote, name) => flags[name],
  ],
  [new RegExp(`\`(${names})\``, "g"), (_, name) => flags[name]],
  // The checks of options begin with what they check: window 200×200 is larger than the input.
  [new RegExp(`^(${names})(?= (?:must|is|has|takes|\\d|\\[|"))`), (_, name) => flags[name]],
  [/^config: /, "--config: "],
  [new RegExp(`(?<!--)\\b(${unmistakable})\\b`, "g"), (_, name) => flags[name]],
  [new RegExp(`(?<=\\b[Pp]ass --\\w+ and )(${names})\\b`, "g"), (_, name) => flags[name]],
  [/ to loadModel\b/g, ""],
  [/\bloadModel takes\b/g, "the model is"],
];

/** A message of the library in the words of the command line. */
export const inFlags = (message: string): string =>
  rules.reduce(
    (text, [pattern, words]) =>
      typeof words === "string" ? text.replace(pattern, words) : text.replace(pattern, words as () => string),
    message,
  );
