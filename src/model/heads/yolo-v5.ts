import { candidatesOf, readingOf } from "./candidates";
import type { HeadFamily } from "./family";

/** YOLOv3, v5 and v7 as ultralytics and their authors export them: `[1, N, 5 + C]`, decoded to centre, size, objectness, classes. */
export const yoloV5: HeadFamily = {
  name: "yolo-v5",
  recognise(clues) {
    const found = candidatesOf(clues);
    return found?.hasObjectness && !found.isRaw ? readingOf(found, clues) : undefined;
  },
};
