/** What the command line prints speaks of flags: the library's own messages, found in its source, are read through the mapping. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { inFlags } from "../../src/cli/flag-words";

const option = /(?<!-)\b(inputShape|maxMemory|nSteps|stepSize|totalVariation|preprocess)\b|\bto loadModel\b/;

describe("a message of the library in the words of the command line", () => {
  const said: readonly (readonly [library: string, commandLine: string])[] = [
    ["Pass inputShape, for example [1, 3, 224, 224].", "Pass --input-shape, for example --input-shape 1,3,224,224."],
    [
      "the file fixes the shape [1, 3], inputShape is [1, 4]. Only",
      "the file fixes the shape [1, 3], --input-shape is 1,4. Only",
    ],
    ["inputShape [2, 3]: explanations take one sample", "--input-shape 2,3: explanations take one sample"],
    ["Use a larger inputShape.", "Use a larger --input-shape."],
    ["use the inputShape the network was exported with", "use the --input-shape the network was exported with"],
    [
      "Raise maxMemory, load the model with memory: 'low', or use a smaller inputShape or batchSize.",
      "Raise --max-memory, load the model with --memory low, or use a smaller --input-shape.",
    ],
    ["name the layer before them as the option output, cut", "name the layer before them with --output, cut"],
    ["without the option `output` the score", "without --output the score"],
    ['loadModel(file, { output: "scores" }) explains', "--output scores explains"],
    ["load it with { inputShape: [1, 3, 8, 8] }", "load it with --input-shape 1,3,8,8"],
    ["Pass preprocess to loadModel.", "Pass --range, --mean and --std."],
    ["preprocess.std must not be 0.", "--std must not be 0."],
    ["Pass labels to loadModel, or give the class index.", "Pass --labels, or give the class index."],
    ["window 200×200 is larger than the input", "--window 200×200 is larger than the input"],
    ["nSteps must be at least 2", "--steps must be at least 2"],
    ["not an image: pass a Tensor of that shape.", "not an image: give a .npy, .csv or .json file of that shape."],
    ["The option smooth of heatmap averages it out", "--smooth averages it out"],
    ["To pool other maps, pass images and layer.", "To pool other maps, pass --images and --layer."],
    [
      "target: one candidate's with { position: n (0 to 63), channel }, the mean",
      "target: one candidate's --target CHANNEL --position N (0 to 63), the mean",
    ],
    ["'top', { position, channel }, { mask", "'top', --target CHANNEL --position Y,X, { mask"],
    ["config: image_std must not be 0.", "--config: image_std must not be 0."],
    [
      'of: "mask" is of detectors with instance masks, and this head has none.',
      "--of-box mask is of detectors with instance masks, and this head has none.",
    ],
    [
      "masks: true is of detectors with instance masks, and this head has none: leave it out, or say with head: { masks } where they are.",
      "--instance-masks is of detectors with instance masks, and this head has none: leave it out.",
    ],
    [
      'no output that is recognised. If it is one, say how it is read, for example head: { boxes: "a" } of rows. For another output of the file load the model with output.',
      "no output that is recognised. If it is one, a program can say how it is read: detect(model, image, { head }), docs/detectors.md. Another output of the file is named with --output.",
    ],
    // Words that are no options here.
    ["its window of 9 elements has no output", "its window of 9 elements has no output"],
    ['The network has no output or layer "x".', 'The network has no output or layer "x".'],
    ["the labels of the target", "the labels of the target"],
  ];
  for (const [library, commandLine] of said) {
    it(library, () => {
      expect(inFlags(library)).toBe(commandLine);
      expect(inFlags(inFlags(library))).toBe(commandLine);
    });
  }

  it("none of those in the source speaks of an option that is no English word, or of loadModel", () => {
    // What the command line does not call, or calls with everything there.
    const elsewhere = /^src\/(deconvolution|dissect|cli)\//;
    const found = messagesOf("src").filter(({ path, text }) => option.test(text) && !elsewhere.test(path));
    expect(found.length).toBeGreaterThan(15);
    expect(
      found
        .map(({ text }) => inFlags(text.replace("preprocess.…", "preprocess.mean")))
        .filter((text) => option.test(text)),
    ).toEqual([]);
  });
});

/** The sentences in the source: literals joined by +, what is put in as an ellipsis. */
function messagesOf(folder: string): { readonly path: string; readonly text: string }[] {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return paths.flatMap((name) => {
    const path = join(folder, name);
    const source = readFileSync(path, "utf8");
    if (!option.test(source)) return [];
    const found: { path: string; text: string }[] = [];
    const visit = (node: ts.Node): void => {
      const text = textOf(node);
      if (text?.includes(" ")) found.push({ path, text });
      else if (text === undefined) node.forEachChild(visit);
    };
    visit(ts.createSourceFile(path, source, ts.ScriptTarget.ESNext));
    return found;
  });
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join("");
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined && right === undefined ? undefined : `${left ?? "…"}${right ?? "…"}`;
}
