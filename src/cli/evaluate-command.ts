import { basename } from "node:path";
import { InputError, type Model, ShapeError, version } from "../index";
import { type Judged, judgeEach } from "./evaluate-each";
import type { EvaluateFlags } from "./evaluate-flags";
import { judgeWith } from "./evaluate-one";
import { judgingThreads } from "./evaluate-threads";
import { evaluationCsv } from "./evaluation-csv";
import { meansOf } from "./evaluation-measures";
import { type EvaluationRecord, openEvaluations } from "./evaluation-records";
import { evaluationText } from "./evaluation-table";
import { keepInputs, writeOutputFile } from "./files";
import { filesBeside, loadFlaggedModel } from "./model-flags";
import { noteWriter } from "./note-writer";
import { pictureFiles } from "./picture-files";
import { digestsOfRequest, recordPath } from "./record-lines";
import { stopOnSignal } from "./stop-signal";

export async function evaluateCommand(given: readonly string[], flags: EvaluateFlags): Promise<void> {
  const paths = (await pictureFiles(given)).map(({ path }) => path);
  using model = await loadFlaggedModel(flags);
  if (model.input.shape.length !== 4) {
    throw new ShapeError(
      `The model "${model.name}" takes no images; deletionInsertion and the others judge its maps in a program.`,
    );
  }
  const state = recordPath(flags.resume, flags.csv, "evaluation");
  keepInputs([flags.csv, state], [...paths, flags.model, ...filesBeside(flags)]);
  const file = await openEvaluations(state, await requestOf(flags));
  using stop = stopOnSignal();
  using threads = flags.workers > 1 ? judgingThreads(Math.min(flags.workers, paths.length), flags) : undefined;
  const judges = threads?.judges ?? [judgeWith(model, flags)];
  const { records, failures } = await judgeEach(paths, judges, { flags, file, signal: stop.signal });
  const isStopped = stop.signal.aborted && records.length + failures.length < paths.length;
  const notes = noteWriter(model);
  const left = records.flatMap(({ missing }) => missing);
  for (const { method, reason } of left) notes.write(`left out. ${reason}`, method);
  if (records.length > 0 && records.every(({ methods }) => methods.length === 0))
    throw new InputError(`None of the methods could judge these images: ${flags.methods.join(", ")}.`);
  if (records.length > 0) {
    process.stdout.write(
      flags.json ? documentText(model, { records, failures, isStopped }, flags) : tables(model, records, flags),
    );
    if (flags.csv !== undefined) {
      await writeOutputFile(flags.csv, new TextEncoder().encode(evaluationCsv(records)));
      if (!flags.json) process.stdout.write(`table: ${flags.csv}\n`);
    }
  }
  if (records.length === 0 && failures.length === 1 && paths.length === 1) throw new InputError(failures[0].message);
  for (const { image, message } of failures) notes.write(`${image} was left out. ${message}`);
  if (isStopped) {
    const onward =
      state === undefined
        ? "--resume keeps what was judged, and goes on from it"
        : `the same command goes on from ${state}`;
    throw new InputError(`Stopped after ${records.length} of ${paths.length} images; ${onward}.`);
  }
  if (records.length === 0)
    throw new InputError(`None of the ${paths.length} images could be judged; the notes say why.`);
}

/** All that the numbers depend on but the images: files by what is in them, flags as they are. */
async function requestOf(flags: EvaluateFlags): Promise<object> {
  const { csv, json, resume, workers, model, labels, config, ...options } = flags;
  return { version, files: await digestsOfRequest(model === undefined ? [] : [model], flags), ...options };
}

/** Images that the heading names. */
const named = 6;

function tables(model: Model, records: readonly EvaluationRecord[], { position, seed }: EvaluateFlags): string {
  const place = position === undefined ? "" : ` at ${[position].flat().join(", ")}`;
  const seen = records.slice(0, named).map(({ image, target, probability }) => {
    const how = probability === undefined ? `score ${target.score.toFixed(2)}` : `${(100 * probability).toFixed(0)} %`;
    return `${basename(image)} (${target.label ?? `class ${target.index}`}${place} ${how})`;
  });
  const others = records.length > named ? ` and ${records.length - named} more` : "";
  const heading = `${model.name}, ${records.length === 1 ? "1 image" : `means over ${records.length} images`}\n${seen.join(", ")}${others}`;
  const objects = records.filter(({ hasMask }) => hasMask).length;
  return evaluationText(heading, records, { means: meansOf(records, seed), objects });
}

function documentText(
  model: Model,
  { records, failures, isStopped }: Judged & { readonly isStopped: boolean },
  { position, seed }: EvaluateFlags,
): string {
  const document = {
    model: model.name,
    ...(position !== undefined && { position }),
    seed,
    images: records.map(({ hasMask: _, ...record }) => record),
    means: meansOf(records, seed),
    failures,
    ...(isStopped && { stopped: true }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
