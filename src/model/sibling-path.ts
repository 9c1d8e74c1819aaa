import { cut } from "../addresses";
import { show } from "../checks";
import { ModelError } from "../errors";

/**
 * The path of a file beside a model, as the model names it, in its parts.
 *
 * A model may be anybody's, and must not reach for other files than its own: only what lies in its folder or below.
 *
 * @throws {ModelError} if the path is absolute, leads out of the folder, or is an address or a path of Windows, however often
 *   it is percent-encoded
 */
export function siblingPath(path: string): string[] {
  const parts = partsOf(path);
  if (parts.length > 0 && path.length <= longestPath && !leadsOut(path)) return parts;
  throw new ModelError(
    `The model names the file ${show(cut(path))}. The files of a model lie in its own folder or below it, and are named by ` +
      'a relative path with "/" between its parts; this one is not read. Export the network again, in one folder.',
  );
}

/** What file systems take. */
const longestPath = 4096;

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

function leadsOut(path: string): boolean {
  if (/^\s*\/|[\\\0]|^\s*[a-z][a-z0-9+.-]*:/i.test(path) || partsOf(path).some((part) => part.trim() === ".."))
    return true;
  // What is encoded here may be decoded by a host on the way.
  const decoded = path.replace(/%(2e|2f|5c|25|00|3a)/gi, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return decoded !== path && leadsOut(decoded);
}

/** Whether an address lies in the folder of a model, or below it, at the same host. */
export function isBelow(address: URL, model: URL): boolean {
  // Addresses of an application's own protocol have no origin.
  if (address.protocol !== model.protocol || address.host !== model.host) return false;
  const folder = new URL(".", model).pathname;
  return address.pathname.startsWith(folder) && !leadsOut(address.pathname.slice(folder.length));
}

/**
 * The address of a file beside a model: at the same host, in the same folder or below, with the model's own query, since
 * hosts may sign an address in its query or tell by it which file of a model is meant (?tfjs-format=file).
 *
 * @throws {ModelError} if there is no such place
 */
export function siblingUrl(path: string, model: URL): URL {
  const parts = siblingPath(path);
  let address: URL;
  try {
    address = new URL(parts.map(encodeURIComponent).join("/"), new URL(".", model));
  } catch {
    // An address like data: or blob: is one file, not a place among others.
    throw new ModelError(
      `The file "${cut(path)}" would lie beside the model, and ${model.protocol} addresses have no place beside them. ` +
        "Pass all files of the model by name.",
    );
  }
  address.search = model.search;
  return address;
}
