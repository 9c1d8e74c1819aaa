import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const example = resolve("examples/distributed-search");
const installed = existsSync(join(example, "node_modules"));
const redis = spawnSync("redis-server", ["--version"]).status === 0;
if (!installed)
  console.log("skipped: examples/distributed-search; to run it: npm ci --prefix examples/distributed-search");
else if (!redis) console.log("skipped: BullMQ of examples/distributed-search; to run it: apt-get install redis-server");

let folder = "";
const path = (name: string): string => join(folder, name);
const json = (name: string): unknown => JSON.parse(readFileSync(path(name), "utf8"));
const run = async (words: readonly string[], env = {}): Promise<string> =>
  (await promisify(execFile)(process.execPath, words, { cwd: folder, env: { ...process.env, ...env } })).stdout;

/** The summary in the README. */
const documented = (): string =>
  /```text\n([\s\S]*?)```/.exec(readFileSync(join(example, "README.md"), "utf8"))?.[1] ?? "";

beforeAll(async () => {
  if (!installed) return;
  // As it is after npm install: the example's files, its packages, and this one.
  folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  const skipped = ["node_modules", "package-lock.json"];
  for (const name of readdirSync(example)) {
    if (!skipped.includes(name)) cpSync(join(example, name), path(name), { recursive: true });
  }
  mkdirSync(path("node_modules"));
  for (const name of readdirSync(join(example, "node_modules")))
    symlinkSync(join(example, "node_modules", name), path(`node_modules/${name}`));
  symlinkSync(resolve("."), path("node_modules/seethrough"));
  await run(["make-scenes.js", "scenes", "96", resolve("examples/images")]);
  expect(await run(["one-process.js", "scenes", "one.json"])).toBe(documented());
}, 60_000);

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true });
});

describe.skipIf(!installed)("examples/distributed-search over Cloudflare", () => {
  it("finds what one process finds", async () => {
    expect(await run(["cloudflare/local.js", "scenes", "cloudflare.json"])).toBe(documented());
    expect(json("cloudflare.json")).toEqual(json("one.json"));
  }, 60_000);

  it("finds it too where consumers and the Durable Object die, before and after they have delivered", async () => {
    writeFileSync(path("faulty.js"), faultyWorker);
    const out = await run(["cloudflare/local.js", "scenes", "faulty.json", "faulty.js"]);
    for (const fault of ["before it began", "after it delivered", "the Durable Object was killed"])
      expect(out, fault).toContain(fault);
    expect(json("faulty.json")).toEqual(json("one.json"));
  }, 60_000);
});

/** The Worker of the example in the hands of a host that kills what it runs. */
const faultyWorker = `
import worker, { Result as Plain } from "./cloudflare/worker.js";
let delivered = 0, kept = 0;
const seen = new Set();
export class Result extends Plain {
  add(part) {
    super.add(part);
    if (++kept === 3) {
      console.log("the Durable Object was killed");
      this.ctx.abort("killed");
    }
  }
}
export default {
  fetch: worker.fetch,
  async queue({ messages: [message] }, env) {
    const { shard } = message.body;
    const first = !seen.has(shard);
    seen.add(shard);
    if (first && ++delivered === 2) {
      console.log(shard + ": the consumer died before it began");
      throw new Error("died");
    }
    const ack = () => {
      if (first && delivered === 5) {
        console.log(shard + ": the consumer died after it delivered");
        throw new Error("died");
      }
      message.ack();
    };
    await worker.queue({ messages: [{ body: message.body, ack }] }, env);
  },
};
`;

describe.skipIf(!installed || !redis)("examples/distributed-search over BullMQ", () => {
  const silence = 1000;
  let server: ChildProcess | undefined;
  let env: Record<string, string> = {};
  const workers: LoggedWorker[] = [];

  beforeAll(async () => {
    const port = await freePort();
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    server = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
    const { stdout } = server;
    if (stdout) for await (const line of createInterface(stdout)) if (line.includes("Ready to accept")) break;
    env = { REDIS_URL: `redis://127.0.0.1:${port}`, SILENCE: String(silence) };
  }, 20_000);

  afterAll(async () => {
    for (const { child } of workers) child.kill("SIGKILL");
    if (!server) return;
    server.kill("SIGKILL");
    await once(server, "close");
  });

  const startWorker = (): LoggedWorker => {
    const worker = new LoggedWorker(folder, env);
    workers.push(worker);
    return worker;
  };

  it("finds what one process finds where a worker is killed, one sleeps too long, and the producer is started twice", async () => {
    const producer = spawn(process.execPath, ["bullmq/search.js", "scenes", "lost.json"], {
      cwd: folder,
      env: { ...process.env, ...env },
    });
    const killed = startWorker();
    const inHand = await killed.begins(1);
    killed.child.kill("SIGKILL");
    const sleeping = startWorker();
    const overslept = await sleeping.begins(1);
    sleeping.child.kill("SIGSTOP");
    producer.kill("SIGKILL");
    const again = run(["bullmq/search.js", "scenes", "bullmq.json"], env);
    const steady = startWorker();
    expect(await again).toBe(documented());
    sleeping.child.kill("SIGCONT");
    expect(json("bullmq.json")).toEqual(json("one.json"));
    expect(existsSync(path("lost.json"))).toBe(false);
    // What the two had in hand was taken over by the third.
    for (const shard of [inHand, overslept]) expect(steady.lines).toContain(`${shard} begins`);
  }, 60_000);

  it("audits what one process audits where a worker is killed", async () => {
    writeFileSync(path("one-audit.js"), audited);
    await run(["one-audit.js"]);
    const producer = run(["bullmq/audit.js", "scenes", "audited.json"], env);
    const killed = startWorker();
    await killed.begins(1);
    killed.child.kill("SIGKILL");
    startWorker();
    expect(await producer).toMatch(/^96 images in 7 shards, 1 unreadable\n\d+ answers, \d+ suspicions\n$/);
    expect(json("audited.json")).toEqual(json("one-audit.json"));
  }, 120_000);
});

/** The audit of the whole folder, not in shards. */
const audited = `
import { readdir, readFile, writeFile } from "node:fs/promises";
import { loadModel } from "seethrough";
import { auditShard } from "./audit.js";
const keys = await readdir("scenes");
const whole = await auditShard(await loadModel(), { keys }, (id) => readFile("scenes/" + id));
await writeFile("one-audit.json", JSON.stringify(whole));
`;

/** A worker process whose lines are kept. */
class LoggedWorker {
  readonly child: ChildProcess;
  readonly lines: string[] = [];

  constructor(cwd: string, env: Record<string, string>) {
    this.child = spawn(process.execPath, ["bullmq/work.js", "scenes"], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (this.child.stdout) createInterface(this.child.stdout).on("line", (line) => this.lines.push(line));
  }

  /** The shard that it begins as the `n`-th one, as soon as it says so. */
  async begins(n: number): Promise<string> {
    for (;;) {
      const begun = this.lines.filter((line) => line.endsWith("begins"));
      if (begun.length >= n) return begun[n - 1].split(" ")[0];
      if (this.child.exitCode !== null) throw new Error(`the worker ended:\n${this.lines.join("\n")}`);
      await new Promise((done) => setTimeout(done, 2));
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
