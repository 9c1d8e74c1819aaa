/** What is written behind flags: read, or refused with what is expected there. */
import { InvalidArgumentError } from "commander";
import { type MethodName, methodNames, methodTable, type UnitPosition } from "../index";
import type { Shard } from "./folder-flags";

export const pngName = (text: string): string => {
  if (!text.toLowerCase().endsWith(".png")) throw new InvalidArgumentError("pictures are written as PNG: name it .png");
  return text;
};

export const twoFiles = (text: string): readonly [string, string] => {
  const [first, second, ...rest] = text.split(",").map((file) => file.trim());
  if (!first || !second || rest.length > 0)
    throw new InvalidArgumentError("expected two model files separated by a comma");
  return [first, second];
};

export const fileList = (text: string): readonly string[] => {
  const files = text.split(",").map((file) => file.trim());
  if (!files.every((file) => file !== "")) throw new InvalidArgumentError("expected model files separated by commas");
  if (new Set(files).size < files.length) throw new InvalidArgumentError("a model is named twice");
  return files;
};

export const htmlName = (text: string): string => {
  if (!text.toLowerCase().endsWith(".html"))
    throw new InvalidArgumentError("reports are written as HTML: name it .html");
  return text;
};

export const csvName = (text: string): string => {
  if (!text.toLowerCase().endsWith(".csv")) throw new InvalidArgumentError("tables are written as CSV: name it .csv");
  return text;
};

export const sizes = (text: string): number | readonly [number, number] | readonly [number, number, number] => {
  const [, first, second, third] = /^([1-9]\d*)(?:,([1-9]\d*)(?:,([1-9]\d*))?)?$/.exec(text) ?? [];
  if (first === undefined) {
    throw new InvalidArgumentError(
      "expected a whole number of at least 1, or two, of a volume three: 8 or 8,16 or 4,8,8",
    );
  }
  if (second === undefined) return Number(first);
  return third === undefined ? [Number(first), Number(second)] : [Number(first), Number(second), Number(third)];
};

export const notNegative = (text: string): number => {
  const value = number(text);
  if (value < 0) throw new InvalidArgumentError("expected a number of at least 0");
  return value;
};

export const share = (text: string): number => {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("expected a number from 0 to 1");
  return value;
};

export const integer = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
};

export const count = (text: string): number => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("expected a whole number of at least 1");
  return Number(text);
};

/** Milliseconds of a time with its unit. */
export const duration = (text: string): number => {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === "ms" ? 1 : unit === "s" ? 1000 : 60_000);
  if (digits === undefined || !(ms > 0)) throw new InvalidArgumentError("expected a time, for example 2s, 500ms or 1m");
  return ms;
};

export const workers = (text: string): number => {
  const value = count(text);
  if (value > 256) throw new InvalidArgumentError("expected at most 256");
  return value;
};

export const units = (text: string): number[] => {
  const words = text.split(",");
  if (!words.every((word) => /^\d+$/.test(word.trim())))
    throw new InvalidArgumentError("expected whole numbers separated by commas, for example 3 or 0,3,5");
  return words.map(Number);
};

export const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("expected a number above 0");
  return value;
};

export const shard = (text: string): Shard => {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (!(index >= 1 && index <= of)) throw new InvalidArgumentError("expected I/N, for example 1/4 to 4/4");
  return { index, of };
};

export const number = (text: string): number => {
  if (text.trim() === "" || !Number.isFinite(Number(text))) throw new InvalidArgumentError("expected a number");
  return Number(text);
};

export const unitPosition = (text: string): UnitPosition => {
  if (text === "mean" || text === "centre" || text === "max") return text;
  if (!/^\d+(,\d+)?$/.test(text))
    throw new InvalidArgumentError("expected mean, centre, max or Y,X, of a list one number");
  return outputPlace(text);
};

/** A place of an output map. */
export const outputPlace = (text: string): number | readonly [number, number] => {
  const [, y, x] = /^(\d+)(?:,(\d+))?$/.exec(text) ?? [];
  if (y === undefined) throw new InvalidArgumentError("expected Y,X, of a list one number");
  return x === undefined ? Number(y) : [Number(y), Number(x)];
};

export const heads = (text: string): readonly number[] | "mean" | "all" => {
  if (text === "mean" || text === "all") return text;
  if (!/^\d+(,\d+)*$/.test(text)) throw new InvalidArgumentError("expected numbers separated by commas, mean or all");
  return text.split(",").map(Number);
};

/** Those of networks with attention too. */
export const listed: readonly MethodName[] = methodTable.map(({ name }) => name);

export const methodList = (text: string): readonly MethodName[] =>
  text === "all"
    ? methodNames
    : [
        ...new Set(
          text.split(",").map((word) => {
            const name = listed.find((method) => method === word.trim());
            if (name === undefined)
              throw new InvalidArgumentError(
                `"${word}" is no method; expected names separated by commas, of ${listed.join(", ")}`,
              );
            return name;
          }),
        ),
      ];

export const listedMethods = (text: string): readonly MethodName[] => (text === "all" ? listed : methodList(text));
