import { transferHandlers } from "comlink";
import { type PackedError, packError, unpackError } from "./packing";

/** Errors keep their class on the way between threads. Both sides call this before anything else. */
export function keepErrorClasses(): void {
  const usual = transferHandlers.get("throw");
  if (!usual) throw new Error("comlink has no handler of errors");
  transferHandlers.set("throw", {
    canHandle: usual.canHandle,
    serialize: ({ value }: { readonly value: unknown }) => [packError(value), []],
    deserialize(packed: PackedError): never {
      throw unpackError(packed);
    },
  });
}
