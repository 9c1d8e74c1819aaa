/** A network seen through other rules: the same forward pass, another way back through some operations. */
import type { Network } from "../../engine/network";
import { UnsupportedOperatorError, type UnsupportedUse } from "../../errors";
import type { Operation, Pieces, Run, ValueName } from "../../operation/operation";

/** What a rule does in place of an operation's own backward step. */
export interface BackwardStep {
  /** Values it reads. */
  readonly saved: readonly ValueName[];
  /** False where it never runs the operation's own backward step, whose weights are then not needed. */
  readonly ownAdjoint: boolean;
  /** Bytes of scratch it needs. */
  scratchBytes(batch: number): number;
  backward(run: Run): void;
  /** The same piece by piece, where it takes long. */
  readonly backwardInPieces?: ((run: Run) => Pieces) | undefined;
}

/** Chooses the step of an operation; undefined: its own; a text: why the method cannot pass it. */
export type Lens = (operation: Operation) => BackwardStep | string | undefined;

/**
 * The network with other backward steps. Packed weights are shared with the network itself.
 *
 * @param within  the values that matter: only operations that make one of them are looked at
 * @throws {UnsupportedOperatorError} naming every operation the method cannot pass
 */
export function throughLens(network: Network, method: string, within: ReadonlySet<ValueName>, lens: Lens): Network {
  const unsupported: UnsupportedUse[] = [];
  const operations = network.operations.map((operation) => {
    if (!operation.outputs.some((name) => within.has(name))) return operation;
    const step = lens(operation);
    if (typeof step !== "string") return step ? replaced(operation, step, network) : operation;
    unsupported.push({ op: operation.node.op, node: operation.node.name, reason: step });
    return operation;
  });
  if (unsupported.length > 0) {
    const list = unsupported.map(({ op, node, reason }) => `${op} "${node}" (${reason})`).join("; ");
    throw new UnsupportedOperatorError(
      `${method} cannot pass ${unsupported.length} ${unsupported.length === 1 ? "operation" : "operations"} of this network: ${list}. ` +
        "Explain it by another method, for example integrated-gradients.",
      unsupported,
    );
  }
  return { ...network, operations };
}

function replaced(operation: Operation, step: BackwardStep, { prepared }: Network): Operation {
  const bytes = (direction: "forward" | "backward"): number =>
    prepared[direction].has(operation) ? 0 : operation.weightBytes[direction];
  const isNeeded = (direction: "forward" | "backward"): boolean => direction === "forward" || step.ownAdjoint;
  const { prepareInPieces } = operation;
  return {
    ...operation,
    saved: step.saved,
    weightBytes: { forward: bytes("forward"), backward: step.ownAdjoint ? bytes("backward") : 0 },
    scratchBytes: (batch, direction) =>
      direction === "forward" ? operation.scratchBytes(batch, direction) : step.scratchBytes(batch),
    prepare: (direction) => {
      if (!isNeeded(direction)) return;
      operation.prepare(direction);
      prepared[direction].add(operation);
    },
    ...(prepareInPieces && {
      *prepareInPieces(direction) {
        if (!isNeeded(direction)) return;
        yield* prepareInPieces(direction);
        prepared[direction].add(operation);
      },
    }),
    backward: (run) => step.backward(run),
    backwardInPieces: step.backwardInPieces,
  };
}
