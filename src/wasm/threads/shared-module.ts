/**
 * The module of the kernels with its memory imported and shared in the place of one of its own: the sections that say so are
 * written anew, the code stays as it is, and so do the bits of what it computes.
 */

/** The name under which the memory is imported. */
export const memoryImport = { module: "env", name: "memory" } as const;

/** Pages of 64 KiB that wasm can address. */
export const mostPages = 65536;

const headerBytes = 8;
const section = { type: 1, import: 2, memory: 5 } as const;
const memoryKind = 2;
/** Limits with a maximum, of a memory that threads share. */
const sharedLimits = 3;

interface Section {
  readonly id: number;
  /** From its id to its end. */
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
}

/** @throws {TypeError} if the module has not one memory of its own */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const sections = sectionsOf(module);
  const memory = sections.find(({ id }) => id === section.memory);
  // A count, the kind of limits, and the pages there are at first.
  if (memory?.content[0] !== 1) throw new TypeError("the module has no memory of its own");
  if (sections.some(({ id }) => id === section.import)) throw new TypeError("the module has imports");
  const [initial] = readNumber(memory.content, 2);
  const limits = [sharedLimits, ...number(initial), ...number(mostPages)];
  const entry = [...text(memoryImport.module), ...text(memoryImport.name), memoryKind, ...limits];
  const content = [1, ...entry];
  const imports = Uint8Array.of(section.import, ...number(content.length), ...content);
  // Sections stand in the order of their ids, but for custom ones, which may stand anywhere.
  const parts = sections.flatMap(({ id, bytes }) =>
    id === section.memory ? [] : id === section.type ? [bytes, imports] : [bytes],
  );
  const all = [module.subarray(0, headerBytes), ...parts];
  const joined = new Uint8Array(all.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Pages of a module's memory when it begins. */
export function firstPages(module: Uint8Array): number {
  const memory = sectionsOf(module).find(({ id }) => id === section.memory);
  return memory ? readNumber(memory.content, 2)[0] : 1;
}

function sectionsOf(module: Uint8Array): Section[] {
  const sections: Section[] = [];
  for (let at = headerBytes; at < module.length; ) {
    const [length, begin] = readNumber(module, at + 1);
    const end = begin + length;
    sections.push({ id: module[at], bytes: module.subarray(at, end), content: module.subarray(begin, end) });
    at = end;
  }
  return sections;
}

/** A number in LEB128, seven bits a byte, and where it ends. */
function readNumber(bytes: Uint8Array, at: number): readonly [value: number, end: number] {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 127) * scale;
    if (byte < 128) return [value, at];
  }
}

function number(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

const text = (word: string): number[] => [word.length, ...[...word].map((letter) => letter.charCodeAt(0))];
