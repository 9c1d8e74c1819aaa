/** What the commands that look at a whole folder share: what they read and write, what is left out, and Ctrl-C. */
import { type Audit, type Comparison, InputError, type Model } from "../index";
import { keepInputs, prepareFolder, writeOutputFile } from "./files";
import type { Looking } from "./folder-looks";
import type { FolderTask } from "./folder-threads";
import type { LabelledPicture } from "./labelled-folder";
import { lookAtFolder, statePath } from "./look-at-folder";
import { filesBeside } from "./model-flags";
import { noteWriter } from "./note-writer";
import { stopOnSignal } from "./stop-signal";

interface FolderCommand<Part> {
  readonly task: FolderTask;
  readonly pictures: readonly LabelledPicture[];
  /** The networks' files. */
  readonly files: readonly string[];
  readonly open: () => Promise<Looking<Part>>;
  /** Those of the networks whose notes are said. */
  readonly spoken: (models: readonly Model[]) => readonly Model[];
  /** What is done to pictures: "audited". */
  readonly done: string;
  /** The result as it is printed and written. */
  readonly told: (found: Part, models: readonly Model[]) => Told;
}

interface Told {
  readonly result: object;
  readonly table: () => string;
  readonly page: () => Promise<string>;
  readonly text: () => string;
}

/** @throws {InputError} if it was stopped, or no picture could be looked at */
export async function folderCommand<Part extends Audit | Comparison>(command: FolderCommand<Part>): Promise<void> {
  const { task, pictures, files, done } = command;
  const { flags } = task;
  const state = statePath(flags, task.command);
  const outputs = [flags.report, flags.csv, state];
  keepInputs(outputs, [...pictures.map(({ path }) => path), ...files, ...filesBeside(flags), flags.labelsCsv]);
  for (const path of outputs) if (path !== undefined) await prepareFolder(path);
  using looking = await command.open();
  const { models, look } = looking;
  const [notes] = command.spoken(models).map(noteWriter);
  using stop = stopOnSignal();
  const found = await lookAtFolder<Part>({
    ...{ pictures, files, look, state, signal: stop.signal, task },
    onNote: (message) => notes.write(message),
  });
  for (const { id, message } of found.failures) notes.write(`${id} was left out. ${message}`);
  const count = found.images.length;
  const isStopped = stop.signal.aborted && count + found.failures.length < pictures.length;
  if (count === 0 && !isStopped) throw new InputError(`None of the ${pictures.length} pictures could be ${done}.`);
  if (count > 0) await write(command.told(found, models), flags);
  if (!isStopped) return;
  const onward =
    state === undefined
      ? "--resume keeps what was found, and goes on from it"
      : `the same command goes on from ${state}`;
  throw new InputError(`Stopped after ${count} of ${pictures.length} pictures; ${onward}.`);
}

async function write({ result, table, page, text }: Told, { report, csv, json }: FolderTask["flags"]): Promise<void> {
  // Files come first: a reader of the text may have seen enough, and end the process.
  const written: string[] = [];
  for (const [name, path, made] of [
    ["table", csv, table],
    ["report", report, page],
  ] as const) {
    if (path === undefined) continue;
    await writeOutputFile(path, new TextEncoder().encode(await made()));
    written.push(`${name}: ${path}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : [text(), ...written].join(""));
}
