#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import { colormapNames, methodNames, SeethroughError, version } from "../index";
import { auditCommand } from "./audit-command";
import type { AuditFlags } from "./audit-flags";
import { compareCommand } from "./compare-command";
import type { CompareFlags } from "./compare-flags";
import { type DetectFlags, detectCommand } from "./detect-command";
import { evaluateCommand } from "./evaluate-command";
import type { EvaluateFlags } from "./evaluate-flags";
import { explainAction } from "./explain-action";
import {
  count,
  csvName,
  duration,
  fileList,
  heads,
  htmlName,
  integer,
  listed,
  listedMethods,
  methodList,
  notNegative,
  number,
  outputPlace,
  pngName,
  positive,
  shard,
  share,
  sizes,
  twoFiles,
  unitPosition,
  units,
  workers,
} from "./flag-values";
import { inFlags } from "./flag-words";
import { type InspectFlags, inspectCommand } from "./inspect-command";
import { mergeCommand } from "./merge-command";
import { foreignFlag } from "./method-flags";
import { type MethodsFlags, methodsCommand } from "./methods-command";
import { namedValues, withModelOptions, withPictureOptions } from "./model-flags";
import { type ProjectFlags, projectCommand } from "./project-command";
import { type SearchFlags, searchCommand } from "./search-command";
import { type ToCamFlags, toCamCommand } from "./to-cam-command";
import { type VisualizeFlags, visualizeCommand } from "./visualize-command";

/** Exit codes: the work is done, it could not be done, the command line is wrong. */
const exit = { done: 0, failed: 1, usage: 2 } as const;

const program = new Command("seethrough")
  .description("Explains what a convolutional neural network saw.")
  .version(version)
  .exitOverride()
  .showHelpAfterError("(seethrough --help shows all commands)");

withModelOptions(program.command("explain"))
  .description("explain a prediction: what in the image speaks for it")
  .argument(
    "[images...]",
    "PNG, JPEG or WebP file, - for standard input; of a network for signals or other numbers a .npy, .csv or .json file; " +
      "several, or folders of pictures with their subfolders, one after the other",
  )
  .option("--models <a,b,…>", "several networks in place of --model, one after the other", fileList)
  .option("--input <name=file>", "file of one of several inputs, by its name; again for another", namedValues)
  .option("--of <name>", "of several inputs: show the one of this name alone")
  .addOption(
    new Option("--method <name>", `one of ${listed.join(", ")}, or all`)
      .default("grad-cam")
      .choices([...listed, "d-rise", "all"]),
  )
  .option("--methods <a,b,c>", "several methods in place of --method", listedMethods)
  .option("--target <label|index>", "class to explain; default: the predicted one")
  .option(
    "--detection <n>",
    "box to explain, by its number in the list of seethrough detect; then --method is hi-res-cam",
    count,
  )
  .addOption(
    new Option(
      "--of-box <part>",
      "with --detection: its score (default), its mask, or where one of its edges is",
    ).choices(["score", "mask", "left", "top", "right", "bottom"]),
  )
  .option("--threshold <n>", "with --detection: as of seethrough detect", share)
  .option("--iou <n>", "with --detection: as of seethrough detect", share)
  .option("--position <y,x>", "with --target: one place of an output map, or candidate (n) of a detector", outputPlace)
  .option("--layer <name>", "layer for the CAM family (default: suggested) or for gradients at a layer")
  .option(
    "--head <n,…>",
    "draw the attention of one head or several, of all, or their mean, at --layer; default: the last attention",
    heads,
  )
  .option("--steps <n>", "integrated-gradients: steps along the path; default 50", count)
  .option("--samples <n>", "smooth-grad, gradient-shap, lime, kernel-shap: how many; default by method", count)
  .option("--masks <n>", "rise, d-rise: how many random masks; default 4000, 5000", count)
  .option(
    "--window <h,w>",
    "occlusion: height and width of the patch, of a volume depth,h,w, or one number for all",
    sizes,
  )
  .option("--stride <y,x>", "occlusion: step between patches, or one number for all axes", sizes)
  .option("--seed <n>", "seed of what is drawn at random; default 0", integer)
  .option("--smooth <n>", "blur of values at the input in the picture, in input pixels; default by size", notNegative)
  .option(
    "--out <file>",
    "write the overlay as .png, of a signal the plot as .svg, of several methods beside each other; of several pictures a folder",
  )
  .option("--report <file.html>", "write a page of pictures, answers and maps that can be mailed", htmlName)
  .option("--csv <file.csv>", "write a table with a row for each explanation", csvName)
  .option(
    "--resume [file.jsonl]",
    "keep what was found in this file, and go on from it; default: beside --report or --csv",
  )
  .option("--full-size", "draw on the image at its own size; default: at most 1024 pixels a side, small ones enlarged")
  .option("--npy <file>", "write the raw values as NumPy array")
  .option("--json", "print one JSON document instead of text")
  .addOption(new Option("--colormap <name>", "colours of the overlay").choices([...colormapNames]))
  .option(
    "--budget <time>",
    "ends slow methods (rise, occlusion, …) after this time, 2s or 500ms, with the answer they have; all of one picture share it",
    duration,
  )
  .addOption(
    new Option("--workers <n>", "divide the passes of slow methods among workers; the result is the same to the bit")
      .argParser(workers)
      .default(1),
  )
  .action(explainAction);

