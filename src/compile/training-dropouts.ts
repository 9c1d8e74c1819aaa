import type { Graph, Node, StaticGraph } from "../graph/ir";

/**
 * Names of the Dropout nodes that would drop values at random if the file were run as it is; here they let everything through.
 *
 * @param file  the graph as it was read
 * @param specialised  the same with its constants folded
 */
export function trainingDropouts(file: Graph, specialised: StaticGraph): string[] {
  const number = (name: string | undefined): number | undefined =>
    name ? (specialised.constants.get(name) ?? file.constants.get(name))?.numbers()[0] : undefined;
  // Since operator set 12 both are inputs: the ratio, and whether the network is being trained. One that is not known may be on.
  const drops = ({ op, inputs: [, ratio, training] }: Node): boolean =>
    op === "Dropout" && Boolean(training) && number(training) !== 0 && number(ratio) !== 0;
  return file.nodes.filter(drops).map(({ name }) => name);
}
