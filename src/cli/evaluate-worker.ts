/** The script of the threads of `seethrough evaluate --workers`. */
import { parentPort, workerData } from "node:worker_threads";
import { type Model, SeethroughError } from "../index";
import { isOfRequest } from "./evaluate-each";
import type { EvaluateFlags } from "./evaluate-flags";
import { type ImageToJudge, judgeWith } from "./evaluate-one";
import type { ThreadMessage } from "./evaluate-threads";
import { loadFlaggedModel } from "./model-flags";

const flags = workerData as EvaluateFlags;
const say = (message: ThreadMessage): void => parentPort?.postMessage(message);
const files = flags.models ?? [flags.model];
const opened: Promise<Model>[] = [];
/** Loaded when the first of its images comes. */
const networkAt = (network: number): Promise<Model> => {
  opened[network] ??= loadFlaggedModel({ ...flags, model: files[network] });
  return opened[network];
};
// Ctrl-C ends the thread: whoever started it does.
const { signal } = new AbortController();

parentPort?.on("message", async (image: ImageToJudge) => {
  try {
    const record = await judgeWith(networkAt, flags)(image, { signal, onMap: () => say({ kind: "map" }) });
    say({ kind: "record", record });
  } catch (error) {
    if (error instanceof SeethroughError) {
      say({ kind: isOfRequest(error) ? "request" : "picture", message: error.message });
    } else say({ kind: "fault", error });
  }
});
