/** All that detectors need, loaded with the first of them. */
export { decodingByNumbers, unitsByNumbers } from "./box-units";
export { detectionTarget } from "./detection-target";
export { candidatesAbove, cornersOf, probabilityOf, withoutDoubles } from "./find-boxes";
export { recogniseHead } from "./find-head";
export { boxSimilarity, type FollowedScore, followedBox, type SoughtBox } from "./followed-box";
export type { Head } from "./head";
export { inputToPicture } from "./in-picture";
export { keypointsAt } from "./keypoints";
export { maskAt, maskValues } from "./masks";
export { readHead } from "./read-head";
export { regionsBehind } from "./regions-behind";
