// An entry of the build that nobody imports. What it reaches lies in files of its own, so that whoever only draws does not
// load what the engine shares with its parts on demand.
export { Tensor } from "../tensor";
export { heatmap } from "./heatmap";
export { overlay } from "./overlay";
