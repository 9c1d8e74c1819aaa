/** Explains many pictures, by one network or several. */
import { htmlReport, InputError, type Model, OptionError, version } from "../index";
import { createPool, type WorkerPool } from "../pool";
import { explainEach, type FoundExplanations, mostReported, pairsOf } from "./explain-each";
import { type ExplainFlags, methodsOf } from "./explain-flags";
import { type ExplanationRecord, openRecords } from "./explanation-records";
import { explanationTable } from "./explanation-table";
import { keepInputs, liesIn, prepareFolder, writeOutputFile } from "./files";
import { filesBeside, loadFlaggedModel } from "./model-flags";
import { type NamedNetwork, networksOf } from "./networks";
import { noteWriter } from "./note-writer";
import { type PictureFile, pictureFiles } from "./picture-files";
import { digestsOfRequest, recordPath } from "./record-lines";
import { stopOnSignal } from "./stop-signal";

export async function explainManyCommand(given: readonly string[], flags: ExplainFlags): Promise<void> {
  const pictures = await picturesOf(given, flags);
  const files = flags.models ?? [flags.model];
  const state = recordPath(flags.resume, flags.report ?? flags.csv, "explanations");
  const read = [...pictures.map(({ path }) => path), ...files, ...filesBeside(flags)];
  keepInputs([flags.csv, flags.report, state], read);
  for (const path of [flags.csv, flags.report, state]) if (path !== undefined) await prepareFolder(path);
  const records = await openRecords(state, await requestOf(files, flags));
  using pool = flags.workers > 1 ? await createPool({ size: flags.workers }) : undefined;
  const opened: Model[] = [];
  const load = async (by?: WorkerPool): Promise<readonly Model[]> => {
    for (const model of files) opened.push(await loadFlaggedModel({ ...flags, model }, by?.loadModel));
    return opened.slice(-files.length);
  };
  try {
    const models = await load(pool);
    const networks = networksOf(models, files);
    const pairs = pairsOf(pictures, networks, flags);
    keepInputs(
      pairs.map(({ out }) => out),
      read,
    );
    using stop = stopOnSignal();
    const { signal } = stop;
    const onRecord = ({ image, model, says }: ExplanationRecord): void => {
      const by = networks.length > 1 ? ` (${model})` : "";
      if (!flags.json) process.stdout.write(`${image}${by}: ${says}\n`);
    };
    const found = await explainEach(pairs, flags, { records, pool, signal, onRecord });
    sayNotes(networks, found);
    if (flags.json) process.stdout.write(`${JSON.stringify(document(networks, found, signal.aborted), null, 2)}\n`);
    // What a page says of networks is read off them in this thread; a pool's lie in others.
    const described = pool && flags.report !== undefined ? await load() : models;
    await writeFiles(pictures.length, networks, found, flags, described);
    if (found.records.length === 0 && !signal.aborted) {
      throw new InputError(`None of the ${pictures.length} pictures could be explained; the notes say why.`);
    }
    if (signal.aborted) {
      const count = new Set(found.records.map(({ image }) => image)).size;
      const onward =
        state === undefined ? "--resume keeps what was found, and goes on from it" : `${state} goes on from there`;
      throw new InputError(`Stopped after ${count} of ${pictures.length} pictures; ${onward}.`);
    }
  } finally {
    for (const model of opened) model.dispose();
  }
}

/** The pictures, without overlays that an earlier run wrote below them. @throws {OptionError} if --out holds them all */
async function picturesOf(given: readonly string[], { out }: ExplainFlags): Promise<readonly PictureFile[]> {
  const all = await pictureFiles(given);
  if (out === undefined) return all;
  const found = all.filter(({ path }) => !liesIn(out, path));
  if (found.length > 0) return found;
  throw new OptionError(`--out ${out} holds the pictures themselves, and might write over them; name another folder.`);
}

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
  const models = files.map((file) => file ?? "embedded");
  const options = Object.entries(flags).filter(([name, value]) => value !== undefined && !elsewhere.has(name));
  return {
    version,
    files: await digestsOfRequest(models, flags),
    methods: methodsOf(flags),
    options: Object.fromEntries(options),
  };
}

/** Each kind of note once, and of how many pictures it is. */
function sayNotes(networks: readonly NamedNetwork[], { records, failures }: FoundExplanations): void {
  for (const { model } of networks) {
    const by = networks.length > 1 ? `${nameOf(model, networks)}, ` : "";
    const kinds = new Map<string, { about: string; message: string; images: Set<string>; isOne: boolean }>();
    const add = (kind: string, about: string, message: string, image: string): void => {
      const known = kinds.get(kind);
      if (known) {
        known.images.add(image);
        known.isOne &&= known.message === message;
      } else kinds.set(kind, { about: by + about, message, images: new Set([image]), isOne: true });
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
    for (const { about, message, images, isOne } of kinds.values()) {
      const [first] = images;
      // Where numbers differ, these are one picture's.
      const of =
        images.size === 1 ? first : isOne ? `${images.size} pictures` : `${first}, likewise ${images.size - 1} more`;
      notes.write(message, `${about}, ${of}`);
    }
    // What is wrong with the request is wrong with every picture, and is said once.
    const reasons = new Map<string, string[]>();
    for (const { image, model: name, message } of failures) {
      if (name === nameOf(model, networks)) reasons.set(message, [...(reasons.get(message) ?? []), image]);
    }
    for (const [message, [first, ...others]] of reasons) {
      const which = others.length === 0 ? `${first} was` : `${first} and ${others.length} more were`;
      notes.write(`${by}${which} left out. ${message}`);
    }
  }
}

const nameOf = (model: Model, networks: readonly NamedNetwork[]): string | undefined =>
  networks.find((network) => network.model === model)?.name;

const document = (
  networks: readonly NamedNetwork[],
  { records, failures }: FoundExplanations,
  isStopped: boolean,
): object => ({
  models: networks.map(({ name }) => name),
  images: records.map(({ image, model, predictions, explanations }) => ({ image, model, predictions, explanations })),
  failures,
  ...(isStopped && { stopped: true }),
});

async function writeFiles(
  asked: number,
  networks: readonly NamedNetwork[],
  found: FoundExplanations,
  flags: ExplainFlags,
  models: readonly Model[],
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
      models,
    },
  );
  await writeOutputFile(flags.report, new TextEncoder().encode(page));
  const first =
    asked > mostReported ? ` (the first ${mostReported} of ${asked} pictures; --csv and --json have all)` : "";
  say(`report: ${flags.report}${first}`);
}