withModelOptions(program.command("detect"))
  .description("find the boxes of a detector, and what speaks for them")
  .argument("<image>", "PNG, JPEG or WebP file")
  .option("--threshold <n>", "least score of a box, 0 to 1; default 0.25", share)
  .option(
    "--iou <n>",
    "overlap above which of two boxes of a class the better is kept, 0 to 1; default 0.45, or as the file does it",
    share,
  )
  .option("--top <n>", "how many boxes at most, best first; default 100", count)
  .option("--explain <n>", "explain the n best boxes", count)
  .addOption(
    new Option("--method <name>", "with --explain: how; default hi-res-cam").choices([...methodNames, "d-rise"]),
  )
  .option("--masks <n>", "rise, d-rise: how many random masks; default 4000, 5000", count)
  .option("--seed <n>", "seed of what is drawn at random; default 0", integer)
  .option("--instance-masks", "with --out: colour the instance mask of each box, of networks that make some")
  .option("--class-map <label|index>", "with --out: also how probable this class is at each place")
  .option(
    "--out <file.png>",
    "write the picture with its boxes; evidence beside it as file.1.png, file.2.png, …",
    pngName,
  )
  .option("--full-size", "draw on the image at its own size; default: at most 1024 pixels a side, small ones enlarged")
  .option("--json", "print one JSON document instead of text")
  .action((image: string, flags: DetectFlags, command: Command) => {
    if (flags.model === undefined)
      command.error("error: name a detector with --model; the embedded network is a classifier");
    if (flags.method !== undefined && flags.explain === undefined)
      command.error("error: --method belongs to --explain: add how many boxes are explained");
    if (flags.classMap !== undefined && !flags.out)
      command.error("error: --class-map is a picture; name it with --out");
    if (flags.instanceMasks && !flags.out)
      command.error("error: --instance-masks are drawn in a picture; name it with --out");
    const foreign = foreignFlag({ ...flags, method: flags.method ?? "hi-res-cam" });
    if (foreign) command.error(`error: ${foreign}`);
    return detectCommand(image, flags);
  });

withModelOptions(program.command("evaluate"))
  .description("judge methods on images: deletion, insertion, ROAD, ADCC, infidelity, random weights, beside controls")
  .argument(
    "<images...>",
    "PNG, JPEG or WebP files, or folders of such; where the object of photo.png is, photo.mask.png may say (white)",
  )
  .addOption(
    new Option("--methods <a,b,c>", "methods to judge, or all")
      .argParser(methodList)
      .default(["saliency", "integrated-gradients", "guided-backprop", "grad-cam", "occlusion"], "one of each kind"),
  )
  .option("--models <a,b,…>", "several networks in place of --model, each with tables of its own", fileList)
  .option("--target <label|index>", "class to explain; default: the predicted one of each image")
  .option("--position <y,x>", "with --target: one place of an output map, or candidate (n) of a detector", outputPlace)
  .option("--seed <n>", "seed of what is drawn at random; default 0", integer, 0)
  .option("--report <file.html>", "write a page of the tables, and of the maps that were judged", htmlName)
  .option("--csv <file.csv>", "write a table with a row for each image and method", csvName)
  .option(
    "--resume [file.jsonl]",
    "keep what was judged in this file, and go on from it; default: beside --report or --csv, or evaluation.jsonl",
  )
  .option("--json", "print one JSON document with every number and curve instead of a table")
  .addOption(
    new Option("--workers <n>", "judge so many images at once; the result is the same to the bit")
      .argParser(workers)
      .default(1),
  )
  .action((images: string[], flags: EvaluateFlags, command: Command) => {
    if (flags.models && flags.model !== undefined) command.error("error: --models and --model exclude each other");
    return evaluateCommand(images, flags);
  });

