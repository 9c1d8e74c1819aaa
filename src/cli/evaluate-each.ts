/** Judges many images, as many at once as there are judges, and goes on where one cannot be judged. */
import { existsSync } from "node:fs";
import { LayerError, MemoryError, OptionError, SeethroughError, TargetError } from "../index";
import type { EvaluateFlags } from "./evaluate-flags";
import type { Judge } from "./evaluate-one";
import type { EvaluationFile, EvaluationRecord } from "./evaluation-records";
import { readInputFile } from "./files";
import { inFlags } from "./flag-words";
import { maskPathOf } from "./picture-files";
import { progressBar } from "./progress-bar";

const controls = 3;

/** An image that a network is to judge. */
export interface ImageOfNetwork {
  readonly path: string;
  /** The network, by its place among them. */
  readonly network: number;
  /** What it is called, where there are several. */
  readonly model?: string;
  /** Whether a page shows it. */
  readonly isShown: boolean;
}

export interface Judged {
  readonly records: readonly EvaluationRecord[];
  readonly failures: readonly { readonly image: string; readonly model?: string; readonly message: string }[];
}

/** What is wrong with the request, not with one picture. */
const ofRequest = [OptionError, TargetError, LayerError, MemoryError];

export const isOfRequest = (error: unknown): boolean => ofRequest.some((kind) => error instanceof kind);

/**
 * Each image once by each network, those that were kept not again, until a signal ends it; what was judged until then is returned in the
 * order of what was given, whoever judged it.
 */
export async function judgeEach(
  images: readonly ImageOfNetwork[],
  judges: readonly Judge[],
  {
    flags,
    file,
    signal,
  }: { readonly flags: EvaluateFlags; readonly file: EvaluationFile; readonly signal: AbortSignal },
): Promise<Judged> {
  const each = flags.methods.length + controls;
  const bar = progressBar("evaluate");
  const found = new Array<EvaluationRecord | string | undefined>(images.length).fill(undefined);
  let [next, maps, isOver] = [0, 0, false];
  const judgeNext = async (judge: Judge): Promise<void> => {
    const i = next++;
    const { path, network, model, isShown } = images[i];
    let own = 0;
    const onMap = (): void => {
      own++;
      if (!isOver) bar.update(++maps, images.length * each);
    };
    try {
      const bytes = await filesOf(path);
      const kept = file.find(path, bytes, { model, isShown });
      const record = kept ?? {
        ...(model !== undefined && { model }),
        ...(await judge({ path, bytes, network, isShown }, { signal, onMap })),
      };
      if (!kept) await file.add(record, bytes);
      found[i] = record;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof SeethroughError) || isOfRequest(error)) throw error;
      found[i] = inFlags(error.message);
    }
    maps += each - own;
    if (!isOver) bar.update(maps, images.length * each);
  };
  try {
    await Promise.all(
      judges.map(async (judge) => {
        while (next < images.length && !signal.aborted && !isOver) await judgeNext(judge);
      }),
    );
  } finally {
    isOver = true;
    bar.stop();
  }
  return {
    records: found.filter((each) => typeof each === "object"),
    failures: found.flatMap((message, i) => {
      const { path, model } = images[i];
      return typeof message === "string" ? [{ image: path, ...(model !== undefined && { model }), message }] : [];
    }),
  };
}

/** The picture's bytes, and those of its mask where there is one. */
async function filesOf(path: string): Promise<readonly Uint8Array[]> {
  const mask = maskPathOf(path);
  const picture = await readInputFile(path);
  return existsSync(mask) ? [picture, await readInputFile(mask)] : [picture];
}
