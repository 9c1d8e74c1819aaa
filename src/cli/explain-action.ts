import type { Command } from "commander";
import { isArrayFile } from "./array-file";
import { explainCommand } from "./explain-command";
import { type ExplainFlags, methodsOf } from "./explain-flags";
import { explainManyCommand } from "./explain-many";
import { isFolder } from "./files";
import { foreignFlag } from "./method-flags";

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Says which flags do not go together, and explains one picture or many. */
export async function explainAction(
  images: readonly string[],
  flags: Writable<ExplainFlags>,
  command: Command,
): Promise<void> {
  const wrong = (message: string): never => command.error(`error: ${message}`);
  const isGiven = (name: keyof ExplainFlags): boolean => command.getOptionValueSource(name) === "cli";
  if (images.length === 0 && !flags.input) wrong("name what is to be explained: IMAGE, or --input NAME=FILE");
  if (flags.methods && isGiven("method")) wrong("--methods and --method exclude each other");
  if (flags.models && flags.model !== undefined) wrong("--models and --model exclude each other");
  if (flags.head && flags.detection !== undefined)
    wrong("--head and --detection exclude each other: attention is of no box");
  if (flags.detection !== undefined) {
    if (flags.target !== undefined || flags.position !== undefined)
      wrong("--detection and --target exclude each other: a box or a class");
    if (!isGiven("method")) flags.method = "hi-res-cam";
  } else if (flags.method === "d-rise" || flags.ofBox || flags.threshold !== undefined || flags.iou !== undefined) {
    const flag = flags.method === "d-rise" ? "--method d-rise" : flags.ofBox ? "--of-box" : "--threshold and --iou";
    wrong(`${flag} is of a box: name it with --detection`);
  }
  if (flags.npy && methodsOf(flags).length > 1) wrong("--npy writes one method's values; name it with --method");
  if (flags.head && (isGiven("method") || flags.methods))
    wrong("--head draws attention itself and takes no --method; attention-relevance follows it to an answer");
  const foreign = foreignFlag(flags);
  if (foreign) wrong(foreign);
  if (await isOfMany(images, flags)) {
    checkMany(images, flags, wrong);
    return explainManyCommand(images, flags);
  }
  const [image] = images;
  if (flags.out !== undefined && !/\.(png|svg)$/i.test(flags.out))
    wrong("pictures are written as PNG, plots of signals as SVG: name --out .png or .svg");
  const isPicture = image !== undefined && !isArrayFile(image) && !flags.input;
  if (isPicture && flags.out?.toLowerCase().endsWith(".svg")) wrong("pictures are written as PNG: name --out .png");
  return explainCommand(image, flags);
}

/** Whether there is more than one picture or network, or what belongs to many. */
async function isOfMany(images: readonly string[], flags: ExplainFlags): Promise<boolean> {
  if (images.length > 1 || flags.models || flags.report !== undefined || flags.csv !== undefined || flags.resume) {
    return true;
  }
  return images.length === 1 && (await isFolder(images[0]));
}

function checkMany(
  images: readonly string[],
  { input, of, npy, out }: ExplainFlags,
  wrong: (m: string) => never,
): void {
  if (input || of !== undefined)
    wrong(
      "several pictures, --models, --report, --csv and --resume are of networks with one input, without --input and --of",
    );
  if (npy) wrong("--npy writes one picture's values; name one picture, without --models, --report, --csv and --resume");
  if (images.includes("-"))
    wrong("standard input is one picture; name one, without --models, --report, --csv and --resume");
  if (out !== undefined && /\.(png|svg)$/i.test(out))
    wrong("of several pictures, or with --models, --report, --csv or --resume, --out is a folder, for a file of each");
}
