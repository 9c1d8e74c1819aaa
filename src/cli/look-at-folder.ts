/** Looks at every picture of a folder, by one thread or several, and keeps what was found. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { type Audit, type AuditImage, type Comparison, InputError } from "../index";
import { replaceOutputFile } from "./files";
import type { FolderFlags } from "./folder-flags";
import type { Look } from "./folder-looks";
import { type FolderTask, type LotPicture, lookInThreads } from "./folder-threads";
import type { LabelledPicture } from "./labelled-folder";
import { readJson } from "./model-flags";
import { progressBar } from "./progress-bar";
import { digestsOfRequest } from "./record-lines";

interface Folder<Part> {
  readonly pictures: readonly LabelledPicture[];
  readonly task: FolderTask;
  /** The networks' files. */
  readonly files: readonly string[];
  readonly look: Look<Part>;
  /** Where what was found is kept. */
  readonly state: string | undefined;
  readonly signal: AbortSignal;
  /** Called with what a reader should know of what was kept. */
  readonly onNote: (message: string) => void;
}

/** Pictures between two writings of the state, which is written as a whole: of many pictures a hundredth. */
const stateEvery = (pictures: number): number => Math.max(50, Math.ceil(pictures / 100));

/** Where an audit or comparison is kept unless the flag names a file. */
export const statePath = ({ resume, report, shard }: FolderFlags, command: "audit" | "compare"): string | undefined => {
  if (resume !== true) return resume;
  const of = shard ? `.${shard.index}-of-${shard.of}` : "";
  return `${(report ?? command).replace(/\.html$/i, "")}${of}.${command}.json`;
};

/**
 * Stops where the signal is given: what was looked at until then is a result, too.
 *
 * @throws {InputError} if what was kept is of another request, or of other pictures
 */