withModelOptions(program.command("audit"))
  .description(
    "look at a whole labelled folder: accuracy, clusters of evidence per class, and those that rest on the wrong thing",
  )
  .argument(
    "<folder>",
    "PNG, JPEG or WebP files; subfolders are labels; where the object of photo.png is, photo.mask.png may say (white)",
  )
  .addOption(new Option("--method <name>", "whose maps are clustered").choices([...methodNames]).default("grad-cam"))
  .option("--layer <name>", "layer of the method; default: suggested")
  .addOption(
    new Option("--control <what>", "compare with the next class of each picture, or with the last layer shuffled")
      .choices(["class", "weights"])
      .default("class"),
  )
  .option("--control-model <file>", "compare with another network instead, asked about the same class")
  .option("--labels-csv <file>", "table with a path below the folder and a label in each line, in place of subfolders")
  .option("--seed <n>", "seed of what is drawn at random; default 0", integer)
  .option("--shard <i/n>", "look at every n-th picture only, from the i-th; seethrough merge joins the results", shard)
  .option("--out, --report <file.html>", "write a report that can be mailed", htmlName)
  .option("--csv <file.csv>", "write a table with a row for each picture", csvName)
  .option("--resume [file.json]", "keep what was found in this file, and go on from it; default: beside --report")
  .option("--json", "print one JSON document instead of text")
  .addOption(
    new Option("--workers <n>", "look at so many pictures at once; the result is the same to the bit")
      .argParser(workers)
      .default(1),
  )
  .action((folder: string, flags: AuditFlags) => auditCommand(folder, flags));

withPictureOptions(program.command("compare"))
  .description("two networks on the same folder: where answers differ, and where one answer has different evidence")
  .argument("<folder>", "PNG, JPEG or WebP files; subfolders are labels")
  .requiredOption("--models <a,b>", "two model files, separated by a comma", twoFiles)
  .addOption(new Option("--method <name>", "whose maps are compared").choices([...methodNames]).default("grad-cam"))
  .option("--layer <name>", "layer of the method in both; default: each network's own")
  .option("--labels-csv <file>", "table with a path below the folder and a label in each line, in place of subfolders")
  .option("--seed <n>", "seed of what is drawn at random; default 0", integer)
  .option("--out, --report <file.html>", "write a report that can be mailed", htmlName)
  .option("--csv <file.csv>", "write a table with a row for each picture", csvName)
  .option("--resume [file.json]", "keep what was found in this file, and go on from it; default: beside --report")
  .option("--json", "print one JSON document instead of text")
  .addOption(
    new Option("--workers <n>", "look at so many pictures at once; the result is the same to the bit")
      .argParser(workers)
      .default(1),
  )
  .action((folder: string, flags: CompareFlags) => compareCommand(folder, flags));

program
  .command("methods")
  .description(
    "which method answers which question: cost in passes, what it needs, whether it fails with random weights",
  )
  .option("--json", "print one JSON document instead of text")
  .action((flags: MethodsFlags) => methodsCommand(flags));

withPictureOptions(program.command("inspect"))
  .description("list a model's layers, cost and suggested CAM layers")
  .argument("[model]", "ONNX file or TensorFlow.js model.json; default: the embedded pet-shop classifier")
  .option("--json", "print one JSON document instead of text")
  .action((model: string | undefined, flags: InspectFlags) => inspectCommand(model, flags));

withModelOptions(program.command("search"))
  .description("find the images of a folder that drive the units of a layer most")
  .argument("<directory>", "folder with PNG, JPEG or WebP files, searched with its subfolders")
  .requiredOption("--layer <name>", "layer whose units are looked at; seethrough inspect lists them")
  .option("--unit <n,…>", "one unit or several; default: all of the layer", units)
  .option("--top <n>", "images to keep per unit", count, 5)
  .option("--sample <n>", "random images to keep per unit, for quantiles", integer, 32)
  .addOption(new Option("--score <how>", "what a unit's map becomes").choices(["max", "mean"]).default("max"))
  .addOption(
    new Option("--by <what>", "rank by activation, or by relevance: activation × gradient of a class score")
      .choices(["activation", "relevance"])
      .default("activation"),
  )
  .option("--target <label|index>", "class of --by relevance; default: the predicted one of each image")
  .option("--position <y,x>", "with --target: one place of an output map, or candidate (n) of a detector", outputPlace)
  .option("--state <file.json>", "keep what was found in this file, and go on from it")
  .option("--shard <i/n>", "search every n-th file only, from the i-th; seethrough merge joins the results", shard)
  .option("--exclude <text>", "leave out files with this text in their path, for example .mask.")
  .option("--strict", "stop at the first image that cannot be read instead of leaving it out")
  .option("--out <file.png>", "write a contact sheet: strongest, middle and random images of each unit", pngName)
  .option("--projections", "on the sheet: the strongest images above their projections, as Zeiler and Fergus do")
  .option("--json", "print the result as JSON, which seethrough merge takes")
  .action((directory: string, flags: SearchFlags, command: Command) => {
    if ((flags.target ?? flags.position) !== undefined && flags.by === "activation")
      command.error("error: --target belongs to --by relevance");
    if (flags.projections && !flags.out) command.error("error: --projections are drawn on a sheet; name it with --out");
    return searchCommand(directory, flags);
  });

