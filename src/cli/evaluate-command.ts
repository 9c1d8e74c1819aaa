import { basename } from "node:path";
import { InputError, type Model, ShapeError, version } from "../index";
import { type ImageOfNetwork, type Judged, judgeEach } from "./evaluate-each";
import type { EvaluateFlags } from "./evaluate-flags";
import { judgeWith } from "./evaluate-one";
import { judgingThreads } from "./evaluate-threads";
import { evaluationCsv } from "./evaluation-csv";
import { meansOf } from "./evaluation-measures";
import { type EvaluationRecord, openEvaluations } from "./evaluation-records";
import { evaluationPage, type JudgedNetwork, mostShown } from "./evaluation-report";
import { evaluationText } from "./evaluation-table";
import { keepInputs, prepareFolder, writeOutputFile } from "./files";
import { filesBeside, loadFlaggedModel } from "./model-flags";
import { type NamedNetwork, networksOf } from "./networks";
import { noteWriter } from "./note-writer";
import { pictureFiles } from "./picture-files";
import { digestsOfRequest, recordPath } from "./record-lines";
import { stopOnSignal } from "./stop-signal";

export async function evaluateCommand(given: readonly string[], flags: EvaluateFlags): Promise<void> {
  const paths = (await pictureFiles(given)).map(({ path }) => path);
  const files = flags.models ?? [flags.model];
  const opened: Model[] = [];
  try {
    for (const model of files) opened.push(takingImages(await loadFlaggedModel({ ...flags, model })));
    await evaluate(paths, networksOf(opened, files), flags);
  } finally {
    for (const model of opened) model.dispose();
  }
}

function takingImages(model: Model): Model {
  if (model.input.shape.length === 4) return model;
  throw new ShapeError(
    `The model "${model.name}" takes no images; deletionInsertion and the others judge its maps in a program.`,
  );
}

async function evaluate(
  paths: readonly string[],
  networks: readonly NamedNetwork[],
  flags: EvaluateFlags,
): Promise<void> {
  const { csv, report, workers, models: files = [flags.model] } = flags;
  const state = recordPath(flags.resume, report ?? csv, "evaluation");
  keepInputs([csv, report, state], [...paths, ...files, ...filesBeside(flags)]);
  for (const path of [csv, report, state]) if (path !== undefined) await prepareFolder(path);
  const file = await openEvaluations(state, await requestOf(flags));
  const images = paths.flatMap((path, i) =>
    networks.map(
      ({ name }, network): ImageOfNetwork => ({
        ...{ path, network, isShown: report !== undefined && i < mostShown },
        ...(networks.length > 1 && { model: name }),
      }),
    ),
  );
  using stop = stopOnSignal();
  using threads = workers > 1 ? judgingThreads(Math.min(workers, images.length), flags) : undefined;
  const judges = threads?.judges ?? [judgeWith((network) => networks[network].model, flags)];
  const judged = await judgeEach(images, judges, { flags, file, signal: stop.signal });
  const { records, failures } = judged;
  const isStopped = stop.signal.aborted && records.length + failures.length < images.length;
  sayNotes(networks, records);
  if (records.length > 0 && records.every(({ methods }) => methods.length === 0))
    throw new InputError(`None of the methods could judge these images: ${flags.methods.join(", ")}.`);
  if (records.length > 0) await writeResult(networks, { ...judged, isStopped, asked: paths.length }, flags);
  if (records.length === 0 && failures.length === 1 && images.length === 1) throw new InputError(failures[0].message);
  sayFailures(failures);
  if (isStopped) {
    const onward =
      state === undefined
        ? "--resume keeps what was judged, and goes on from it"
        : `the same command goes on from ${state}`;
    const count = new Set(records.map(({ image }) => image)).size;
    throw new InputError(`Stopped after ${count} of ${paths.length} images; ${onward}.`);
  }
  if (records.length === 0)
    throw new InputError(`None of the ${paths.length} images could be judged; the notes say why.`);
}

