import { SingleBar } from "cli-progress";

/** A bar on stderr, only where stderr is a terminal and only once there is progress to report. */
export function progressBar(name: string): { update: (done: number, total: number) => void; stop: () => void } {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `${name} {bar} {value}/{total}, {eta} s left`,
    stream: process.stderr,
    clearOnComplete: true,
  });
  return {
    update: (done, total) => {
      if (bar.isActive) bar.update(done);
      else bar.start(total, done);
    },
    stop: () => bar.stop(),
  };
}