program
  .command("merge")
  .description(
    "join results of seethrough search --json, or of seethrough audit --json, over shards of the same images",
  )
  .argument("<parts...>", "JSON files")
  .action((parts: string[]) => mergeCommand(parts));

withModelOptions(program.command("project"))
  .description("project activations of a layer back to the image: which pattern caused them")
  .argument("<image>", "PNG, JPEG or WebP file")
  .requiredOption("--layer <name>", "layer whose activations are projected")
  .option("--unit <n>", "one unit; default: all of the layer", integer)
  .option("--keep <n>", "how many of the strongest activations are projected", count, 1)
  .addOption(
    new Option("--rule <name>", "what rectifiers send back")
      .choices(["deconvnet", "guided", "gradient"])
      .default("deconvnet"),
  )
  .option("--out <file.png>", "write what the network saw and the projection beside it", pngName)
  .option("--npy <file>", "write the raw projection as NumPy array")
  .option("--json", "print one JSON document instead of text")
  .action((image: string, flags: ProjectFlags) => projectCommand(image, flags));

withModelOptions(program.command("visualize"))
  .description("make the picture that a class, a unit or a layer likes best")
  .option("--target <label|index>", "class to make a picture of; with --start default: the class it is seen as")
  .option("--layer <name>", "layer instead of a class; without --unit the whole layer")
  .option("--unit <n>", "unit (channel) of the layer", integer)
  .option(
    "--position <where>",
    "where the unit shall answer: mean (default), centre, max or Y,X; with --target: Y,X of an output map, of a list N",
    unitPosition,
  )
  .option("--start <image>", "PNG, JPEG or WebP file to begin with; with --layer this is DeepDream")
  .addOption(
    new Option("--preset <name>", "lucid: means of feature visualisation; plain: score and L2 penalty alone")
      .default("lucid")
      .choices(["lucid", "plain"]),
  )
  .option("--steps <n>", "steps of ascent; default 256, plain 128", integer)
  .option("--step-size <n>", "length of a step; default 0.05, plain 1", number)
  .option("--l2 <n>", "weight of the penalty on large inputs; default 0, plain 0.01", number)
  .option("--total-variation <n>", "weight of the penalty on differences between neighbours; default 0", number)
  .option("--images <n>", "make several that differ from each other, side by side", count, 1)
  .option("--seed <n>", "seed of noise and transforms; default 0", integer)
  .option("--out <file.png>", "write the picture as PNG", pngName)
  .option("--json", "print one JSON document instead of text")
  .action((flags: VisualizeFlags, command: Command) => {
    if (flags.target === undefined && flags.layer === undefined && flags.start === undefined)
      command.error("error: name what to visualize: --target, or --layer with or without --unit");
    if (flags.target !== undefined && flags.layer !== undefined)
      command.error("error: --target and --layer exclude each other: a class or a layer");
    if (flags.unit !== undefined && flags.layer === undefined) command.error("error: --unit needs its --layer");
    if (flags.position !== undefined && flags.layer !== undefined && flags.unit === undefined)
      command.error("error: --position is of one unit: add --unit");
    return visualizeCommand(flags);
  });

withPictureOptions(program.command("to-cam"))
  .description("turn a classifier that flattens its maps into one with class activation maps")
  .argument("<model>", "ONNX file")
  .requiredOption("--out <file.onnx>", "write the new network")
  .option("--images <folder>", "fit a linear head to these: one folder per class, named by its label")
  .option("--layer <name>", "with --images: the maps to pool; default: the last ones before a max-pool and the head")
  .option("--lambda <number>", "with --images: penalty on large weights; default: chosen by cross-validation", positive)
  .addOption(
    new Option("--fit-to <what>", "with --images: what the head is fitted to; default: logits").choices([
      "logits",
      "labels",
    ]),
  )
  .option("--json", "print one JSON document instead of text")
  .action((model: string, flags: ToCamFlags) => toCamCommand(model, flags));

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
    process.stderr.write(`seethrough: ${inFlags(error.message)}\n`);
    process.exitCode = exit.failed;
  } else {
    throw error;
  }
}
