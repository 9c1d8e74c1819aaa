import { SeethroughError } from "../errors";
import type { Packaged } from "../model/kernel-choice";
import { type CreatePoolOptions, poolOf, type WorkerPool } from "./create-pool";
import { createService } from "./service";
import { poolSize } from "./size";
import { sameThread } from "./thread";

/** The pool where there are no workers: one instance in the caller's thread. */
export async function poolInThread(packaged: Packaged, options: CreatePoolOptions): Promise<WorkerPool> {
  if (options.size !== undefined) await poolSize(options.size);
  const never = async (): Promise<never> => {
    throw new SeethroughError("The caller's thread does not start again.");
  };
  return poolOf([sameThread(createService(packaged))], never);
}
