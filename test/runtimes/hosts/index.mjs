// Every runtime, in the order of the table.
import { browserHosts } from "./browsers.mjs";
import { cloudflareHosts } from "./cloudflare.mjs";
import { edgeHosts } from "./edge.mjs";
import { scriptHosts } from "./scripts.mjs";

/**
 * A host is `{ name, page, fuses, threads, missing, run, snippet }`: its row's name, its page in docs/runtimes, whether fused arithmetic
 * and whether threads run there, how to install it where it is missing (else undefined), the suite's report in a folder made by pack.mjs, and what the page's files print there.
 */
export const hosts = { ...scriptHosts, ...cloudflareHosts, ...edgeHosts, ...browserHosts };
