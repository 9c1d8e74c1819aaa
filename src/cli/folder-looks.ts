/** What the commands that look at a whole folder ask of each picture. */
import {
  type Audit,
  type AuditImages,
  type AuditOptions,
  audit,
  type Comparison,
  compareModels,
  type Model,
} from "../index";
import type { AuditFlags } from "./audit-flags";
import type { CompareFlags } from "./compare-flags";
import { loadFlaggedModel } from "./model-flags";

/** How a look goes on. */
export interface LookOptions<Part> {
  readonly from?: Part;
  readonly onCheckpoint?: (part: Part) => void | Promise<void>;
  readonly checkpointEvery?: number;
  readonly onProgress?: AuditOptions["onProgress"];
  readonly total?: number;
}

/** Looks at pictures, and leaves out those that cannot be looked at. */
export type Look<Part> = (images: AuditImages, options: LookOptions<Part>) => Promise<Part>;

/** Networks that look at pictures. */
export interface Looking<Part> extends Disposable {
  readonly models: readonly Model[];
  readonly look: Look<Part>;
}

export async function openAudit(flags: AuditFlags): Promise<Looking<Audit>> {
  const files = [flags.model, ...(flags.controlModel === undefined ? [] : [flags.controlModel])];
  return opened(
    files,
    flags,
    ([model, other]) =>
      (images, options) =>
        audit(model, images, {
          method: flags.method,
          ...(flags.layer !== undefined && { layer: flags.layer }),
          control: other ?? flags.control,
          ...(flags.seed !== undefined && { seed: flags.seed }),
          onError: "skip",
          ...options,
        }),
  );
}

export async function openComparison(flags: CompareFlags): Promise<Looking<Comparison>> {
  return opened(
    flags.models,
    flags,
    ([a, b]) =>
      (images, options) =>
        compareModels(a, b, images, {
          method: flags.method,
          ...(flags.layer !== undefined && { layer: flags.layer }),
          ...(flags.seed !== undefined && { seed: flags.seed }),
          onError: "skip",
          ...options,
        }),
  );
}

async function opened<Part>(
  files: readonly (string | undefined)[],
  flags: AuditFlags | CompareFlags,
  lookWith: (models: readonly Model[]) => Look<Part>,
): Promise<Looking<Part>> {
  const models: Model[] = [];
  const release = (): void => {
    for (const model of models) model.dispose();
  };
  try {
    for (const model of files) models.push(await loadFlaggedModel({ ...flags, model }));
  } catch (error) {
    release();
    throw error;
  }
  return { models, look: lookWith(models), [Symbol.dispose]: release };
}
