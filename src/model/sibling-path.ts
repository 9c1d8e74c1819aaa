import { ModelError } from "../errors";

/**
 * The path of a file beside a model, as the model names it, in its parts.
 *
 * A model may be anybody's, and must not reach for other files than its own: only what lies in its folder or below.
 *
 * @throws {ModelError} if the path is absolute, leads out of the folder, or is an address or a path of Windows
 */
export function siblingPath(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const leadsOut =
    path.startsWith("/") || parts.includes("..") || /[\\\0]/.test(path) || /^[a-z][a-z0-9+.-]*:/i.test(path);
  if (!leadsOut && parts.length > 0) return parts;
  throw new ModelError(
    `The model names the file ${JSON.stringify(path)}. The files of a model lie in its own folder or below it, and are named by ` +
      'a relative path with "/" between its parts; this one is not read. Export the network again, in one folder.',
  );
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
      `The file "${path}" would lie beside the model, and ${model.protocol} addresses have no place beside them. ` +
        "Pass all files of the model by name.",
    );
  }
  address.search = model.search;
  return address;
}