export async function lookAtFolder<Part extends Audit | Comparison>(folder: Folder<Part>): Promise<Part> {
  const { pictures, task, look, state, signal } = folder;
  const { workers } = task.flags;
  const digest = await pictureDigests(folder);
  const bar = progressBar(task.command);
  const isKept = state !== undefined && existsSync(state);
  try {
    let from = isKept ? await keptPart(state, folder) : undefined;
    let before = 0;
    const every = stateEvery(pictures.length);
    const keep = async (part: Part): Promise<void> => {
      if (state !== undefined) await replaceOutputFile(state, new TextEncoder().encode(JSON.stringify(part)));
    };
    if (workers > 1) {
      const joined = new Joined<Part>(from);
      // What was kept is checked before others work for it.
      if (from) await look([], { from });
      let kept: Promise<void> = Promise.resolve();
      await lookInThreads<Part>(lotsOf(pictures, digest, joined, signal, workers), task, {
        count: Math.min(workers, pictures.length),
        signal,
        onPart: (part) => {
          joined.add(part);
          bar.update(++before, pictures.length);
          const now = before % every === 0 ? joined.part() : undefined;
          if (now) kept = kept.then(async () => keep("classes" in now ? now : await look([], { from: now })));
        },
      });
      await kept;
      from = joined.part();
    }
    return await look(untilStopped(pictures, digest, signal), {
      ...(from && { from }),
      onProgress: (done) => bar.update(Math.max(done, before), pictures.length),
      total: pictures.length,
      checkpointEvery: every,
      onCheckpoint: keep,
    });
  } catch (error) {
    if (!isKept || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message} The state file is ${state}; delete it to start anew.`, { cause: error });
  } finally {
    bar.stop();
  }
}

/** Of a picture all that its result depends on: its files, the networks, and how they are read. */
async function pictureDigests({
  files,
  task: { flags },
}: Pick<Folder<unknown>, "files" | "task">): Promise<(picture: LabelledPicture) => Promise<string | undefined>> {
  const { classAxis, inputShape, output, fix } = flags;
  const request = JSON.stringify([await digestsOfRequest(files, flags), { classAxis, inputShape, output, fix }]);
  const known = new Map<string, string | undefined>();
  return async (picture) => {
    if (!known.has(picture.id)) {
      // What cannot be read is said when the picture's turn comes.
      const own = await picture.digest().catch(() => undefined);
      known.set(picture.id, own && createHash("sha256").update(`${request} ${own}`).digest("hex"));
    }
    return known.get(picture.id);
  };
}

/** What was kept of the pictures that are there. */
async function keptPart<Part extends Audit | Comparison>(
  state: string,
  { pictures, task, onNote }: Folder<Part>,
): Promise<Part> {
  const part = (await readJson(state, `a state file is written by seethrough ${task.command} --resume`)) as Part;
  // The look says what is wrong with what is no part.
  if (!Array.isArray(part?.images) || !Array.isArray(part.failures)) return part;
  const ids = new Set(pictures.map(({ id }) => id));
  const isThere = ({ id }: { readonly id: string }): boolean => ids.has(id);
  const [images, failures] = [part.images.filter(isThere), part.failures.filter(isThere)];
  const gone = part.images.length - images.length;
  if (gone > 0 && images.length === 0)
    throw new InputError(`${state} is of other pictures, none of which is here; name another file with --resume.`);
  if (gone > 0)
    onNote(
      `${gone} ${gone === 1 ? "picture" : "pictures"} of ${state} ${gone === 1 ? "is" : "are"} not here any more.`,
    );
  return { ...part, images, failures };
}

/** Ends where the signal is given. */
async function* untilStopped(
  pictures: readonly LabelledPicture[],
  digestOf: (picture: LabelledPicture) => Promise<string | undefined>,
  signal: AbortSignal,
): AsyncGenerator<AuditImage> {
  for (const picture of pictures) {
    if (signal.aborted) return;
    const { id, label, read, mask } = picture;
    const digest = await digestOf(picture);
    yield { id, image: read, mask, ...(label !== undefined && { label }), ...(digest !== undefined && { digest }) };
  }
}

/** Pictures that a thread is given at once: each result comes by itself, but a network may be copied for each lot. */
const mostOfLot = 16;

/** Those that are not known yet. */
async function* lotsOf<Part extends Audit | Comparison>(
  pictures: readonly LabelledPicture[],
  digestOf: (picture: LabelledPicture) => Promise<string | undefined>,
  joined: Joined<Part>,
  signal: AbortSignal,
  workers: number,
): AsyncGenerator<readonly LotPicture[]> {
  const size = Math.min(mostOfLot, Math.ceil(pictures.length / (4 * workers)));
  let lot: LotPicture[] = [];
  for (const picture of pictures) {
    if (signal.aborted) return;
    const { id, label } = picture;
    const digest = await digestOf(picture);
    if (digest !== undefined && joined.knows(id, digest)) continue;
    lot.push({ id, ...(label !== undefined && { label }), ...(digest !== undefined && { digest }) });
    if (lot.length < size) continue;
    yield lot;
    lot = [];
  }
  if (lot.length > 0) yield lot;
}

/** What is known of many pictures, from whoever looked. */
class Joined<Part extends Audit | Comparison> {
  readonly #images = new Map<string, Part["images"][number]>();
  readonly #failures = new Map<string, Part["failures"][number]>();
  #head: Part | undefined;

  constructor(part: Part | undefined) {
    if (part) this.add(part);
  }

  add(part: Part): void {
    this.#head ??= part;
    for (const image of part.images) this.#images.set(image.id, image);
    for (const failure of part.failures) this.#failures.set(failure.id, failure);
  }

  knows(id: string, digest: string): boolean {
    return this.#images.get(id)?.digest === digest;
  }

  /** As `from` takes it: what is found in all of them is found anew. */
  part(): Part | undefined {
    if (!this.#head) return undefined;
    const failures = [...this.#failures.values()].filter(({ id }) => !this.#images.has(id));
    const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);
    // What clusters there are is found at the end; an earlier part's are of fewer pictures.
    const { accuracy: _, ...head } = this.#head as Audit;
    const unfound =
      "classes" in head ? { ...head, unknownLabels: [], confusion: [], classes: [], suspicions: [] } : this.#head;
    return { ...(unfound as Part), images: [...this.#images.values()].sort(byId), failures: failures.sort(byId) };
  }
}
