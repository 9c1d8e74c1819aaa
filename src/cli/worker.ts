/** The script of the command line's threads. */
import { parentPort, workerData } from "node:worker_threads";
import type { EvaluateFlags } from "./evaluate-flags";
import { judgeImages } from "./evaluate-worker";
import type { FolderTask } from "./folder-threads";
import { lookAtLots } from "./folder-worker";

const task = workerData as FolderTask | { readonly command: "evaluate"; readonly flags: EvaluateFlags };
if (!parentPort) throw new Error("This script is a thread of the command line.");
if (task.command === "evaluate") judgeImages(task.flags, parentPort);
else lookAtLots(task, parentPort);