/** All that the numbers depend on but the images: files by what is in them, flags as they are. */
async function requestOf(flags: EvaluateFlags): Promise<object> {
  const { csv, json, report, resume, workers, model, models, labels, config, ...options } = flags;
  return { version, files: await digestsOfRequest(models ?? (model === undefined ? [] : [model]), flags), ...options };
}

function sayNotes(networks: readonly NamedNetwork[], records: readonly EvaluationRecord[]): void {
  for (const { model, name } of networks) {
    const notes = noteWriter(model);
    const by = networks.length > 1 ? `${name}, ` : "";
    for (const { missing } of ofNetwork(records, name))
      for (const { method, reason } of missing) notes.write(`left out. ${reason}`, `${by}${method}`);
  }
}

/** What is wrong with a picture is wrong for every network, and is said once. */
function sayFailures(failures: Judged["failures"]): void {
  const notes = noteWriter({ notes: [] });
  for (const { image, message } of failures) notes.write(`${image} was left out. ${message}`);
}

/** Those of a network; of a single one all. */
const ofNetwork = (records: readonly EvaluationRecord[], name: string): readonly EvaluationRecord[] =>
  records.filter(({ model }) => model === undefined || model === name);

/** What was found, and of how many pictures. */
interface Result extends Judged {
  readonly isStopped: boolean;
  readonly asked: number;
}

async function writeResult(networks: readonly NamedNetwork[], result: Result, flags: EvaluateFlags): Promise<void> {
  const { records } = result;
  const found = networks.flatMap((network): JudgedNetwork[] => {
    const own = ofNetwork(records, network.name);
    return own.length > 0 ? [{ network, records: own, means: meansOf(own, flags.seed) }] : [];
  });
  // Files come first: a reader of the text may have seen enough, and end the process.
  const written: string[] = [];
  if (flags.csv !== undefined) {
    await writeOutputFile(flags.csv, new TextEncoder().encode(evaluationCsv(records)));
    written.push(`table: ${flags.csv}\n`);
  }
  if (flags.report !== undefined) {
    await writeOutputFile(flags.report, new TextEncoder().encode(await evaluationPage(found)));
    const first = result.asked > mostShown ? ` (with the first ${mostShown} of ${result.asked} pictures)` : "";
    written.push(`report: ${flags.report}${first}\n`);
  }
  if (flags.json) process.stdout.write(documentText(networks, found, result, flags));
  else process.stdout.write([found.map((each) => tables(each, flags)).join("\n"), ...written].join(""));
}

/** Images that the heading names. */
const named = 6;

function tables({ network: { name }, records, means }: JudgedNetwork, { position }: EvaluateFlags): string {
  const place = position === undefined ? "" : ` at ${[position].flat().join(", ")}`;
  const seen = records.slice(0, named).map(({ image, target, probability }) => {
    const how = probability === undefined ? `score ${target.score.toFixed(2)}` : `${(100 * probability).toFixed(0)} %`;
    return `${basename(image)} (${target.label ?? `class ${target.index}`}${place} ${how})`;
  });
  const others = records.length > named ? ` and ${records.length - named} more` : "";
  const heading = `${name}, ${records.length === 1 ? "1 image" : `means over ${records.length} images`}\n${seen.join(", ")}${others}`;
  const objects = records.filter(({ hasMask }) => hasMask).length;
  return evaluationText(heading, records, { means, objects });
}

function documentText(
  networks: readonly NamedNetwork[],
  found: readonly JudgedNetwork[],
  { records, failures, isStopped }: Result,
  { position, seed }: EvaluateFlags,
): string {
  const names = networks.map(({ name }) => name);
  const document = {
    ...(names.length > 1 ? { models: names } : { model: names[0] }),
    ...(position !== undefined && { position }),
    seed,
    images: records.map(({ hasMask: _, shown: __, ...record }) => record),
    means: found.flatMap(({ network: { name }, means }) =>
      names.length > 1 ? means.map((each) => ({ model: name, ...each })) : means,
    ),
    failures,
    ...(isStopped && { stopped: true }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
