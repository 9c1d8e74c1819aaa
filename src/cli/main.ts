#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { colormapNames, methodNames, SeethroughError, version } from "../index";
import { type ExplainFlags, explainCommand } from "./explain-command";
import { inspectCommand } from "./inspect-command";

/** Exit codes: the work is done, it could not be done, the command line is wrong. */
const exit = { done: 0, failed: 1, usage: 2 } as const;

const numberList = (text: string): number[] => {
  const values = text.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  if (values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError("expected numbers separated by commas, for example 0.485,0.456,0.406");
  }
  return values;
};

const pngName = (text: string): string => {
  if (!text.toLowerCase().endsWith(".png")) throw new InvalidArgumentError("pictures are written as PNG: name it .png");
  return text;
};

const range = (text: string): readonly [number, number] => {
  const [low, high, ...rest] = text.split("..").map(Number);
  if (rest.length > 0 || !(low < high))
    throw new InvalidArgumentError("expected two numbers as LOW..HIGH, for example 0..255");
  return [low, high];
};

const program = new Command("seethrough")
  .description("Explains what a convolutional neural network saw.")
  .version(version)
  .exitOverride()
  .showHelpAfterError("(seethrough --help shows all commands)");

program
  .command("explain")
  .description("explain a prediction: what in the image speaks for it")
  .argument("<image>", "PNG or JPEG file")
  .option("--model <file>", "ONNX file; default: the embedded pet-shop classifier")
  .addOption(
    new Option("--method <name>", `one of ${methodNames.join(", ")}, or all`)
      .default("grad-cam")
      .choices([...methodNames, "all"]),
  )
  .option("--target <label|index>", "class to explain; default: the predicted one")
  .option("--layer <name>", "layer for the CAM family (default: suggested) or for gradients at a layer")
  .option("--labels <file>", "JSON list of class names")
  .option("--out <file.png>", "write the overlay as PNG; with --method all, all methods side by side", pngName)
  .option("--npy <file>", "write the raw values as NumPy array")
  .option("--json", "print one JSON document instead of text")
  .addOption(new Option("--colormap <name>", "colours of the overlay").choices([...colormapNames]))
  .option("--mean <a,b,c>", "per-channel mean subtracted after scaling to the range", numberList)
  .option("--std <a,b,c>", "per-channel divisor", numberList)
  .option("--range <low..high>", "range that pixels are scaled to before mean and std; default 0..1", range)
  .addOption(new Option("--fit <how>", "how the image becomes the input's shape").choices(["crop", "stretch", "pad"]))
  .action((image: string, flags: ExplainFlags, command: Command) => {
    if (flags.npy && flags.method === "all")
      command.error("error: --npy writes one method's values; name it with --method");
    return explainCommand(image, flags);
  });

program
  .command("inspect")
  .description("list a model's layers, cost and suggested CAM layers")
  .argument("[model]", "ONNX file; default: the embedded pet-shop classifier")
  .option("--json", "print one JSON document instead of text")
  .action((model: string | undefined, flags: { json?: boolean }) => inspectCommand(model, flags));

// A reader that has seen enough (head, less) closes the pipe; that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exit.done);
  throw error;
});

try {
  await program.parseAsync();
  process.exitCode = exit.done;
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its message; help and version asked for are no mistake.
    process.exitCode = error.exitCode === 0 ? exit.done : exit.usage;
  } else if (error instanceof SeethroughError) {
    process.stderr.write(`seethrough: ${error.message}\n`);
    process.exitCode = exit.failed;
  } else {
    throw error;
  }
}
