/** A file that was read. */
export interface SourceFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the source tells. */
  readonly name?: string;
  /**
   * Reads another file by its path relative to this one; absent where the source has no place.
   *
   * @throws {ModelError} if there is none
   */
  readonly sibling?: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** The same of the folder above, for a path whose folder is the place of models in a repository. */
  readonly above?: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
}

/** A Node Buffer is a Uint8Array whose `slice` does not copy: what follows sees the plain kind. */
export const asPlainBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);

export const lastSegment = (path: string): string | undefined => path.split(/[\\/]/).pop() || undefined;

/** The name of a File, which a plain Blob does not have. */
export const nameOf = (blob: Blob): string | undefined =>
  "name" in blob && typeof blob.name === "string" ? blob.name : undefined;
