import { CsvError, parse as parseCsv } from "csv-parse/sync";
import { type NpyArray, parse as parseNpy } from "npyjs";
import { InputError } from "../index";

/** Numbers with a shape, as a file has them. */
export interface NumberArray {
  readonly data: Float32Array;
  readonly shape: readonly number[];
  /** True where the file says that its numbers are bytes, as pixels are. */
  readonly bytes: boolean;
  /** Names of the columns of a table. */
  readonly columns?: readonly string[];
}

/** What `explain` takes beside pictures. */
export const isArrayFile = (path: string): boolean => /\.(npy|csv|json)$/i.test(path);

/**
 * Reads a NumPy array (.npy), a table (.csv) or JSON: nested lists, or `{ shape, data }` as a Tensor is written.
 *
 * @throws {InputError} saying where the file is not what its name says
 */
export function readArray(path: string, bytes: Uint8Array): NumberArray {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (extension === "npy") return readNpy(path, bytes);
  return extension === "csv" ? readCsv(path, bytes) : readJsonArray(path, bytes);
}

const real = /^([iu][1248]|f[248]|b1)$/;

function readNpy(path: string, bytes: Uint8Array): NumberArray {
  const { data, shape, dtype, fortranOrder } = parsedNpy(path, bytes);
  if (!real.test(dtype)) throw new InputError(`${path} holds ${dtype} values; expected real numbers.`);
  const size = product(shape);
  const values = data as unknown as ArrayLike<number | bigint | boolean>;
  if (values.length !== size) {
    throw new InputError(`${path} says that its shape is ${shape.join("×")}, and holds ${values.length} values.`);
  }
  const numbers = Float32Array.from(values, Number);
  return { data: fortranOrder ? rowMajor(numbers, shape) : numbers, shape, bytes: dtype === "u1" };
}

function parsedNpy(path: string, bytes: Uint8Array): NpyArray {
  try {
    // A copy, for the numbers of a file need not lie where their type asks for.
    return parseNpy(littleEndian(bytes.slice()).buffer);
  } catch (error) {
    throw new InputError(`${path} is no NumPy array: ${error instanceof Error ? error.message : error}.`);
  }
}

/** npyjs reads numbers whose lowest byte comes first; other machines write the highest first, in files that say so. */
function littleEndian(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // Version 1 has the length of its header in two bytes, later ones in four.
  const start = file[6] === 1 ? 10 : 12;
  const view = new DataView(file.buffer);
  if (file.length < start) return file;
  const end = start + (start === 10 ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = new TextDecoder("latin1").decode(file.subarray(start, end));
  const [found, size] = /["']descr["']\s*:\s*["']>[iuf]([248])/.exec(header) ?? [];
  if (found === undefined) return file;
  file[start + header.indexOf(found) + found.indexOf(">")] = "<".charCodeAt(0);
  for (let at = end; at + Number(size) <= file.length; at += Number(size))
    file.subarray(at, at + Number(size)).reverse();
  return file;
}

const product = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Fortran keeps the first axis together. */
function rowMajor(data: Float32Array, shape: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => product(shape.slice(0, axis)));
  return data.map((_, place) => {
    let [rest, from] = [place, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]) * strides[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    return data[from];
  });
}

/** A header of names is known by having no number. */
function readCsv(path: string, bytes: Uint8Array): NumberArray {
  const rows = cellsOf(path, bytes);
  const isHeader = rows.length > 0 && rows[0].every((cell) => cell !== "" && Number.isNaN(Number(cell)));
  const [columns, table] = isHeader ? [rows[0], rows.slice(1)] : [undefined, rows];
  if (table.length === 0) throw new InputError(`${path} holds no numbers.`);
  const numbers = table.flatMap((cells, row) =>
    cells.map((cell, column) => {
      if (cell !== "" && Number.isFinite(Number(cell))) return Number(cell);
      const where = `row ${row + (isHeader ? 2 : 1)}, column ${column + 1}`;
      throw new InputError(`${path}, ${where}: "${cell}" is no number. Numbers have a point and no comma: 0.5.`);
    }),
  );
  return { data: Float32Array.from(numbers), shape: [table.length, table[0].length], bytes: false, columns };
}

function cellsOf(path: string, bytes: Uint8Array): string[][] {
  try {
    return parseCsv(Buffer.from(bytes), {
      ...{ bom: true, trim: true, skip_empty_lines: true },
      ...{ comment: "#", comment_no_infix: true, delimiter: [",", ";", "\t"] },
    }) as string[][];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new InputError(`${path} is no table: ${error.message}.`);
  }
}

function readJsonArray(path: string, bytes: Uint8Array): NumberArray {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new InputError(`${path} is not JSON; ${expected}.`);
  }
  const { shape, data } = typeof value === "object" && value !== null && "data" in value ? (value as Written) : {};
  const list = nestedNumbers(path, data ?? value);
  if (shape === undefined) return { ...list, bytes: false };
  if (!Array.isArray(shape) || !shape.every(Number.isInteger) || product(shape) !== list.data.length) {
    throw new InputError(
      `${path} says that its shape is ${JSON.stringify(shape)}, and holds ${list.data.length} values.`,
    );
  }
  return { data: list.data, shape, bytes: false };
}

interface Written {
  readonly shape?: unknown;
  readonly data?: unknown;
}

const expected = "an input is a list of numbers, lists of such lists, or { shape, data }";

/** Of no network that is loaded has an input more. */
const mostAxes = 32;

function nestedNumbers(path: string, value: unknown): Pick<NumberArray, "data" | "shape"> {
  if (!Array.isArray(value)) throw new InputError(`${path} holds no list; ${expected}.`);
  const shape: number[] = [];
  for (let inner: unknown = value; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  if (shape.length > mostAxes) {
    throw new InputError(
      `${path} has lists inside each other ${shape.length} deep, and at most ${mostAxes} are axes of an input.`,
    );
  }
  const numbers: number[] = [];
  const walk = (part: unknown, depth: number): void => {
    if (depth < shape.length && Array.isArray(part) && part.length === shape[depth]) {
      for (const inner of part) walk(inner, depth + 1);
    } else if (depth === shape.length && typeof part === "number") {
      numbers.push(part);
    } else {
      const got = Array.isArray(part) ? `a list of ${part.length}` : JSON.stringify(part);
      const wanted = depth < shape.length ? `a list of ${shape[depth]}` : "a number";
      throw new InputError(`${path}: expected ${wanted} after ${numbers.length} numbers, got ${got}; ${expected}.`);
    }
  };
  walk(value, 0);
  return { data: Float32Array.from(numbers), shape };
}
