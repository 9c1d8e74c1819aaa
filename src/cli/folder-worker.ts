/** The part of a thread of `seethrough audit --workers` and `compare --workers`. */
import type { MessagePort } from "node:worker_threads";
import { type Audit, type AuditImage, type Comparison, SeethroughError } from "../index";
import { type Looking, openAudit, openComparison } from "./folder-looks";
import type { FolderMessage, FolderTask, LotPicture } from "./folder-threads";
import { labelledPicture } from "./labelled-folder";

export function lookAtLots(task: FolderTask, port: MessagePort): void {
  if (task.command === "audit") answer<Audit>(openAudit(task.flags), task, port);
  else answer<Comparison>(openComparison(task.flags), task, port);
}

/** Of what a look finds, what came of one picture. */
function answer<Part extends Audit | Comparison>(
  opening: Promise<Looking<Part>>,
  { folder }: FolderTask,
  port: MessagePort,
): void {
  const say = (message: FolderMessage<Part>): void => port.postMessage(message);
  // Said with the first lot.
  opening.catch(() => {});
  port.on("message", async (lot: readonly LotPicture[]) => {
    try {
      const { look } = await opening;
      let next = 0;
      await look(
        lot.map((picture) => imageOf(folder, picture)),
        {
          checkpointEvery: 1,
          onCheckpoint: (part) => {
            // The last call is of all of them.
            if (next < lot.length) say({ kind: "part", part: ofOne(part, lot[next].id) });
            next++;
          },
        },
      );
      say({ kind: "done" });
    } catch (error) {
      say(error instanceof SeethroughError ? { kind: "refused", message: error.message } : { kind: "fault", error });
    }
  });
}

const ofOne = <Part extends Audit | Comparison>(part: Part, picture: string): Part => ({
  ...part,
  images: part.images.filter(({ id }) => id === picture),
  failures: part.failures.filter(({ id }) => id === picture),
});

function imageOf(folder: string, { id, label, digest }: LotPicture): AuditImage {
  const { read, mask } = labelledPicture(folder, id, label);
  return {
    ...{ id, image: read, mask },
    ...(label !== undefined && { label }),
    ...(digest !== undefined && { digest }),
  };
}
