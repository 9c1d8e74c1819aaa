/** The part of a thread of `seethrough evaluate --workers`. */
import type { MessagePort } from "node:worker_threads";
import { type Model, SeethroughError } from "../index";
import { isOfRequest } from "./evaluate-each";
import type { EvaluateFlags } from "./evaluate-flags";
import { type ImageToJudge, judgeWith } from "./evaluate-one";
import type { ThreadMessage } from "./evaluate-threads";
import { loadFlaggedModel } from "./model-flags";

export function judgeImages(flags: EvaluateFlags, port: MessagePort): void {
  const say = (message: ThreadMessage): void => port.postMessage(message);
  const files = flags.models ?? [flags.model];
  const opened: Promise<Model>[] = [];
  /** Loaded when the first of its images comes. */
  const networkAt = (network: number): Promise<Model> => {
    opened[network] ??= loadFlaggedModel({ ...flags, model: files[network] });
    return opened[network];
  };
  const judge = judgeWith(networkAt, flags);
  // Ctrl-C ends the thread: whoever started it does.
  const { signal } = new AbortController();
  port.on("message", async (image: ImageToJudge) => {
    try {
      const record = await judge(image, { signal, onMap: () => say({ kind: "map" }) });
      say({ kind: "record", record });
    } catch (error) {
      if (error instanceof SeethroughError) {
        say({ kind: isOfRequest(error) ? "request" : "picture", message: error.message });
      } else say({ kind: "fault", error });
    }
  });
}
