/** Explains many pictures, by one network or several. */
import { htmlReport, InputError, type Model, version } from "../index";
import { createPool } from "../pool";
import { explainEach, type Found, mostReported, type Network } from "./explain-each";
import { type ExplainFlags, methodsOf } from "./explain-flags";
import { type ExplanationRecord, openRecords } from "./explanation-records";
import { explanationTable } from "./explanation-table";
import { writeOutputFile } from "./files";
import { loadFlaggedModel } from "./model-flags";
import { noteWriter } from "./note-writer";
import { pictureFiles } from "./picture-files";
import { digestsOf } from "./record-lines";
import { stopOnSignal } from "./stop-signal";

export async function explainManyCommand(given: readonly string[], flags: ExplainFlags): Promise<void> {
  const pictures = await pictureFiles(given);
  const files = flags.models ?? [flags.model];
  const state = stateOf(flags);
  const records = await openRecords(state, await requestOf(files, flags));
  using pool = flags.workers > 1 ? await createPool({ size: flags.workers }) : undefined;
  const models: Model[] = [];
  try {
    for (const model of files) models.push(await loadFlaggedModel({ ...flags, model }, pool?.loadModel));
    const networks = named(models, files);
    using stop = stopOnSignal();
    const { signal } = stop;
    const onRecord = ({ image, model, says }: ExplanationRecord): void => {
      const by = networks.length > 1 ? ` (${model})` : "";
      if (!flags.json) process.stdout.write(`${image}${by}: ${says}\n`);
    };
    const found = await explainEach(pictures, networks, flags, { records, pool, signal, onRecord });
    sayNotes(networks, found);
    if (found.records.length === 0 && !signal.aborted) {
      throw new InputError(`None of the ${pictures.length} pictures could be explained; the notes say why.`);
    }
    if (flags.json) process.stdout.write(`${JSON.stringify(document(networks, found, signal.aborted), null, 2)}\n`);
    await writeFiles(pictures.length, networks, found, flags);
    if (signal.aborted) {
      const count = new Set(found.records.map(({ image }) => image)).size;
      const onward =
        state === undefined ? "--resume keeps what was found, and goes on from it" : `${state} goes on from there`;
      throw new InputError(`Stopped after ${count} of ${pictures.length} pictures; ${onward}.`);
    }
  } finally {
    for (const model of models) model.dispose();
  }
}

/** Where records are kept unless the flag names a file. */
const stateOf = ({ resume, report, csv }: ExplainFlags): string | undefined =>
  resume === true ? `${(report ?? csv ?? "explanations").replace(/\.(html|csv)$/i, "")}.jsonl` : resume;

/** What changes nothing in what is found. */
const elsewhere: ReadonlySet<string> = new Set([
  ...[
    "out",
    "json",
    "csv",
    "report",
    "resume",
    "workers",
    "colormap",
    "fullSize",
    "model",
    "models",
    "method",
    "methods",
  ],
]);

/** Everything that the records depend on. */
async function requestOf(files: readonly (string | undefined)[], flags: ExplainFlags): Promise<object> {
  const texts = [flags.labels, ...(flags.config ?? [])].filter((path) => path !== undefined);
  const read = await digestsOf([...files.map((file) => file ?? "embedded"), ...texts]);
  const options = Object.entries(flags).filter(([name, value]) => value !== undefined && !elsewhere.has(name));
  return { version, files: read, methods: methodsOf(flags), options: Object.fromEntries(options) };
}

/** Each by its own name, or by its file where two have one name. */
function named(models: readonly Model[], files: readonly (string | undefined)[]): readonly Network[] {
  const names = models.map(({ name }) => name);
  return models.map((model, i) => {
    const isAlone = names.filter((name) => name === model.name).length === 1;
    return { model, name: isAlone ? model.name : (files[i] ?? model.name) };
  });
}

/** Each kind of note once, and of how many pictures it is. */
function sayNotes(networks: readonly Network[], { records, failures }: Found): void {
  for (const { model } of networks) {
    const kinds = new Map<string, { about: string; message: string; images: Set<string> }>();
    const add = (kind: string, about: string, message: string, image: string): void => {
      const known = kinds.get(kind);
      if (known) known.images.add(image);
      else kinds.set(kind, { about, message, images: new Set([image]) });
    };
    const own = networks.length > 1 ? records.filter((record) => record.model === nameOf(model, networks)) : records;
    for (const { image, explanations, left = [] } of own) {
      for (const { method, notes } of explanations) {
        for (const { code, message } of notes) {
          if (!model.notes.some((note) => note.message === message)) add(`${method} ${code}`, method, message, image);
        }
      }
      for (const { method, message } of left) add(`${method} left`, method, `left out. ${message}`, image);
    }
    const notes = noteWriter(model);
    for (const { about, message, images } of kinds.values()) {
      notes.write(message, images.size === 1 ? `${about}, ${[...images][0]}` : `${about}, ${images.size} pictures`);
    }
    for (const failure of failures) {
      if (failure.model === nameOf(model, networks)) notes.write(`${failure.image} was left out. ${failure.message}`);
    }
  }
}

const nameOf = (model: Model, networks: readonly Network[]): string | undefined =>
  networks.find((network) => network.model === model)?.name;

const document = (networks: readonly Network[], { records, failures }: Found, isStopped: boolean): object => ({
  models: networks.map(({ name }) => name),
  images: records.map(({ image, model, predictions, explanations }) => ({ image, model, predictions, explanations })),
  failures,
  ...(isStopped && { stopped: true }),
});

async function writeFiles(
  asked: number,
  networks: readonly Network[],
  found: Found,
  flags: ExplainFlags,
): Promise<void> {
  const say = (line: string): void => void (flags.json ? undefined : process.stdout.write(`${line}\n`));
  if (flags.csv !== undefined) {
    await writeOutputFile(flags.csv, new TextEncoder().encode(explanationTable(found.records, found.failures)));
    say(`table: ${flags.csv}`);
  }
  if (flags.out !== undefined) say(`overlays: ${flags.out}`);
  if (flags.report === undefined) return;
  const shown = found.records.flatMap(({ image, model, predictions, attributions = [] }) =>
    attributions.map((attribution) => ({ image, model, predictions, attribution })),
  );
  if (shown.length === 0) return;
  const page = htmlReport(
    shown.map(({ attribution }) => attribution),
    {
      names: shown.map(({ image }) => image),
      photos: found.photos,
      predictions: shown.map(({ predictions }) => predictions),
      ...(networks.length > 1 && { networks: shown.map(({ model }) => model) }),
      models: networks.map(({ model }) => model),
    },
  );
  await writeOutputFile(flags.report, new TextEncoder().encode(page));
  const first =
    asked > mostReported ? ` (the first ${mostReported} of ${asked} pictures; --csv and --json have all)` : "";
  say(`report: ${flags.report}${first}`);
}
