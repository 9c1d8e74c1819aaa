import { methodTable } from "../src/methods/table";

/** Of the options for many methods those that one of them takes; whatever else it is handed it would refuse. */
export function knownOptions<Options extends object>(method: string, options: Options): Partial<Options> {
  const facts = methodTable.find(({ name, call }) => name === method || call === method);
  const known = facts?.options.flatMap((group) => Object.keys(group)) ?? [];
  return Object.fromEntries(Object.entries(options).filter(([name]) => known.includes(name))) as Partial<Options>;
}
